"""What clients bring in a round: imports with known answers, drawn from a seed."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, chain
from random import Random
from typing import Any

from shared.lifecycle import Event, Status
from tests.faults.batch_orders import ITEMS, BatchOrder, batch_orders
from tests.integration.builders import BOTH, CREATE, UPDATE
from tests.integration.model import BROKEN, REASONS, Line, ModelCollection, ModelImport, numbered

BLOCKS = 3
LINES_A_BLOCK = 1000
SHARERS = 3
SHARED_DOCUMENTS = 900
EXPORTED_DOCUMENTS = 3000
UPLOADED_LINES = 100  # a block
UNORDERED_BLOCKS = 9
UNORDERED_LINES = 300

# Only the database refuses it: the whole batch must be searched for it, so it is rare.
REFUSED_BY_DATABASE = "refused_by_database"
[POISON] = [text for text, code in BROKEN.items() if code == REFUSED_BY_DATABASE]
BAD_TEXTS = sorted(BROKEN.keys() - {POISON})


class Kind(StrEnum):
    """What becomes of an order after it was started."""

    KEPT = "kept"  # it is waited for
    PAUSED = "paused"  # paused and resumed on its way
    UNORDERED = "unordered"  # several workers take its blocks at once
    SHARED = "shared"  # one of several that write the same documents
    CANCELED = "canceled"
    DELETED = "deleted"
    DAMAGED = "damaged"  # its second block is altered in storage before it starts


@dataclass(frozen=True)
class Order:
    """One import of the Datastore door, and what is there before."""

    name: str
    kind: Kind
    collection: str
    strategies: tuple[str, ...]
    blocks: list[list[Line]]
    there_before: dict[str, str] = field(default_factory=dict)  # properties as JSON, by id

    def bodies(self) -> list[bytes]:
        """The blocks as they are uploaded."""
        return [b"".join(line.text + b"\n" for line in block) for block in self.blocks]

    def sizes_after(self, line_count: int) -> set[int]:
        """How many bytes so many lines may be: blank ones are not counted, and may be read or not."""
        lines = list(chain.from_iterable(self.blocks))
        sizes = accumulate((len(line.text) + 1 for line in lines), initial=0)
        counts = accumulate((not line.is_blank for line in lines), initial=0)
        return {size for size, count in zip(sizes, counts, strict=True) if count == line_count}

    def rejection(self, block_number: int, line_number: int, code: str) -> tuple[Any, ...]:
        """What is stored of a line that is rejected, as `outcome.REJECTIONS` lists it; without a reason where
        that is the database's."""
        *before, line = self.blocks[block_number - 1][:line_number]
        offset = sum(len(other.text) + 1 for other in before)
        documentid = json.loads(POISON)["documentid"] if line.text == POISON else None
        reason = REASONS.get(line.text)
        return block_number, line_number, code, reason, offset, len(line.text) + 1, documentid

    def model(self) -> ModelImport:
        """The import as it is when it has just been started."""
        before = {documentid: json.loads(text) for documentid, text in self.there_before.items()}
        model = ModelImport(ModelCollection(before), self.strategies, numbered(self.blocks))
        model.move(Event.START)
        return model

    def applied(self, line_count: int | None = None) -> ModelImport:
        """The model after so many lines, blank ones not counted; None: after all of them."""
        model = self.model()
        while model.status != Status.COMPLETE and (line_count is None or model.lines_read < line_count):
            model.move(Event.RUN)
            model.read_line()
        return model


@dataclass(frozen=True)
class Workload:
    """Everything that is done in one round, beside uploads and exports without end."""

    orders: list[Order]
    batch_orders: list[BatchOrder]
    exported: dict[str, str]  # properties as JSON, by id

    @property
    def line_count(self) -> int:
        """How many lines there are to apply."""
        blocks = [block for order in self.orders for block in order.blocks]
        return sum(map(len, blocks)) + ITEMS * len(self.batch_orders)


def a_workload(seed: int) -> Workload:
    """The same one for the same seed."""
    dice = Random(f"workload {seed}")
    orders = [_order(dice, f"kept-{n}", Kind.KEPT, rule) for n, rule in enumerate((BOTH, CREATE, UPDATE), 1)]
    orders += [_order(dice, "paused", Kind.PAUSED, BOTH)]
    orders += [_unordered(dice)]
    orders += [_shared(dice, number) for number in range(1, SHARERS + 1)]
    orders += [_order(dice, kind.value, kind, BOTH) for kind in (Kind.CANCELED, Kind.DELETED, Kind.DAMAGED)]
    dice.shuffle(orders)
    exported = {f"e{n:05}": json.dumps({"n": n}) for n in range(EXPORTED_DOCUMENTS)}
    return Workload(orders, batch_orders(Random(f"batch {seed}")), exported)


def an_uploaded_block(number: int) -> dict[str, str]:
    """Properties as JSON, by id, of a block that is brought for the upload's own sake."""
    return {f"u{number:04}-{n:03}": json.dumps({"n": n}) for n in range(UPLOADED_LINES)}


def lines_of(documents: dict[str, str]) -> bytes:
    """The documents as a block is uploaded."""
    lines = (json.dumps({"documentid": key} | json.loads(text)) for key, text in documents.items())
    return "".join(f"{line}\n" for line in lines).encode()


def _order(dice: Random, name: str, kind: Kind, strategies: tuple[str, ...]) -> Order:
    ids = [f"d{number:05}" for number in range(BLOCKS * LINES_A_BLOCK // 2)]
    blocks = [[_line(dice, ids) for _ in range(LINES_A_BLOCK)] for _ in range(BLOCKS)]
    before = dict.fromkeys(dice.sample(ids, len(ids) // 3), '{"b": "before"}')
    return Order(name, kind, f"/{name}", strategies, blocks, before)


def _line(dice: Random, ids: list[str]) -> Line:
    chance = dice.random()
    if chance < 0.02:
        return Line(b"", is_blank=True)
    if chance < 0.05:
        text = POISON if dice.random() < 0.02 else dice.choice(BAD_TEXTS)
        return Line(text, code=BROKEN[text])
    properties = {name: _value(dice) for name in dice.sample("abcd", 2)}
    return _document(None if chance < 0.1 else dice.choice(ids), properties)


def _value(dice: Random) -> object:
    return dice.choice([dice.randrange(1000), "é" * dice.randrange(30), {"n": [dice.randrange(9), None]}])


def _document(documentid: str | None, properties: dict[str, object]) -> Line:
    named = {} if documentid is None else {"documentid": documentid}
    return Line(json.dumps(named | properties).encode(), documentid, json.dumps(properties))


def _unordered(dice: Random) -> Order:
    """No document is named by two blocks, so that their order does not matter."""
    ids = [[f"b{block}-{n:04}" for n in range(UNORDERED_LINES // 2)] for block in range(UNORDERED_BLOCKS)]
    blocks = [[_line(dice, own) for _ in range(UNORDERED_LINES)] for own in ids]
    before = dict.fromkeys((own[0] for own in ids), '{"b": "before"}')
    return Order("unordered", Kind.UNORDERED, "/unordered", BOTH, blocks, before)


def _shared(dice: Random, number: int) -> Order:
    """Each of them sets a property of its own: what comes out does not depend on who was first."""
    lines = [_document(f"s{n:05}", {f"from-{number}": n}) for n in range(SHARED_DOCUMENTS)]
    dice.shuffle(lines)
    half = len(lines) // 2
    return Order(f"shared-{number}", Kind.SHARED, "/shared", BOTH, [lines[:half], lines[half:]])
