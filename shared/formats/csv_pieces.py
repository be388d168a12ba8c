"""The rows of a CSV file (RFC 4180, other separators allowed), and what its first lines say of the others."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from io import StringIO
from itertools import chain
from typing import TextIO

from shared.formats.csv_header import names_of, numbered_names
from shared.formats.csv_rows import END, OneByOne, fit, is_blank, parsed, rows_of_lines
from shared.formats.csv_separators import beginning_of, separator_of, usual_width
from shared.formats.pieces import GROUP_CHARACTERS, MAX_PIECE_CHARACTERS, FileRefused, Piece, groups, too_long

# Of a group whose rows are looked at together: a longer one ends with a line that is long itself.
MOST_CHARACTERS_TOGETHER = 2 * GROUP_CHARACTERS

# A row's cells, its text and how many lines it is: a quoted cell may hold line ends.
Row = tuple[list[str], str, int]

# No table begins so: a name with a quote in it stands in quotes.
_begins_as_json = re.compile(r'\s*+(\[\s*+)?\{\s*+"').match
_JSON_LINES = 3  # in which a list begins that is written over several


class CsvFile:
    """A file's rows, to be read once: first the header row, where it has one."""

    def __init__(self, text: TextIO, *, separator: str, columns: int, has_header_row: bool) -> None:
        """`separator` and `columns`, how many there are, are found out where they are empty and 0."""
        self._text = text
        self._beginning = beginning_of(_lines(text))
        self._unread = iter(self._beginning.lines)
        self.separator = separator or separator_of(
            self._beginning, columns=columns, has_header_row=has_header_row
        )
        self.header_lines = 0

    def header(self) -> list[str]:
        """The names in the header row. Raises FileRefused where there is none, or it is none."""
        if _begins_as_json("".join(self._beginning.lines[:_JSON_LINES])):
            raise FileRefused("The file is JSON, and announced as CSV: name its type, application/json.")
        cells, _, self.header_lines = self._first_row()
        return names_of(cells)

    def numbered_header(self) -> list[str]:
        """Names for as many columns as most of the first rows have. Raises FileRefused for too many."""
        rows = self._beginning.whole_rows(self.separator)
        if not rows:
            cells, text, _ = self._first_row()
            self._unread = chain([text], self._unread)
            rows = [cells]
        return numbered_names(usual_width(rows))

    def pieces(self, columns: int) -> Iterator[Piece]:
        """The rows that are left. Raises FileRefused at the end where most of them are ragged."""
        rows = ragged = first_line = 0
        line_number = self.header_lines + 1
        unread = chain(filter(None, ["".join(self._unread)]), groups(self._text))
        for group in unread:
            if usual := _together(group, self.separator, columns):
                yield group.encode(), len(usual), len(usual)
                rows += len(usual)
                line_number += len(usual)
                continue
            for cells, text, lines in _one_by_one(group, unread, self.separator, line_number):
                if len(cells) == columns:
                    rows += 1
                elif not is_blank(cells, columns):
                    rows += 1
                    if fit(cells, columns) is None:
                        first_line = first_line or line_number
                        ragged += 1
                line_number += lines
                yield text.encode(), lines, 1
        if 2 * ragged > rows:
            raise _beyond_repair(ragged, rows, columns, first_line)

    def _first_row(self) -> Row:
        lines = chain(self._unread, _lines(self._text))
        return next(_rows(lines, self.separator, 1), ([], "", 0))


def _lines(text: TextIO) -> Iterator[str]:
    return iter(partial(text.readline, MAX_PIECE_CHARACTERS + 1), "")


def _together(group: str, separator: str, columns: int) -> list[list[str]] | None:
    return rows_of_lines(group, separator, columns) if len(group) <= MOST_CHARACTERS_TOGETHER else None


def _one_by_one(group: str, others: Iterator[str], separator: str, line_number: int) -> Iterator[Row]:
    """Each row, up to the end of a group with which a row ends, too."""
    lines = OneByOne(StringIO(text, newline="") for text in chain([group], others))
    for row in _rows(lines, separator, line_number):
        yield row
        if lines.is_at_end:
            return


def _rows(lines: Iterable[str], separator: str, line_number: int) -> Iterator[Row]:
    """`line_number` is that of the first line in the file."""
    held: list[str] = []
    size = 0

    def noted() -> Iterator[str]:
        nonlocal size
        for line in chain(lines, [END]):
            size += len(line)
            if size > MAX_PIECE_CHARACTERS:
                raise too_long(f"The row on line {line_number} of the file")
            held.append(line)
            yield line

    for cells in parsed(noted(), separator):
        if held[-1] is END:
            if len(held) > 1:
                raise FileRefused(f"A quoted cell of the row on line {line_number} is never closed.")
            return
        yield cells, "".join(held), len(held)
        line_number += len(held)
        held.clear()
        size = 0


def _beyond_repair(ragged: int, rows: int, columns: int, first_line: int) -> FileRefused:
    return FileRefused(
        f"{ragged} of {rows} rows do not have the {columns} columns that are expected, the first of them on"
        f" line {first_line}: is its separator another one, or its header row missing?"
    )
