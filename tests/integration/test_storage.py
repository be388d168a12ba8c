"""What any block storage must do. A new kind adds itself to `storage` and passes."""

import hashlib
import os
import resource
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.errors import BlockDamaged, StorageAway, StorageFault
from shared.storage import reading
from shared.storage.access import BucketAccess
from shared.storage.contract import BlockStorage
from shared.storage.mark import MARK
from shared.storage.opening import open_storage
from shared.storage.receipts import StoredBytes
from tests.s3_server import S3Server


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> BlockStorage:
    """An empty storage of each kind."""
    if request.param == "folder":
        return marked(f"file://{tmp_path}/block%20storage", BucketAccess())
    s3: S3Server = request.getfixturevalue("s3")
    return marked(s3.new_url(), BucketAccess.read(s3.environment))


def marked(url: str, access: BucketAccess) -> BlockStorage:
    """The storage that is there, from now on with a mark."""
    opened = open_storage(url, lambda: "the volume", access)
    opened.mark()
    return opened


class Interrupted(Exception):
    """The bytes stopped coming."""


def interrupted() -> Iterator[bytes]:
    yield b"half"
    raise Interrupted


class TestBlockStorage:
    def content(self, storage: BlockStorage, key: str, offset: int = 0) -> bytes:
        return b"".join(reading.Chunks(storage.open(key, offset)))

    def test_bytes_come_back_as_they_were_given(self, storage: BlockStorage):
        stored = storage.write(1, iter([b"one\r\n", b"", b"\0\xff", b"x" * 600_000]))

        assert self.content(storage, stored.key) == b"one\r\n\0\xff" + b"x" * 600_000

    def test_the_receipt_has_size_and_digest(self, storage: BlockStorage):
        stored = storage.write(1, [b"ab", b"c"])

        assert stored == StoredBytes(stored.key, 3, hashlib.sha256(b"abc").digest())

    def test_nothing_is_something_that_can_be_stored(self, storage: BlockStorage):
        assert self.content(storage, storage.write(1, []).key) == b""

    def test_each_write_gets_a_key_of_its_own(self, storage: BlockStorage):
        with ThreadPoolExecutor(8) as writers:
            stored = list(writers.map(lambda n: storage.write(1, [b"%d" % n]), range(8)))

        assert len({receipt.key for receipt in stored}) == 8
        assert [self.content(storage, receipt.key) for receipt in stored] == [b"%d" % n for n in range(8)]

    def test_reading_may_start_anywhere(self, storage: BlockStorage):
        stored = storage.write(1, [b"one\ntwo\n"])

        assert self.content(storage, stored.key, 4) == b"two\n"
        assert self.content(storage, stored.key, 8) == b""

    def test_lines_keep_their_ends(self, storage: BlockStorage):
        stored = storage.write(1, [b"one\r\n", b"\n", b"a\rb\n\xc2\x85last"])

        assert list(reading.lines(storage.open(stored.key))) == [
            b"one\r\n",
            b"\n",
            b"a\rb\n",
            b"\xc2\x85last",
        ]

    def test_checked_reading_tells_the_bytes_that_were_stored_from_others(self, storage: BlockStorage):
        stored = storage.write(1, [b"abc"])

        with reading.verified(storage, stored.key, stored.sha256, 1) as file:
            assert file.read() == b"bc"
        with pytest.raises(BlockDamaged, match="other bytes"):
            reading.verified(storage, stored.key, hashlib.sha256(b"abd").digest())

    def test_what_was_checked_is_read_whatever_lies_there_later(self, storage: BlockStorage):
        stored = storage.write(1, [b"abc"])

        with reading.verified(storage, stored.key, stored.sha256) as file:
            storage.remove(stored.key)

            assert file.read() == b"abc"

    def test_a_removed_key_is_gone(self, storage: BlockStorage):
        gone, kept = (storage.write(1, [b"x"]) for _ in range(2))

        storage.remove(gone.key)
        storage.remove(gone.key)

        with pytest.raises(BlockDamaged, match="lost the bytes"):
            storage.open(gone.key)
        assert self.content(storage, kept.key) == b"x"

    def test_a_removed_import_is_gone_and_no_other(self, storage: BlockStorage):
        gone, kept = storage.write(1, [b"x"]), storage.write(11, [b"x"])

        storage.remove_import(1)
        storage.remove_import(1)

        with pytest.raises(BlockDamaged):
            storage.open(gone.key)
        assert self.content(storage, kept.key) == b"x"

    def test_what_the_source_raises_comes_out_as_it_is(self, storage: BlockStorage):
        with pytest.raises(Interrupted):
            storage.write(1, interrupted())

    def test_removing_what_is_unfinished_leaves_what_is_whole(self, storage: BlockStorage):
        stored = storage.write(1, [b"x"])

        storage.remove_unfinished(0.0)

        assert self.content(storage, stored.key) == b"x"

    def test_an_upload_under_way_survives_a_sweep(self, storage: BlockStorage):
        def swept_meanwhile() -> Iterator[bytes]:
            yield b"one"
            storage.remove_unfinished(3600.0)
            yield b"two"

        assert self.content(storage, storage.write(1, swept_meanwhile()).key) == b"onetwo"

    def test_a_storage_that_works_says_so(self, storage: BlockStorage):
        storage.check()


class TestFolderStorage:
    """What only a folder can show."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "blocks"

    @pytest.fixture
    def storage(self, root: Path) -> BlockStorage:
        return marked(f"file://{root}", BucketAccess())

    def files(self, root: Path) -> list[Path]:
        return [path for path in root.rglob("*") if path.is_file() and path.name != MARK]

    def test_an_interrupted_write_leaves_no_file(self, storage: BlockStorage, root: Path):
        with pytest.raises(Interrupted):
            storage.write(1, interrupted())

        assert self.files(root) == []

    def test_a_block_has_its_name_only_when_it_is_whole(self, storage: BlockStorage, root: Path):
        def look() -> Iterator[bytes]:
            yield b"x"
            assert [path.suffix for path in self.files(root)] == [".part"]

        stored = storage.write(1, look())

        assert self.files(root) == [root / stored.key]

    def test_only_the_owner_may_look_in(self, storage: BlockStorage, root: Path):
        storage.write(1, [b"x"])

        assert (root / "1").stat().st_mode & 0o077 == 0

    def test_what_a_dead_writer_left_is_removed_once_it_is_old(self, storage: BlockStorage, root: Path):
        storage.write(1, [b"x"])
        old, young = root / "1" / "old.part", root / "1" / "young.part"
        for path in (old, young):
            path.touch()
        an_hour_ago = time.time() - 3600
        os.utime(old, (an_hour_ago, an_hour_ago))

        storage.remove_unfinished(1800)

        assert not old.exists()
        assert young.exists()

    def test_a_bare_mount_point_takes_gives_and_loses_nothing(self, storage: BlockStorage, root: Path):
        stored = storage.write(1, [b"x"])
        away = root.rename(root.with_name("away"))
        root.mkdir()

        for attempt in (
            storage.check,
            lambda: storage.write(1, [b"x"]),
            lambda: storage.open(stored.key),
            lambda: storage.remove(stored.key),
            lambda: storage.remove_import(1),
            lambda: storage.remove_unfinished(0),
        ):
            with pytest.raises(StorageAway):
                attempt()
        assert list(root.iterdir()) == []
        root.rmdir()
        away.rename(root)
        storage.check()

    def test_another_volume_is_not_taken_for_it(self, storage: BlockStorage, root: Path):
        storage.check()
        (root / MARK).write_text("another volume")

        with pytest.raises(StorageAway):
            storage.write(1, [b"x"])
        with pytest.raises(StorageFault, match="another database"):
            storage.mark()

    def test_what_a_bare_mount_point_took_in_the_middle_is_not_acknowledged(
        self, storage: BlockStorage, root: Path
    ):
        def swapped_meanwhile() -> Iterator[bytes]:
            """The volume goes and leaves a folder in which even the unfinished file is."""
            (root / MARK).rename(root.with_name("mark"))
            yield b"x"

        with pytest.raises(StorageAway):
            storage.write(1, swapped_meanwhile())

        assert self.files(root) == []

    def test_a_file_in_its_place_is_a_fault_without_a_path(self, storage: BlockStorage, root: Path):
        shutil.rmtree(root)
        root.write_text("not a folder")

        for attempt in (storage.check, lambda: storage.write(1, [b"x"])):
            with pytest.raises(StorageFault) as fault:
                attempt()
            assert str(root) not in str(fault.value)

    @pytest.mark.parametrize("size_bytes", [2_000, 2_000_000], ids=["found at the end", "found at once"])
    def test_a_full_disk_is_a_fault_and_leaves_nothing(
        self, storage: BlockStorage, root: Path, size_bytes: int
    ):
        with files_of_at_most(1_000), pytest.raises(StorageFault, match="could not store"):
            storage.write(1, [b"x" * size_bytes])

        assert self.files(root) == []


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The operating system refuses to let a file grow further, as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
