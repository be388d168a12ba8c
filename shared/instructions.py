"""What a line asks for, and what it may not be.

Every input format becomes these values; the engine knows nothing else.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

MAX_DOCUMENTID_CHARACTERS = 255

_is_usable = re.compile(rf"[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_DOCUMENTID_CHARACTERS}}}").fullmatch


class Strategy(StrEnum):
    """An operation that an import may perform."""

    CREATE = "create"
    UPDATE = "update"


class Operation(StrEnum):
    """What a line asks to do with its document."""

    CREATE = "create"  # where it is not there yet
    UPDATE = "update"  # where it is there: set the given properties, leave the others
    MERGE = "merge"  # whichever of the two applies
    REPLACE = "replace"  # make the given properties the document, there or not
    DELETE = "delete"  # where it is there


# Operations that have something to make a document of.
CREATING = frozenset({Operation.CREATE, Operation.MERGE, Operation.REPLACE})
# Operations that leave properties as they are which are not given.
MERGING = frozenset({Operation.UPDATE, Operation.MERGE})


class Instruction(Struct, frozen=True, gc=False):
    """One line that can be applied. There are millions of them, hence the lightest kind of object."""

    line_number: int  # from 1, blank lines counted
    offset: int  # of the line's first byte in the block
    length: int  # of the line in bytes, its line end included
    operation: Operation
    documentid: str | None  # None: nothing names a document, and none may be created
    properties: bytes  # a JSON object, digits and escapes as they came


class Rejection(NamedTuple):
    """One line that could not become a document, and why."""

    line_number: int
    offset: int
    length: int
    documentid: str | None
    code: str
    reason: str


class Checkpoint(NamedTuple):
    """How far a block has been applied."""

    offset: int  # of the first byte not yet applied
    line_number: int  # of the last line applied, from 1; 0 before the first


@dataclass(frozen=True, slots=True)
class Batch:
    """Neighbouring lines of a block that are applied in one transaction, in the order they came."""

    instructions: list[Instruction]
    rejections: list[Rejection]
    end: Checkpoint

    def halves(self) -> tuple["Batch", "Batch"]:
        """The same lines as two batches; needs at least two instructions."""
        middle = len(self.instructions) // 2
        first_of_second = self.instructions[middle]
        cut = first_of_second.line_number
        return (
            Batch(
                self.instructions[:middle],
                [rejection for rejection in self.rejections if rejection.line_number < cut],
                Checkpoint(first_of_second.offset, cut - 1),
            ),
            Batch(
                self.instructions[middle:],
                [rejection for rejection in self.rejections if rejection.line_number > cut],
                self.end,
            ),
        )

    def with_rejected(self, refused: Sequence[Instruction], code: str, reason: str) -> "Batch":
        """The batch with these of its instructions turned into rejections."""
        if not refused:
            return self
        numbers = {line.line_number for line in refused}
        kept = [line for line in self.instructions if line.line_number not in numbers]
        made = [
            Rejection(line.line_number, line.offset, line.length, line.documentid, code, reason)
            for line in refused
        ]
        return Batch(kept, sorted([*self.rejections, *made]), self.end)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many lines had which outcome."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    skipped: int = 0
    rejected: int = 0
    unkept: int = 0  # of the rejected ones, those that are counted and not kept

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.created + other.created,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.skipped + other.skipped,
            self.rejected + other.rejected,
            self.unkept + other.unkept,
        )


def is_usable_documentid(documentid: str) -> bool:
    """Whether it has 1 to 255 characters, none of them a control character, a surrogate or `/`."""
    # What is printable has none of these but `/`, and is told without the pattern, millions of times.
    if documentid.isprintable() and "/" not in documentid:
        return 0 < len(documentid) <= MAX_DOCUMENTID_CHARACTERS
    return _is_usable(documentid) is not None


def usable_documentids(written: Sequence[bytes]) -> list[str] | None:
    """The documentids, written in UTF-8, where all of them are such; None where one may not be.

    All are looked at together, those that are not printable not any closer.
    """
    text = b"/".join(written).decode()
    documentids = text.split("/")
    are_usable = text.isprintable() and len(documentids) == len(written) and "" not in documentids
    return documentids if are_usable and len(max(documentids, key=len)) <= MAX_DOCUMENTID_CHARACTERS else None


def operation_of(strategies: Iterable[str]) -> Operation:
    """What an import with this strategy list does with each of its lines."""
    names = set(strategies)
    if names == {Strategy.CREATE, Strategy.UPDATE}:
        return Operation.MERGE
    return Operation(names.pop())
