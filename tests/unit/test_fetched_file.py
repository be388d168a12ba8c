"""A file that is fetched piece by piece reads like any other."""

import io
import os
import random
from pathlib import Path

import pytest

from shared.errors import StorageFault
from shared.storage.fetched import KEPT_BYTES, PIECE_BYTES, FetchedFile

CONTENT = random.Random(1).randbytes(2 * PIECE_BYTES + 1000)


class Far:
    """Bytes somewhere else, and what was asked of them."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []

    def fetch(self, start: int, end: int) -> bytes:
        self.asked.append((start, end))
        return self.content[start:end]


def opened(far: Far, *, again: bool = False) -> io.BufferedReader:
    return io.BufferedReader(FetchedFile(len(far.content), far.fetch, again=again))


def test_it_reads_from_anywhere():
    with opened(Far(CONTENT)) as file:
        for offset in (len(CONTENT) - 7, 0, PIECE_BYTES - 3, len(CONTENT), len(CONTENT) + 5, 2 * PIECE_BYTES):
            file.seek(offset)
            assert file.read(10) == CONTENT[offset : offset + 10]
        file.seek(-5, io.SEEK_END)
        assert file.read() == CONTENT[-5:]


def test_reading_a_block_again_fetches_it_once():
    far = Far(CONTENT)
    with opened(far, again=True) as file:
        first = file.read()
        file.seek(0)

        assert file.read() == first == CONTENT

    assert far.asked == [
        (0, PIECE_BYTES),
        (PIECE_BYTES, 2 * PIECE_BYTES),
        (2 * PIECE_BYTES, len(CONTENT)),
    ]


def test_of_what_is_read_once_nothing_is_kept():
    """Sixty clients that read slowly from an API filled its temporary folder, which is memory."""
    before = nameless_files()
    with opened(Far(CONTENT)) as file:
        assert file.read() == CONTENT

        assert nameless_files() == before


def nameless_files() -> int:
    """How many this process has open."""
    links = (found for found in Path("/proc/self/fd").iterdir() if found.is_symlink())
    return sum(os.readlink(link).endswith("(deleted)") for link in links)


def test_what_is_read_nowhere_is_not_fetched():
    far = Far(CONTENT)
    with opened(far) as file:
        file.seek(2 * PIECE_BYTES)
        file.read(1)

    assert far.asked == [(2 * PIECE_BYTES, len(CONTENT))]


def test_a_file_too_large_to_be_kept_is_fetched_again():
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return bytes(end - start)

    with io.BufferedReader(FetchedFile(KEPT_BYTES + 1, fetch, again=True)) as file:
        for _ in range(2):
            file.seek(0)
            while file.read(PIECE_BYTES):
                pass

    assert len(asked) == 2 * len(set(asked))


def test_a_fault_in_the_middle_comes_out_as_it_is_and_reading_may_go_on():
    far = Far(CONTENT)
    faults = [StorageFault("away")]

    def fetch(start: int, end: int) -> bytes:
        if start and faults:
            raise faults.pop()
        return far.fetch(start, end)

    with io.BufferedReader(FetchedFile(len(CONTENT), fetch)) as file:
        assert file.read(PIECE_BYTES) == CONTENT[:PIECE_BYTES]
        with pytest.raises(StorageFault):
            file.read(1)
        assert file.read() == CONTENT[PIECE_BYTES:]
