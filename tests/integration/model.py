"""What imports do, said a second time: documents in a plain dictionary, lines applied one by one.

It knows no database, no lease and no batch but this: work stops only at ends of batches.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.lifecycle import RUNNABLE, Event, Status, after

BATCH_LINES = 3

# Lines that are rejected whatever the strategy, and with which code.
BROKEN = {
    b"{": "invalid_json",
    b"[1]": "not_an_object",
    b"\xff": "invalid_utf8",
    b'{"a":NaN}': "not_a_number",
    rb'{"a":"\u0000"}': "nul_character",
    rb'{"a":"\ud800"}': "lone_surrogate",
    b'{"documentid":"a/b"}': "invalid_documentid",
    b'{"documentid":"poison","a":0e9999999999}': "refused_by_database",
}


@dataclass(frozen=True)
class Line:
    """One line of a block and what is known about it."""

    text: bytes
    documentid: str | None = None
    properties: str = "{}"
    code: str | None = None  # it is rejected with
    is_blank: bool = False

    def parsed(self) -> dict[str, Any]:
        return dict(json.loads(self.properties, parse_float=Decimal, parse_int=Decimal))


@dataclass
class ModelCollection:
    """Documents by id, and those whose line had none."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    unnamed: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class ModelImport:
    """An import as its owner sees it, and how far it is."""

    collection: ModelCollection
    strategies: tuple[str, ...]
    blocks: list[list[Line]]
    status: Status = Status.CONFIGURING
    block: int = 0  # index of the one to apply next
    line: int = 0  # index of the one to apply next in it
    created: int = 0
    updated: int = 0
    skipped: int = 0
    rejections: list[tuple[int, int, str]] = field(default_factory=list)
    failures: int = 0
    claims: int = 0
    is_held: bool = False  # by a worker that is heard of
    is_abandoned: bool = False  # by one that is not

    def move(self, event: Event) -> bool:
        """Whether the status allows it."""
        target = after(self.status, event)
        self.status = target or self.status
        return target is not None

    def expire(self) -> None:
        """The worker that holds a block is not heard of any longer."""
        self.is_held, self.is_abandoned = False, self.is_held or self.is_abandoned

    def work(self, batches: int, act: Callable[[], bool]) -> None:
        """What one nudge leads to; after so many batches `act` happens, and says whether to stop."""
        if self.status not in RUNNABLE or self.is_held:
            return
        self.failures += self.is_abandoned
        self.is_abandoned = False
        self.move(Event.RUN)
        if self.block == len(self.blocks):
            self.move(Event.COMPLETE)
            return
        self.claims += 1
        self._work_on_block(self.claims, batches, act)

    def _work_on_block(self, claim: int, batches: int, act: Callable[[], bool]) -> None:
        self.is_held, applied = True, 0
        while self.status == Status.RUNNING and self.claims == claim:
            ended = self._apply_batch()
            applied += 1
            stop = act() if applied == batches else False
            if ended:
                return
            if stop:
                break
        if self.claims == claim:
            self.is_held = self.is_abandoned = False

    def _apply_batch(self) -> bool:
        """Whether the block ends with it."""
        return any(self.read_line() for _ in range(BATCH_LINES))

    def read_line(self) -> bool:
        """Apply the next line; whether the block ends with it."""
        lines = self.blocks[self.block]
        self.line += 1
        self._apply(lines[self.line - 1])
        if self.line < len(lines):
            return False
        self.block, self.line, self.is_held = self.block + 1, 0, False
        if self.block == len(self.blocks):
            self.move(Event.COMPLETE)
        return True

    def _apply(self, line: Line) -> None:
        if line.is_blank:
            return
        if line.code is not None:
            self.rejections.append((self.block + 1, self.line, line.code))
        elif line.documentid is None:
            self._apply_unnamed(line)
        elif line.documentid not in self.collection.documents:
            if "create" in self.strategies:
                self.collection.documents[line.documentid] = line.parsed()
                self.created += 1
            else:
                self.skipped += 1
        elif "update" in self.strategies:
            self.collection.documents[line.documentid] |= line.parsed()
            self.updated += 1
        else:
            self.skipped += 1

    def _apply_unnamed(self, line: Line) -> None:
        if "create" in self.strategies:
            self.collection.unnamed.append(line.parsed())
            self.created += 1
        else:
            self.skipped += 1

    @property
    def lines_read(self) -> int:
        """Lines so far, blank ones left out."""
        whole = [line for block in self.blocks[: self.block] for line in block]
        begun = self.blocks[self.block][: self.line] if self.block < len(self.blocks) else []
        return sum(not line.is_blank for line in [*whole, *begun])
