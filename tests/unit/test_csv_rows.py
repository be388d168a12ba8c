"""Rows of a block: cells of several lines, ragged rows, and where each of them is."""

import io
from collections.abc import Sequence

import pytest

from shared.formats.batching import Outcome
from shared.formats.csv_rows import CsvReader
from shared.instructions import Checkpoint, Instruction, Operation, Rejection
from shared.storage.reading import lines

START = Checkpoint(0, 0)


class Rows:
    """What a reader made of a block."""

    def __init__(self, block: bytes, *, columns: int = 2, delimiter: str = ",", start: Checkpoint = START):
        self.cells: list[list[str]] = []
        reader = CsvReader(delimiter, columns, self._read_row, lambda *_: None)
        self.reads = list(reader.read(lines(io.BytesIO(block)), start))

    def _read_row(self, cells: Sequence[str], number: int, offset: int, length: int) -> Outcome:
        self.cells.append(list(cells))
        return Instruction(number, offset, length, Operation.MERGE, "1", b"{}")

    @property
    def places(self) -> list[tuple[int, int, int]]:
        """Line, offset and length of each row that asks for something."""
        found = [outcome for outcome, _, _ in self.reads if outcome is not None]
        return [(outcome.line_number, outcome.offset, outcome.length) for outcome in found]


CELLS = {
    "line feeds": (b"1,a\n2,b\n", [["1", "a"], ["2", "b"]]),
    "carriage return and line feed": (b"1,a\r\n2,b\r\n", [["1", "a"], ["2", "b"]]),
    "carriage returns only": (b"1,a\r2,b\r", [["1", "a"], ["2", "b"]]),
    "carriage returns only, and no last one": (b"1,a\r2,b", [["1", "a"], ["2", "b"]]),
    "every kind of line end": (b"1,a\r2,b\n3,c\r\n4,d", [["1", "a"], ["2", "b"], ["3", "c"], ["4", "d"]]),
    "no last line end": (b"1,a", [["1", "a"]]),
    "a quoted separator": (b'1,"a,b"\n', [["1", "a,b"]]),
    "a quoted quote": (b'1,"a ""b"""\n', [["1", 'a "b"']]),
    "a quote inside of a cell": (b'1,5" disk\n', [["1", '5" disk']]),
    "quoted line ends": (b'1,"a\nb\r\nc\rd"\n2,e\n', [["1", "a\nb\r\nc\rd"], ["2", "e"]]),
    "an empty cell too many": (b"1,a,\n", [["1", "a"]]),
    "blank lines and empty rows": (b"\n1,a\n,\n  \n\r\n2,b\n,,,\n", [["1", "a"], ["2", "b"]]),
    "spaces": (b" 1 , a \n", [[" 1 ", " a "]]),
    "more than Python takes by itself": (b"1," + b"x" * 200_000 + b"\n", [["1", "x" * 200_000]]),
    "a NUL": (b"1,a\0b\n", [["1", "a\0b"]]),
}


@pytest.mark.parametrize(("block", "cells"), CELLS.values(), ids=CELLS.keys())
def test_cells_are_read(block: bytes, cells: list[list[str]]):
    rows = Rows(block)

    assert rows.cells == cells
    assert sum(length for _, length, _ in rows.reads) == len(block)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_separators(delimiter: str):
    assert Rows(f"1{delimiter}a,b\n".encode(), delimiter=delimiter).cells == [["1", "a,b"]]


def test_a_row_is_where_its_first_line_is():
    rows = Rows(b'1,"a\nb"\n\n2,\xc3\xa9\n')

    assert rows.places == [(1, 0, 8), (4, 9, 5)]
    assert [count for _, _, count in rows.reads] == [2, 1, 1]


def test_places_are_counted_from_where_the_reading_starts():
    assert Rows(b"1,a\n", start=Checkpoint(50, 7)).places == [(8, 50, 4)]


def test_cells_missing_at_the_end_are_empty():
    assert Rows(b"1,a\n2,\n", columns=4).cells == [["1", "a", "", ""], ["2", "", "", ""]]


RAGGED = {
    "a value too many": (b"1,a,b\n", 2, "The row has 3 cells, and 2 are expected."),
    "a value too many behind an empty cell": (b"1,a,,b\n", 2, "The row has 4 cells, and 2 are expected."),
    "one cell alone": (b"# total: 17\n", 2, "The row has 1 cell, and 2 are expected."),
    "a quoted text alone": (b'"1,a"\n', 2, "The row has 1 cell, and 2 are expected."),
    "two cells for one": (b"1,a\n", 1, "The row has 2 cells, and 1 is expected."),
}


@pytest.mark.parametrize(("row", "columns", "reason"), RAGGED.values(), ids=RAGGED.keys())
def test_a_row_that_would_lose_a_value_or_is_none_is_rejected(row: bytes, columns: int, reason: str):
    good = b",".join([b"2", b"c"][:columns]) + b"\n"

    rows = Rows(row + good, columns=columns)

    [rejected, *_] = [outcome for outcome, _, _ in rows.reads]
    assert isinstance(rejected, Rejection)
    assert (rejected.code, rejected.line_number, rejected.length) == ("ragged_row", 1, len(row))
    assert rejected.reason == reason
    assert rows.cells == [["2", "c"][:columns]]


def test_a_blank_is_a_value_in_a_file_of_one_column():
    assert Rows(b" \n\nx\n", columns=1).cells == [[" "], ["x"]]
