"""A disk that gives the first bytes of a block, and an error for the rest."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from errno import EIO
from io import FileIO
from typing import BinaryIO, cast

import pytest

from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.ground import Ground
from shared.lifecycle import Status
from shared.storage.folder import FolderStorage
from tests.integration.builders import (
    CREATE,
    Counts,
    an_import,
    counts,
    documents,
    let_pauses_pass,
    numbered,
    storage_folder,
    tuned,
    volume_id,
    work,
    work_off,
)

LINES = 40
BLOCK = numbered(LINES, text="x" * 50_000)
BAD_BYTE = len(BLOCK) * 2 // 3  # behind the first pieces, however they are read
SAID = "Block storage could not read the bytes: Input/output error."


def bad_sector() -> OSError:
    return OSError(EIO, os.strerror(EIO))


class FileOnABadSector(FileIO):
    """It gives what lies before the sector."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (size or 0) > BAD_BYTE:
            raise bad_sector()
        return super().read(size)


class WornFolder(FolderStorage):
    """Each of its files lies on a bad sector, which only they who read from one end to the other meet."""

    def open(self, key: str, offset: int = 0, *, again: bool = False) -> BinaryIO:
        with closing(super().open(key, offset, again=again)) as whole:
            file = FileOnABadSector(whole.name)
        file.seek(offset)
        return cast("BinaryIO", file)


Break = Callable[[Ground, pytest.MonkeyPatch], Ground]


def while_it_is_checked(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """The check reads at positions of its own."""
    read = os.preadv

    def read_good_bytes(descriptor: int, buffers: list[memoryview], position: int) -> int:
        if position + len(buffers[0]) > BAD_BYTE:
            raise bad_sector()
        return read(descriptor, buffers, position)

    monkeypatch.setattr(os, "preadv", read_good_bytes)
    return ground


def while_it_is_applied(ground: Ground, _: pytest.MonkeyPatch) -> Ground:
    """The sector went bad after the check had read it."""
    return replace(ground, storage=WornFolder(storage_folder(ground), volume_id(ground)))


@pytest.fixture(params=[while_it_is_checked, while_it_is_applied], ids=lambda way: way.__name__)
def break_disk(request: pytest.FixtureRequest) -> Break:
    way: Break = request.param
    return way


@pytest.fixture
def hasty(small: Ground) -> Ground:
    """The ground with three attempts, and no patience with the world."""
    return tuned(small, attempts=3, patience_seconds=0.001)


def applied(way: Break) -> range:
    """How many lines of the block may be applied before its bad byte."""
    return range(1) if way is while_it_is_checked else range(3, LINES * 2 // 3)


def test_a_read_error_in_the_middle_of_a_block_that_passes_costs_only_time(
    hasty: Ground, service: Service, monkeypatch: pytest.MonkeyPatch, break_disk: Break
):
    import_id = an_import(hasty, service, BLOCK, strategies=CREATE)
    work(break_disk(hasty, monkeypatch), import_id)
    row = get_import(hasty, service, import_id)
    assert (row.status, row.failure_count, row.last_error) == (Status.RUNNING, 1, SAID)
    assert row.created_documents == len(documents(hasty, service))
    assert row.created_documents in applied(break_disk)

    monkeypatch.undo()
    let_pauses_pass(hasty, import_id)
    done = work_off(hasty, service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 1)
    assert counts(hasty, service, import_id) == Counts(created=LINES)
    assert len(documents(hasty, service)) == LINES


def test_a_read_error_in_the_middle_of_a_block_that_stays_ends_its_import(
    hasty: Ground, service: Service, monkeypatch: pytest.MonkeyPatch, break_disk: Break
):
    import_id = an_import(hasty, service, BLOCK, strategies=CREATE)
    broken = break_disk(hasty, monkeypatch)

    for failures in (1, 2, 3):
        work(broken, import_id)
        row = get_import(hasty, service, import_id)
        assert (row.failure_count, row.last_error) == (failures, SAID)
        assert row.status == (Status.RUNNING if failures < hasty.settings.attempts else Status.FAILED)
        let_pauses_pass(hasty, import_id)

    assert row.ended_at is not None
    assert counts(hasty, service, import_id) == Counts(created=row.created_documents)
    assert row.created_documents == len(documents(hasty, service))
    assert row.created_documents in applied(break_disk)
