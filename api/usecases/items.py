"""Items written and followed one request at a time, beside the batch jobs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import randbits
from typing import Any, NamedTuple

import msgspec

from api.usecases.item_types import KnownType, find_item_type, look_for_item_type, unknown
from api.usecases.services import Service
from shared.db import documents, updates
from shared.db.batches import BatchWriter
from shared.db.database import Session
from shared.db.updates import Updated
from shared.documentids import documentid_maker
from shared.formats.batching import MakeDocumentid, Outcome
from shared.formats.items import ItemReader, ItemType
from shared.formats.json_lines import Refusal
from shared.ground import Ground
from shared.instructions import Batch, Checkpoint, Instruction, Rejection
from shared.retries import despite_conflicts

# Of items that are told together; one alone may have more.
PORTION_BYTES = 1024 * 1024

NO_TYPE = Refusal("missing_type", "The item's headers name no type: {...} with headers.type is expected.")


class RejectedItem(NamedTuple):
    """An item that was not written."""

    position: int  # in the list, from 0
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """How far a client has followed an item type's documents."""

    after_ms: int  # since 1970
    after_id: str | None = None  # None: nothing written in that millisecond is asked for


def upsert_items(ground: Ground, service: Service, items: Sequence[bytes]) -> list[RejectedItem]:
    """Do what each item (JSON text) asks for, all in one transaction; returns those that cannot be done.

    An item without action, or with Update, replaces the stored one.
    """
    make_documentid = documentid_maker(datetime.now(UTC), randbits(30), 0)

    def upsert() -> list[RejectedItem]:
        with ground.database.begin() as session:
            return _upserted(session, service, items, make_documentid)

    return despite_conflicts(upsert)


def follow(
    ground: Ground, service: Service, item_type: str | None, place: Place, size: int
) -> "FollowedItems":
    """Up to `size` items written behind `place`, in order. Raises JobRefused for an unknown item type."""
    after_ms, after_id = place.after_ms, place.after_id
    if after_id is None:
        after_ms, after_id = after_ms + 1, ""
    with ground.database.begin() as session:
        known = find_item_type(session, service, item_type)
        found = updates.updated(session, known.collection_id, after_ms=after_ms, after_id=after_id, size=size)
    return FollowedItems(ground, known, found)


@dataclass(frozen=True, slots=True)
class FollowedItems:
    """Items that were written, in order. Only where they are is held: together they may be very large."""

    ground: Ground
    item_type: KnownType
    found: list[Updated]

    def portions(self) -> Iterator[list[tuple[Updated, str]]]:
        """Some at a time, with their properties' text as it is by now; without what was deleted meanwhile.

        No transaction is open between portions: who takes them may be slow.
        """
        for portion in _portions(self.found):
            with self.ground.database.begin() as session:
                texts = documents.some(
                    session, self.item_type.collection_id, [item.documentid for item in portion]
                )
            yield [(item, texts[item.documentid]) for item in portion if item.documentid in texts]


def _portions(found: Iterable[Updated]) -> Iterator[list[Updated]]:
    held: list[Updated] = []
    held_bytes = 0
    for item in found:
        held.append(item)
        held_bytes += item.text_bytes
        if held_bytes >= PORTION_BYTES:
            yield held
            held, held_bytes = [], 0
    if held:
        yield held


def _upserted(
    session: Session, service: Service, items: Sequence[bytes], make_documentid: MakeDocumentid
) -> list[RejectedItem]:
    by_type = defaultdict[str | None, list[int]](list)
    for position, item in enumerate(items):
        by_type[_type_of(item)].append(position)
    rejected: list[Rejection] = []
    # In the order of their names, so that two requests never wait for each other.
    for name in sorted(by_type, key=str):
        numbered = [(position + 1, items[position]) for position in by_type[name]]
        rejected += _write(session, service, name, numbered, make_documentid)
    return [RejectedItem(line.line_number - 1, line.code, line.reason) for line in sorted(rejected)]


def _write(
    session: Session,
    service: Service,
    name: str | None,
    items: Sequence[tuple[int, bytes]],
    make_documentid: MakeDocumentid,
) -> list[Rejection]:
    """Write items of one type; returns the rejected ones."""
    if name is None:
        return _all_rejected(items, NO_TYPE)
    known = look_for_item_type(session, service, name, keeps_key=True)
    if known is None:
        return _all_rejected(items, Refusal("unknown_type", unknown(name)))
    reader = ItemReader(ItemType(known.name, known.key, merges=False), make_documentid)
    batch = _batch([reader.read_line(item, number, 0) for number, item in items])
    return BatchWriter(known.collection_id).write_carefully(session, batch, _go_on).rejections


def _all_rejected(items: Sequence[tuple[int, bytes]], refusal: Refusal) -> list[Rejection]:
    return [Rejection(number, 0, len(item), None, refusal.code, refusal.reason) for number, item in items]


def _batch(outcomes: Sequence[Outcome]) -> Batch:
    return Batch(
        [outcome for outcome in outcomes if isinstance(outcome, Instruction)],
        [outcome for outcome in outcomes if isinstance(outcome, Rejection)],
        Checkpoint(0, 0),
    )


def _go_on() -> None:
    """Nothing is to be kept alive between the parts of a batch."""


class _Headers(msgspec.Struct):
    type: Any = None


class _Typed(msgspec.Struct):
    headers: _Headers | None = None


_typed = msgspec.json.Decoder(_Typed)


def _type_of(item: bytes) -> str | None:
    """The item type that the item names; None where it does not, or is no item at all."""
    try:
        headers = _typed.decode(item).headers
    except (msgspec.DecodeError, RecursionError):
        return None
    return headers.type if headers is not None and isinstance(headers.type, str) else None
