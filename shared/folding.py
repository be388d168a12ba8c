"""Lines of one batch that name the same document become one row, with the effect they have in order."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from shared.instructions import Instruction, Operation

_properties = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Folded(NamedTuple):
    """What a batch asks of the database."""

    rows: list[tuple[str, bytes]]  # documentid and properties, each documentid once, in order
    repeated: list[str]  # the documentid of each line that went into the row of an earlier one


def fold(instructions: Iterable[Instruction], operation: Operation) -> Folded:
    """One row a document, sorted by documentid, so that concurrent batches lock in one order.

    All instructions ask for `operation`. Of lines for one document the first counts where only creating
    is asked for, since by the second it exists; the last where it is replaced; otherwise later properties
    win over earlier ones, property by property. Instructions that name no document are left out.
    """
    rows: dict[str, bytes] = {}
    repeated: list[str] = []
    for instruction in instructions:
        documentid = instruction.documentid
        if documentid is None:
            continue
        if documentid not in rows:
            rows[documentid] = instruction.properties
            continue
        repeated.append(documentid)
        if operation is Operation.REPLACE:
            rows[documentid] = instruction.properties
        elif operation is not Operation.CREATE:
            rows[documentid] = merge(rows[documentid], instruction.properties)
    return Folded(sorted(rows.items()), repeated)


def merge(properties: bytes, given: bytes) -> bytes:
    """The JSON object `properties` with those of `given` set, every value's text as it came."""
    return msgspec.json.encode(_properties.decode(properties) | _properties.decode(given))
