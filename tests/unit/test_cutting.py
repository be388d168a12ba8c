"""Blocks of uploaded files: their size, and the memory they take."""

import io
import tracemalloc
from typing import Any

import pytest

from shared.formats import cutting
from shared.formats.cutting import FileCutter
from shared.formats.reading import CsvLayout
from tests.unit.cutting import a_reading, a_table, cut

MIB = 1024 * 1024


class Virtual(io.RawIOBase):
    """A file of one row over and over that is nowhere."""

    def __init__(self, head: bytes, row: bytes, rows: int, tail: bytes = b"") -> None:
        self._parts = (head, row, tail)
        self._middle = len(head) + len(row) * rows
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = 0, /) -> int:
        assert whence == io.SEEK_SET
        self._place = place
        return place

    def readinto(self, buffer: Any, /) -> int:
        found = self._next()[: len(buffer)]
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def _next(self) -> bytes:
        head, row, tail = self._parts
        if self._place < len(head):
            return head[self._place :]
        if self._place < self._middle:
            return row[(self._place - len(head)) % len(row) :]
        return tail[self._place - self._middle :]


TEXT = b"x" * 10_000
LARGE = {
    "CSV": (a_table(), b"id,text\n", b'1,"a\n' + TEXT + b'"\n', b""),
    "list": (None, b"[", b'{"id":1,"text":"' + TEXT + b'"},', b'{"id":2}]'),
    "lines": (None, b"", b'{"id":1,"text":"' + TEXT + b'"}\n', b""),
}


@pytest.mark.parametrize(("csv", "head", "row", "tail"), LARGE.values(), ids=LARGE.keys())
def test_memory_does_not_grow_with_the_file(csv: CsvLayout | None, head: bytes, row: bytes, tail: bytes):
    rows = 200 * MIB // len(row)
    source = io.BufferedReader(Virtual(head, row, rows, tail))

    tracemalloc.start()
    found = sum(part.lines for part in FileCutter(a_reading(csv)).cut(source))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == rows * (2 if csv else 1) + bool(tail)
    assert peak < 3 * cutting.BLOCK_BYTES


def test_blocks_are_neighbours_of_about_one_size():
    row = b"1" * 1023 + b"\n"
    rows = cutting.BLOCK_BYTES // len(row)

    blocks, _ = cut(b"id\n" + row * (2 * rows + 1), a_table())

    assert [len(block.body) for block in blocks] == [cutting.BLOCK_BYTES, cutting.BLOCK_BYTES, len(row)]
    assert [(block.lines_before, block.lines) for block in blocks] == [
        (1, rows),
        (1 + rows, rows),
        (1 + 2 * rows, 1),
    ]
