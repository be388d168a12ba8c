"""What only a folder can show."""

import os
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StorageFault
from shared.storage.contract import BlockStorage
from shared.storage.mark import MARK
from tests.integration.storage_places import folder_place, nothing_comes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blocks"


@pytest.fixture
def storage(root: Path) -> BlockStorage:
    return folder_place(root).storage


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name != MARK]


def test_a_block_has_its_name_only_when_it_is_whole(storage: BlockStorage, root: Path):
    def look() -> Iterator[bytes]:
        yield b"x"
        assert [path.suffix for path in files(root)] == [".part"]

    stored = storage.write(1, look())

    assert files(root) == [root / stored.key]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What the system was told to have on disk, in this order: name, and how many bytes or which names."""
    told: list[tuple[str, object]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        holds: object = {entry.name for entry in path.iterdir()} if path.is_dir() else path.stat().st_size
        told.append((path.name, holds))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return told


def test_what_was_stored_is_on_disk_before_its_receipt_with_its_bytes_and_its_name(
    storage: BlockStorage, root: Path, synced: list[tuple[str, object]]
):
    """Nothing less outlives a power cut, and no process that is killed shows the difference."""
    stored = storage.write(1, [b"x" * 10, b"y"])

    path = root / stored.key
    assert synced[:2] == [(f"{path.name}.part", 11), ("1", {path.name})]
    assert synced[2:] == [(root.name, {MARK, "1"})]


def test_only_the_owner_may_look_in(storage: BlockStorage, root: Path):
    storage.write(1, [b"x"])

    assert (root / "1").stat().st_mode & 0o077 == 0


def test_what_somebody_else_removes_at_the_same_time_is_gone_all_the_same(
    storage: BlockStorage, root: Path, monkeypatch: pytest.MonkeyPatch
):
    """It was a fault: "No such file or directory"."""
    for _ in range(3):
        storage.write(1, [b"x"])
    unlink = os.unlink

    def be_slower(*path: Any, **folder: Any) -> None:
        monkeypatch.undo()
        storage.remove_group("1")
        unlink(*path, **folder)

    monkeypatch.setattr(os, "unlink", be_slower)
    storage.remove_group("1")

    assert not (root / "1").exists()


def test_what_a_dead_writer_left_is_removed_once_it_is_old(storage: BlockStorage, root: Path):
    storage.write(1, [b"x"])
    old, young = root / "1" / "old.part", root / "1" / "young.part"
    for path in (old, young):
        path.touch()
    an_hour_ago = time.time() - 3600
    os.utime(old, (an_hour_ago, an_hour_ago))

    storage.remove_unfinished(1800, nothing_comes)

    assert not old.exists()
    assert young.exists()


def test_a_file_in_its_place_is_a_fault_without_a_path(storage: BlockStorage, root: Path):
    shutil.rmtree(root)
    root.write_text("not a folder")

    for attempt in (storage.check, lambda: storage.write(1, [b"x"])):
        with pytest.raises(StorageFault) as fault:
            attempt()
        assert str(root) not in str(fault.value)


def test_a_file_in_its_place_meanwhile_is_a_fault_too(storage: BlockStorage, root: Path):
    def replace_folder() -> Iterator[bytes]:
        yield b"x"
        shutil.rmtree(root / "1")
        (root / "1").touch()

    with pytest.raises(StorageFault, match="could not store"):
        storage.write(1, replace_folder())


@pytest.mark.parametrize("size_bytes", [2_000, 2_000_000], ids=["found at the end", "found at once"])
def test_a_full_disk_is_a_fault_and_leaves_nothing(storage: BlockStorage, root: Path, size_bytes: int):
    with files_of_at_most(1_000), pytest.raises(StorageFault, match="could not store"):
        storage.write(1, [b"x" * size_bytes])

    assert files(root) == []


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The operating system refuses to let a file grow further, as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
