"""Numbers with more decimal places than PostgreSQL keeps: valid JSON that it refuses, with the whole batch.

Looked for only in a batch that was refused: looking costs more than parsing the line does.
"""

import re

from shared.formats.json_lines import TEXT
from shared.instructions import Batch, Instruction, Rejection

# https://www.postgresql.org/docs/current/datatype-numeric.html
MAX_DECIMAL_PLACES = 16383

_NUMBER = re.compile(rb"\.([0-9]+)(?:[eE]([+-]?[0-9]+))?|[0-9][eE]([+-]?[0-9]+)")


def without_long_fractions(batch: Batch) -> Batch:
    """The batch with the lines that hold such a number rejected."""
    suspects = [instruction for instruction in batch.instructions if _is_refused(instruction.properties)]
    if not suspects:
        return batch
    refused = {instruction.line_number for instruction in suspects}
    kept = [instruction for instruction in batch.instructions if instruction.line_number not in refused]
    return Batch(kept, sorted([*batch.rejections, *map(_rejection, suspects)]), batch.end)


def _is_refused(properties: bytes) -> bool:
    bare = TEXT.sub(b'""', properties)
    return any(_decimal_places(match) > MAX_DECIMAL_PLACES for match in _NUMBER.finditer(bare))


def _decimal_places(match: re.Match[bytes]) -> int:
    fraction, exponent, bare_exponent = match.groups()
    shift = int((exponent or bare_exponent or b"0")[:9])
    return len(fraction or b"") - shift


def _rejection(instruction: Instruction) -> Rejection:
    return Rejection(
        instruction.line_number,
        instruction.offset,
        instruction.length,
        instruction.documentid,
        "number_out_of_range",
        f"The line holds a number with more than {MAX_DECIMAL_PLACES} decimal places.",
    )
