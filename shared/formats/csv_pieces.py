"""The rows of a CSV file (RFC 4180, other separators allowed), and what its first lines say of the others."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TextIO

from shared.formats.csv_rows import fit, parsed
from shared.formats.flattening import text_of
from shared.formats.pieces import MAX_PIECE_CHARACTERS, FileRefused, Piece, too_long

SEPARATORS = ",;\t|"
ROWS_LOOKED_AT = 100

# A row's cells, its text and how many lines it is: a quoted cell may hold line ends.
Row = tuple[list[str], str, int]

_quoted = re.compile(r'"[^"]*"?')
# What comes behind the last line: a row of its own, unless a quote was never closed.
_END = "\0end"


class CsvFile:
    """A file's rows, to be read once: first the header row, where it has one."""

    def __init__(self, text: TextIO) -> None:
        lines = _lines(text)
        first = next(lines, "")
        self.delimiter = delimiter_of(first)
        self._rows = _rows(chain([first] if first else [], lines), self.delimiter)
        self.header_lines = 0

    def header(self) -> list[str]:
        """The names in the header row. Raises FileRefused where there is none, or it is none."""
        cells, _, self.header_lines = next(self._rows, ([], "", 0))
        names = [text_of(cell.strip()) for cell in cells]
        if not any(names):
            raise FileRefused("The file has no header row, and one was announced.")
        if not all(names) or len(set(names)) != len(names):
            raise FileRefused("Two columns of the header row have the same name, or one has none.")
        return names

    def count_columns(self) -> int:
        """How many cells the first row has, which is still to be read; 0 where there is none."""
        first = next(self._rows, None)
        if first is None:
            return 0
        self._rows = chain([first], self._rows)
        return len(first[0])

    def pieces(self, columns: int) -> Iterator[Piece]:
        """The rows that are left. Raises FileRefused where none of the first ones has so many columns."""
        looked_at = fitting = 0
        for cells, text, lines in self._rows:
            if looked_at < ROWS_LOOKED_AT and not fitting and any(cells):
                looked_at += 1
                fitting += fit(cells, columns) is not None
                if looked_at == ROWS_LOOKED_AT and not fitting:
                    raise _nothing_fits(looked_at, columns)
            yield text.encode(), lines
        if looked_at and not fitting:
            raise _nothing_fits(looked_at, columns)


def delimiter_of(first_line: str) -> str:
    """The separator that the line has most of, quoted cells left out."""
    bare = _quoted.sub("", first_line)
    return max(SEPARATORS, key=bare.count)


def _lines(text: TextIO) -> Iterator[str]:
    return iter(partial(text.readline, MAX_PIECE_CHARACTERS + 1), "")


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    held: list[str] = []
    size = first_line = 0

    def noted() -> Iterator[str]:
        nonlocal size
        for line in chain(lines, [_END]):
            size += len(line)
            if size > MAX_PIECE_CHARACTERS:
                raise too_long(f"The row on line {first_line + 1} of the file")
            held.append(line)
            yield line

    for cells in parsed(noted(), delimiter):
        if held[-1] is _END:
            if len(held) > 1:
                raise FileRefused(f"A quoted cell of the row on line {first_line + 1} is never closed.")
            return
        yield cells, "".join(held), len(held)
        first_line += len(held)
        held.clear()
        size = 0


def _nothing_fits(rows_seen: int, columns: int) -> FileRefused:
    return FileRefused(f"None of the first {rows_seen} rows has the {columns} columns that are expected.")
