"""CSV rows as instructions (RFC 4180, other separators allowed): cells become an item's properties.

Blocks are UTF-8 and have no header row of their own: both were taken care of when they were cut.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice, repeat, tee
from typing import TYPE_CHECKING, Generic, TypeVar

from shared.formats.batching import Outcome, Read
from shared.formats.json_lines import Refusal
from shared.instructions import Checkpoint, Instruction, Rejection

if TYPE_CHECKING:
    from _csv import Reader

Line = TypeVar("Line")

# Of one cell. Python's own limit of 131,072 characters is less than a text may have.
MAX_CELL_CHARACTERS = 20 * 1024 * 1024

# What comes behind the last line: a row of its own, unless a quote was never closed.
END = "\0end"

# Rows of more than this are read one by one: what is made of them would take as much again several times.
MOST_BYTES_TOGETHER = 1 << 18

# What becomes of a row: its cells, the number of its first line, its offset and its length in bytes.
ReadRow = Callable[[Sequence[str], int, int, int], Outcome]
# The same of neighbours of one line each, or None where they have to be read one by one.
ReadRows = Callable[
    [Sequence[Sequence[str]], Iterable[int], Iterable[int], Iterable[int]], Iterator[Instruction] | None
]


class CsvReader:
    """Reads rows by their cells, neighbours together where they are as usual."""

    def __init__(self, delimiter: str, columns: int, read_row: ReadRow, read_rows: ReadRows) -> None:
        """Rows have `columns` cells; one that does not is made so where `fit` can."""
        self._delimiter = delimiter
        self._columns = columns
        self._read_row = read_row
        self._read_rows = read_rows

    def read(self, groups: Iterable[Sequence[bytes]], start: Checkpoint) -> Iterator[Read]:
        """What each row of a block asks for, from `start` on."""
        offset, number = start
        others = iter(groups)
        for lines in others:
            lengths = list(map(len, lines))
            usual = self._together(lines, lengths, number, offset)
            if usual is not None:
                yield from zip(usual, lengths, repeat(1))
                offset += sum(lengths)
                number += len(lines)
                continue
            for read in self._one_by_one(lines, others, number, offset):
                yield read
                _, length, count = read
                offset += length
                number += count

    def _together(
        self, lines: Sequence[bytes], lengths: Sequence[int], number: int, offset: int
    ) -> Iterator[Instruction] | None:
        """What the lines ask for, where each of them is a row and all are as usual."""
        text = b"".join(lines)
        if len(text) > MOST_BYTES_TOGETHER:
            return None
        rows = rows_of_lines(text.decode(), self._delimiter, self._columns)
        if rows is None:
            return None
        numbers = range(number + 1, number + 1 + len(lines))
        return self._read_rows(rows, numbers, accumulate(lengths, initial=offset), lengths)

    def _one_by_one(
        self, lines: Sequence[bytes], others: Iterator[Sequence[bytes]], number: int, offset: int
    ) -> Iterator[Read]:
        """What each row asks for, up to the end of a group with which a row ends, too."""
        first_number = number
        fed = OneByOne(map(_split, chain([lines], others)))
        ahead, behind = tee(fed)
        rows = parsed(map(bytes.decode, ahead), self._delimiter)
        for cells in rows:
            # The usual row is one line.
            count = rows.line_num + first_number - number
            length = len(next(behind)) if count == 1 else sum(map(len, islice(behind, count)))
            if len(cells) == self._columns:
                outcome = self._read_row(cells, number + 1, offset, length) if any(cells) else None
            else:
                outcome = self._ragged(cells, number + 1, offset, length)
            yield outcome, length, count
            if fed.is_at_end:
                return
            offset += length
            number += count

    def _ragged(self, cells: list[str], number: int, offset: int, length: int) -> Outcome:
        if is_blank(cells, self._columns):
            return None
        fitting = fit(cells, self._columns)
        if fitting is None:
            refusal = ragged(len(cells), self._columns)
            return Rejection(number, offset, length, None, refusal.code, refusal.reason)
        return self._read_row(fitting, number, offset, length) if any(fitting) else None


class OneByOne(Generic[Line]):
    """The lines of groups that are not empty, one after the other."""

    def __init__(self, groups: Iterable[Iterable[Line]]) -> None:
        self._groups = groups
        self.is_at_end = False
        """Whether the line that was taken last is the last one of its group."""

    def __iter__(self) -> Iterator[Line]:
        for group in self._groups:
            *lines, last = group
            yield from lines
            self.is_at_end = True
            yield last
            self.is_at_end = False


def parsed(lines: Iterable[str], delimiter: str, *, strict: bool = False) -> "Reader":
    """Each row's cells; a row takes as many lines as its quoted cells need, and no more are read.

    Raises csv.Error only where it is `strict`: for what stands between a quoted text and the next separator.
    """
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def rows_of_lines(text: str, delimiter: str, columns: int) -> list[list[str]] | None:
    """The cells of each line, where each is a row of so many of them; else None."""
    if text.count("\r") != text.count("\r\n"):
        return None
    lines = text.removesuffix("\n").split("\n")
    # What comes behind the last line is a row of its own, unless a quoted cell goes on there.
    *rows, _ = parsed(chain(lines, [END]), delimiter)
    return rows if len(rows) == len(lines) and set(map(len, rows)) == {columns} else None


def _split(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that end with a line feed, as those that end with a carriage return, too."""
    for line in lines:
        if line.count(b"\r") > line.endswith(b"\r\n"):
            yield from line.splitlines(keepends=True)
        else:
            yield line


def is_blank(cells: list[str], columns: int) -> bool:
    """Whether a ragged row is nothing but a blank line, or separators."""
    return not any(cells) or (len(cells) == 1 < columns and not cells[0].strip())


def fit(cells: list[str], columns: int) -> list[str] | None:
    """The cells of a ragged row as so many columns: spreadsheets leave out or add empty ones at the end.

    None where that would lose a value, and for one cell alone, which is more likely a remark or a total.
    """
    if any(cells[columns:]) or len(cells) == 1 < columns:
        return None
    return cells[:columns] + [""] * (columns - len(cells))


def ragged(cells: int, columns: int) -> Refusal:
    """Why a row that does not fit is none."""
    counted = "1 cell" if cells == 1 else f"{cells} cells"
    expected = "1 is" if columns == 1 else f"{columns} are"
    return Refusal("ragged_row", f"The row has {counted}, and {expected} expected.")
