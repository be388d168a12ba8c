"""What any block storage must do. A new kind adds itself to `place` and passes."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import BlockDamaged, StorageAway, StorageFault
from shared.storage import reading
from shared.storage.contract import BlockStorage
from shared.storage.mark import MARK
from shared.storage.receipts import StoredBytes
from tests.integration.storage_places import Place, bucket_place, folder_place, nothing_comes
from tests.s3 import S3

# More than a bucket takes at once.
LARGE = [b"x" * (4 << 20)] * 5


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A storage of each kind in which nothing is."""
    if request.param == "folder":
        return folder_place(tmp_path / "block storage")
    s3: S3 = request.getfixturevalue("s3")
    return bucket_place(s3, s3.new_url())


@pytest.fixture
def storage(place: Place) -> BlockStorage:
    return place.storage


class Interrupted(Exception):
    """The bytes stopped coming."""


def interrupted(chunks: list[bytes]) -> Iterator[bytes]:
    yield from chunks
    raise Interrupted


def interrupt() -> None:
    raise Interrupted


class TestBlockStorage:
    def content(self, storage: BlockStorage, key: str, offset: int = 0) -> bytes:
        return b"".join(reading.Chunks(storage.open(key, offset)))

    def test_bytes_come_back_as_they_were_given(self, storage: BlockStorage):
        stored = storage.write(1, iter([b"one\r\n", b"", b"\0\xff", b"x" * 600_000]))

        assert self.content(storage, stored.key) == b"one\r\n\0\xff" + b"x" * 600_000

    def test_a_large_block_comes_back_as_it_was_given(self, storage: BlockStorage):
        stored = storage.write(1, LARGE)

        with reading.verified(storage, stored, 5) as file:
            assert file.read() == b"".join(LARGE)[5:]

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

        with storage.open(stored.key) as file:
            assert list(reading.lines(file)) == [[b"one\r\n", b"\n", b"a\rb\n", b"\xc2\x85last"]]

    def test_lines_come_in_groups_of_bounded_size(self, storage: BlockStorage):
        stored = storage.write(1, [b"a line\n" * 100_000])

        with storage.open(stored.key) as file:
            groups = list(reading.lines(file))

        assert sum(map(len, groups)) == 100_000
        assert max(len(b"".join(group)) for group in groups) < 100_000

    def test_checked_reading_tells_the_bytes_that_were_stored_from_others(self, storage: BlockStorage):
        stored = storage.write(1, [b"abc"])

        with reading.verified(storage, stored, 1) as file:
            assert file.read() == b"bc"
        with pytest.raises(BlockDamaged, match="other bytes"):
            reading.verified(storage, replace(stored, sha256=hashlib.sha256(b"abd").digest()))

    def test_bytes_may_be_read_before_they_are_checked(self, storage: BlockStorage):
        stored = storage.write(1, LARGE)
        content = b"".join(LARGE)

        with closing(reading.opened(storage, stored, 5).file) as file:
            assert file.read() == content[5:]
        block = reading.opened(storage, stored, 5)
        with closing(block.file) as file:
            first = file.read(1000)
            block.check()

            assert first + file.read() == content[5:]

    def test_other_bytes_are_damage(self, place: Place):
        stored = place.storage.write(1, [b"abc"])
        place.put(stored.key, b"abd")

        with pytest.raises(BlockDamaged, match="other bytes"):
            reading.verified(place.storage, stored)

    @pytest.mark.parametrize("there", [b"ab", b"abcd", b""])
    def test_more_or_fewer_bytes_are_damage_before_any_is_read(self, place: Place, there: bytes):
        stored = place.storage.write(1, [b"abc"])
        place.put(stored.key, there)

        with pytest.raises(BlockDamaged, match="other bytes"):
            reading.opened(place.storage, stored)

    def test_each_look_comes_before_a_piece_and_may_end_the_check(self, storage: BlockStorage):
        stored = storage.write(1, [b"abc"])

        with pytest.raises(Interrupted):
            reading.verified(storage, stored, look=interrupt)

    def test_what_was_checked_is_read_whatever_lies_there_later(self, storage: BlockStorage):
        stored = storage.write(1, [b"abc"])

        with reading.verified(storage, stored) as file:
            storage.remove(stored.key)

            assert file.read() == b"abc"

    def test_a_removed_key_is_gone(self, storage: BlockStorage):
        gone, kept = (storage.write(1, [b"x"]) for _ in range(2))

        storage.remove(gone.key)
        storage.remove(gone.key)

        with pytest.raises(BlockDamaged, match="lost the bytes"):
            storage.open(gone.key)
        assert self.content(storage, kept.key) == b"x"

    def test_a_removed_group_is_gone_and_no_other(self, storage: BlockStorage):
        gone, kept = storage.write(1, [b"x"]), storage.write(11, [b"x"])

        storage.remove_group("1")
        storage.remove_group("1")

        with pytest.raises(BlockDamaged):
            storage.open(gone.key)
        assert self.content(storage, kept.key) == b"x"

    def test_a_look_comes_before_each_few_of_many_removals_and_may_end_them(self, place: Place):
        place.storage.write(1, [b"x"])
        for n in range(100):
            place.put(f"1/{n}", b"x")
        looks = iter([lambda: None, interrupt])

        def look() -> None:
            next(looks)()

        with pytest.raises(Interrupted):
            place.storage.remove_group("1", look)

        assert 1 < len(place.keys()) < 102
        place.storage.remove_group("1")
        assert place.keys() == [MARK]

    @pytest.mark.parametrize("chunks", [[b"half"], LARGE], ids=["small", "large"])
    def test_what_the_source_raises_comes_out_and_leaves_nothing(self, place: Place, chunks: list[bytes]):
        with pytest.raises(Interrupted):
            place.storage.write(1, interrupted(chunks))

        assert place.keys() == [MARK]

    def test_removing_what_is_unfinished_leaves_what_is_whole(self, storage: BlockStorage):
        stored = storage.write(1, [b"x"])

        storage.remove_unfinished(0.0, nothing_comes)

        assert self.content(storage, stored.key) == b"x"

    def test_an_upload_under_way_survives_a_sweep(self, storage: BlockStorage):
        def swept_meanwhile() -> Iterator[bytes]:
            yield b"one"
            storage.remove_unfinished(3600.0, nothing_comes)
            yield b"two"

        assert self.content(storage, storage.write(1, swept_meanwhile()).key) == b"onetwo"

    def test_a_storage_that_works_says_so(self, storage: BlockStorage):
        storage.check()

    def test_a_bare_place_takes_gives_and_loses_nothing(self, place: Place):
        storage = place.storage
        stored = storage.write(1, [b"x"])
        place.put("1/of-somebody-else", b"x")
        place.delete(stored.key)
        place.delete(MARK)

        for attempt in (
            storage.check,
            lambda: storage.write(1, [b"x"]),
            lambda: storage.open(stored.key),
            lambda: storage.remove("1/of-somebody-else"),
            lambda: storage.remove_group("1"),
            lambda: storage.remove_unfinished(0, nothing_comes),
        ):
            with pytest.raises(StorageAway):
                attempt()
        assert place.keys() == ["1/of-somebody-else"]
        place.put(MARK, b"the volume")
        storage.check()

    def test_another_volume_is_not_taken_for_it(self, place: Place):
        place.storage.check()
        place.put(MARK, b"another volume")

        with pytest.raises(StorageAway):
            place.storage.write(1, [b"x"])
        with pytest.raises(StorageFault, match="another database"):
            place.storage.mark()

    def test_what_is_written_while_the_volume_goes_away_is_not_acknowledged(self, place: Place):
        def gone_meanwhile() -> Iterator[bytes]:
            place.delete(MARK)
            yield b"x"

        with pytest.raises(StorageAway):
            place.storage.write(1, gone_meanwhile())

        assert place.keys() == []
