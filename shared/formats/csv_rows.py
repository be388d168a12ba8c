"""CSV rows as instructions (RFC 4180, other separators allowed): cells become an item's properties.

Blocks are UTF-8 and have no header row of their own: both were taken care of when they were cut.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence

from shared.formats.batching import Outcome, Read
from shared.formats.json_lines import Refusal, rejection
from shared.instructions import Checkpoint

# Of one cell. Python's own limit of 131,072 characters is less than a text may have.
MAX_CELL_CHARACTERS = 20 * 1024 * 1024

# What becomes of a row: its cells, its text, the number of its first line, its offset.
ReadRow = Callable[[Sequence[str], bytes, int, int], Outcome]


class CsvReader:
    """Reads rows by their cells."""

    def __init__(self, delimiter: str, columns: int, read_row: ReadRow) -> None:
        """Rows have `columns` cells. Missing ones are taken as empty, and empty ones too many as none."""
        self._delimiter = delimiter
        self._columns = columns
        self._read_row = read_row

    def read(self, lines: Iterable[bytes], start: Checkpoint) -> Iterator[Read]:
        """What each row of a block asks for, from `start` on."""
        offset, number = start
        for cells, text, count in rows(lines, self._delimiter):
            yield Read(self._outcome(cells, text, number + 1, offset), len(text), count)
            offset += len(text)
            number += count

    def _outcome(self, cells: list[str], text: bytes, number: int, offset: int) -> Outcome:
        if not any(cells):
            return None
        if len(cells) != self._columns:
            fitting = fit(cells, self._columns)
            if fitting is None:
                return rejection(text, number, offset, ragged(len(cells), self._columns))
            cells = fitting
        return self._read_row(cells, text, number, offset)


def rows(lines: Iterable[bytes], delimiter: str) -> Iterator[tuple[list[str], bytes, int]]:
    """Each row's cells, its text, and how many lines it is: a quoted cell may hold line ends."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    taken: list[bytes] = []

    def decoded() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line.decode()

    for cells in csv.reader(decoded(), delimiter=delimiter):
        yield cells, b"".join(taken), len(taken)
        taken.clear()


def fit(cells: list[str], columns: int) -> list[str] | None:
    """The cells of a ragged row as so many columns; None where that would lose a value."""
    if any(cells[columns:]):
        return None
    return cells[:columns] + [""] * (columns - len(cells))


def ragged(cells: int, columns: int) -> Refusal:
    """Why a row with too many cells is none."""
    return Refusal("ragged_row", f"The row has {cells} cells, and {columns} are expected.")
