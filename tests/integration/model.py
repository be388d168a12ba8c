"""What imports do, said a second time: documents in a plain dictionary, lines applied one by one.

It knows no database, no lease and no batch but this: work stops only at ends of batches.
"""

import json
from collections.abc import Callable, Iterable
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

# What is told of each that the database does not refuse.
REASONS = {
    b"{": "The line is not valid JSON: unexpected end of data (character 3).",
    b"[1]": "The line is valid JSON, but not an object: one {...} a line is expected.",
    b"\xff": "The line is not valid UTF-8.",
    b'{"a":NaN}': "The line holds NaN or Infinity, which JSON does not know.",
    rb'{"a":"\u0000"}': "The line holds the character \\u0000, which cannot be stored.",
    rb'{"a":"\ud800"}': "The line holds half of a surrogate pair, which is no character.",
    b'{"documentid":"a/b"}': "The documentid must be a text of 1 to 255 characters without control characters"
    " and '/', or a number.",
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
    """Documents by id; those whose line had none by the import's number, the block's and the line's."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    unnamed: dict[tuple[int, int, int], dict[str, Any]] = field(default_factory=dict)


@dataclass
class ModelBlock:
    """A block and who has it."""

    number: int
    lines: list[Line]
    line: int = 0  # index of the one to apply next
    claims: int = 0
    is_held: bool = False  # by a worker that is heard of
    is_abandoned: bool = False  # by one that is not

    @property
    def is_finished(self) -> bool:
        return self.line == len(self.lines)

    def expire(self) -> None:
        self.is_held, self.is_abandoned = False, self.is_held or self.is_abandoned


def numbered(blocks: Iterable[list[Line]]) -> list[ModelBlock]:
    """The blocks, numbered from 1."""
    return [ModelBlock(number, lines) for number, lines in enumerate(blocks, start=1)]


@dataclass
class ModelImport:
    """An import as its owner sees it, and how far it is."""

    collection: ModelCollection
    strategies: tuple[str, ...]
    blocks: list[ModelBlock]
    status: Status = Status.CONFIGURING
    is_ordered: bool = True
    number: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    rejections: list[tuple[int, int, str]] = field(default_factory=list)
    failures: int = 0

    def move(self, event: Event) -> bool:
        """Whether the status allows it."""
        target = after(self.status, event)
        self.status = target or self.status
        return target is not None

    def expire(self) -> None:
        """No worker that holds a block is heard of any longer."""
        for block in self.blocks:
            block.expire()

    def work(self, batches: int, act: Callable[[], bool]) -> None:
        """What one nudge leads to; after so many batches `act` happens, and says whether to stop."""
        if self.status not in RUNNABLE:
            return
        unfinished = [block for block in self.blocks if not block.is_finished]
        if not unfinished:
            self.move(Event.RUN)
            self.move(Event.COMPLETE)
            return
        free = [block for block in (unfinished[:1] if self.is_ordered else unfinished) if not block.is_held]
        if free:
            self.move(Event.RUN)
            self._take(free[0], batches, act)

    def _take(self, block: ModelBlock, batches: int, act: Callable[[], bool]) -> None:
        self.failures += block.is_abandoned
        block.claims += 1
        block.is_held, block.is_abandoned = True, False
        claim, applied = block.claims, 0
        while self.status == Status.RUNNING and block.claims == claim:
            self._apply_batch(block)
            applied += 1
            stop = act() if applied == batches else False
            if block.is_finished:
                return
            if stop:
                break
        if block.claims == claim:
            block.is_held = block.is_abandoned = False

    def _apply_batch(self, block: ModelBlock) -> None:
        for _ in range(min(BATCH_LINES, len(block.lines) - block.line)):
            self._read_line(block)

    def read_line(self) -> None:
        """Apply the first line that is not applied yet."""
        self._read_line(next(block for block in self.blocks if not block.is_finished))

    def _read_line(self, block: ModelBlock) -> None:
        block.line += 1
        self._apply(block.lines[block.line - 1], (block.number, block.line))
        if block.is_finished:
            block.is_held = False
            if all(other.is_finished for other in self.blocks):
                self.move(Event.COMPLETE)

    def _apply(self, line: Line, place: tuple[int, int]) -> None:
        if line.is_blank:
            return
        if line.code is not None:
            self.rejections.append((*place, line.code))
        elif line.documentid is None:
            self._apply_unnamed(line, place)
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

    def _apply_unnamed(self, line: Line, place: tuple[int, int]) -> None:
        if "create" in self.strategies:
            self.collection.unnamed[(self.number, *place)] = line.parsed()
            self.created += 1
        else:
            self.skipped += 1

    def line_at(self, block_number: int, line_number: int) -> Line:
        """A line by its place, both counted from 1."""
        return self.blocks[block_number - 1].lines[line_number - 1]

    @property
    def finished_blocks(self) -> int:
        """How many blocks are finished."""
        return sum(block.is_finished for block in self.blocks)

    @property
    def lines_read(self) -> int:
        """Lines so far, blank ones left out."""
        return sum(not line.is_blank for block in self.blocks for line in block.lines[: block.line])
