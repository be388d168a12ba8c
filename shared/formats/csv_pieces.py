"""The rows of a CSV file (RFC 4180, other separators allowed), and what its first lines say of the others."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import TextIO

from shared.formats.csv_header import names_of, numbered_names
from shared.formats.csv_rows import fit, is_blank, parsed
from shared.formats.csv_separators import beginning_of, separator_of, usual_width
from shared.formats.pieces import MAX_PIECE_CHARACTERS, FileRefused, Piece, too_long

# A row's cells, its text and how many lines it is: a quoted cell may hold line ends.
Row = tuple[list[str], str, int]

# What comes behind the last line: a row of its own, unless a quote was never closed.
_END = "\0end"

# No table begins so: a name with a quote in it stands in quotes.
_begins_as_json = re.compile(r'\s*+(\[\s*+)?\{\s*+"').match
_JSON_LINES = 3  # in which a list begins that is written over several


class CsvFile:
    """A file's rows, to be read once: first the header row, where it has one."""

    def __init__(self, text: TextIO, *, separator: str, columns: int, has_header_row: bool) -> None:
        """`separator` and `columns`, how many there are, are found out where they are empty and 0."""
        lines = _lines(text)
        self._beginning = beginning_of(lines)
        self.separator = separator or separator_of(
            self._beginning, columns=columns, has_header_row=has_header_row
        )
        self._rows = _rows(chain(self._beginning.lines, lines), self.separator)
        self.header_lines = 0

    def header(self) -> list[str]:
        """The names in the header row. Raises FileRefused where there is none, or it is none."""
        if _begins_as_json("".join(self._beginning.lines[:_JSON_LINES])):
            raise FileRefused("The file is JSON, and announced as CSV: name its type, application/json.")
        cells, _, self.header_lines = next(self._rows, ([], "", 0))
        return names_of(cells)

    def numbered_header(self) -> list[str]:
        """Names for as many columns as most of the first rows have. Raises FileRefused for too many."""
        first = list(islice(self._rows, 1))
        self._rows = chain(first, self._rows)
        rows = self._beginning.whole_rows(self.separator) or [cells for cells, _, _ in first]
        return numbered_names(usual_width(rows))

    def pieces(self, columns: int) -> Iterator[Piece]:
        """The rows that are left. Raises FileRefused at the end where most of them are ragged."""
        rows = ragged = 0
        line_number = first_line = self.header_lines + 1
        for cells, text, lines in self._rows:
            if len(cells) == columns:
                rows += 1
            elif not is_blank(cells, columns):
                rows += 1
                if fit(cells, columns) is None:
                    first_line = first_line if ragged else line_number
                    ragged += 1
            line_number += lines
            yield text.encode(), lines
        if 2 * ragged > rows:
            raise _beyond_repair(ragged, rows, columns, first_line)


def _lines(text: TextIO) -> Iterator[str]:
    return iter(partial(text.readline, MAX_PIECE_CHARACTERS + 1), "")


def _rows(lines: Iterable[str], separator: str) -> Iterator[Row]:
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

    for cells in parsed(noted(), separator):
        if held[-1] is _END:
            if len(held) > 1:
                raise FileRefused(f"A quoted cell of the row on line {first_line + 1} is never closed.")
            return
        yield cells, "".join(held), len(held)
        first_line += len(held)
        held.clear()
        size = 0


def _beyond_repair(ragged: int, rows: int, columns: int, first_line: int) -> FileRefused:
    return FileRefused(
        f"{ragged} of {rows} rows do not have the {columns} columns that are expected, the first of them on"
        f" line {first_line}: is its separator another one, or its header row missing?"
    )
