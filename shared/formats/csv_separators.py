"""Which character separates the cells of a CSV file, found by what its first rows agree on."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from shared.formats.csv_rows import fit, parsed

# Where nothing else decides the first one is taken: the rarer a character is in texts, the earlier.
SEPARATORS = "\t|;,"
# Of a file that has one column. Unicode says that it is no character, so no text has it.
NO_SEPARATOR = "\uffff"

LINES_LOOKED_AT = 200
CHARACTERS_LOOKED_AT = 1024 * 1024

Rows = Sequence[list[str]]


class Beginning(NamedTuple):
    """The first lines of a file."""

    lines: list[str]
    is_whole: bool  # nothing comes behind them

    def whole_rows(self, separator: str) -> Rows:
        """The rows that end here."""
        rows = self._rows(separator)
        return rows if self.is_whole else rows[:-1]

    def rows(self, separator: str) -> Rows:
        """The same, or what there is of the first one."""
        return self.whole_rows(separator) or self._rows(separator)

    def is_well_formed(self, separator: str) -> bool:
        """Whether a separator or the end of the row stands behind each quoted text that is closed."""
        lines = chain(self._cut_lines(), [""])
        try:
            for _ in parsed(lines, separator, strict=True):
                pass
        except csv.Error:
            # Only what is still quoted behind the last line was not found wrong in one of them.
            return next(lines, None) is None
        return True

    def _rows(self, separator: str) -> Rows:
        return list(parsed(self._cut_lines(), separator))

    def _cut_lines(self) -> Iterator[str]:
        # The last line was taken whatever its length.
        return (line[:CHARACTERS_LOOKED_AT] for line in self.lines)


class Agreement(NamedTuple):
    """How much speaks for a separator, what decides first standing first; more is better."""

    exact: float  # the share of rows with as many cells as are expected
    fitting: float  # the share of rows that can be made so
    is_well_formed: bool  # quoted texts end where cells do
    quotes: int  # cells with a quote inside, below zero: most were torn out of a quoted text
    blanks: int  # cells that begin with a blank, below zero: in texts one comes behind a comma
    cells: int

    @classmethod
    def of(cls, rows: Rows, columns: int, *, is_well_formed: bool) -> "Agreement":
        cells = [cell for row in rows for cell in row]
        return cls(
            exact=sum(len(row) == columns for row in rows) / len(rows),
            fitting=sum(fit(row, columns) is not None for row in rows) / len(rows),
            is_well_formed=is_well_formed,
            quotes=-sum('"' in cell for cell in cells),
            blanks=-sum(cell.startswith(" ") for cell in cells),
            cells=len(cells),
        )


def beginning_of(lines: Iterator[str]) -> Beginning:
    """The first ones of `lines`, which are used up."""
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if len(held) == LINES_LOOKED_AT or size > CHARACTERS_LOOKED_AT:
            return Beginning(held, is_whole=False)
    return Beginning(held, is_whole=True)


def separator_of(beginning: Beginning, *, columns: int, has_header_row: bool) -> str:
    """The separator by which most rows have one number of cells, NO_SEPARATOR where no row is cut by any.

    That number is `columns`, or where this is 0 what the header row has, or else what most rows have.
    """
    found: dict[str, Agreement] = {}
    for separator in SEPARATORS:
        rows = [row for row in beginning.rows(separator) if any(row)]
        expected = columns or usual_width(rows[:1] if has_header_row else rows)
        if rows and expected > 1:
            found[separator] = Agreement.of(
                rows, expected, is_well_formed=beginning.is_well_formed(separator)
            )
    return max(found, key=found.__getitem__, default=NO_SEPARATOR)


def usual_width(rows: Rows) -> int:
    """How many cells most rows have; 0 where there is no row with any."""
    widths = Counter(len(row) for row in rows if row)
    return max(widths, key=lambda width: (widths[width], width), default=0)
