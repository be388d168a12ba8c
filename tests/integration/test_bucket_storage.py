"""What only a bucket can show, on a real S3 server."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import obstore
import pytest
from obstore.store import S3Store

from shared.errors import BlockDamaged, SettingsInvalid, StorageAway, StorageFault
from shared.storage import reading
from shared.storage.access import BucketAccess
from shared.storage.bucket_writer import PART_BYTES
from shared.storage.contract import BlockStorage
from shared.storage.fetched import KEPT_BYTES
from shared.storage.mark import MARK
from shared.storage.opening import REQUEST_SECONDS, open_storage
from tests.s3_server import BUCKET, S3Server, s3_server

LARGE = [b"x" * (PART_BYTES // 2)] * 5


@pytest.fixture
def url(s3: S3Server) -> str:
    return s3.new_url()


@pytest.fixture
def bucket(s3: S3Server, url: str) -> S3Store:
    """What is under the storage's prefix."""
    return s3.bucket(urlsplit(url).path.strip("/"))


@pytest.fixture
def storage(s3: S3Server, url: str) -> BlockStorage:
    return marked(s3, url)


def opened(s3: S3Server, url: str) -> BlockStorage:
    return open_storage(url, lambda: "the volume", BucketAccess.read(s3.environment))


def marked(s3: S3Server, url: str) -> BlockStorage:
    storage = opened(s3, url)
    storage.mark()
    return storage


def keys(bucket: S3Store) -> list[str]:
    """Objects, but for the mark."""
    return [found["path"] for found in obstore.list(bucket).collect() if found["path"] != MARK]


def uploads(s3: S3Server, url: str) -> int:
    """How many uploads in parts have not ended, which no listing of objects shows."""
    prefix = urlsplit(url).path.strip("/")
    address = f"{s3.environment['AWS_ENDPOINT_URL']}/{BUCKET}?uploads&prefix={prefix}/"
    return httpx.get(address, trust_env=False).text.count("<UploadId>")


class Interrupted(Exception):
    """The bytes stopped coming."""


def test_a_large_block_comes_back_as_it_was_given(storage: BlockStorage):
    stored = storage.write(1, LARGE)

    with reading.verified(storage, stored.key, stored.sha256, 5) as file:
        assert file.read() == b"".join(LARGE)[5:]


@pytest.mark.parametrize("chunks", [[b"half"], LARGE], ids=["small", "in parts"])
def test_an_interrupted_write_leaves_nothing(
    storage: BlockStorage, s3: S3Server, url: str, bucket: S3Store, chunks: list[bytes]
):
    begun = []

    def interrupted() -> Iterator[bytes]:
        yield from chunks
        begun.append(uploads(s3, url))
        raise Interrupted

    with pytest.raises(Interrupted):
        storage.write(1, interrupted())

    assert begun == [int(chunks is LARGE)]
    assert uploads(s3, url) == 0
    assert keys(bucket) == []


def test_what_a_dead_writer_left_is_removed(storage: BlockStorage, s3: S3Server, url: str):
    writing = storage.create("1")
    writer = writing.__enter__()
    for chunk in LARGE:
        writer.write(chunk)
    assert uploads(s3, url) == 1

    # This server tells all uploads to have begun in 2010.
    storage.remove_unfinished(3600)

    assert uploads(s3, url) == 0
    with pytest.raises(StorageFault):
        writing.__exit__(None, None, None)


def test_unfinished_uploads_of_others_in_the_bucket_are_let_alone(
    storage: BlockStorage, s3: S3Server, url: str
):
    others = s3.new_url()
    with marked(s3, others).create("1") as writer:
        for chunk in LARGE:
            writer.write(chunk)

        storage.remove_unfinished(0)

        assert uploads(s3, others) == 1


def test_an_emptied_bucket_takes_gives_and_loses_nothing(storage: BlockStorage, bucket: S3Store):
    stored = storage.write(1, [b"x"])
    obstore.delete(bucket, [stored.key, MARK])
    obstore.put(bucket, "1/somebody-else's", b"x")

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
    assert keys(bucket) == ["1/somebody-else's"]


def test_another_volume_is_not_taken_for_it(storage: BlockStorage, bucket: S3Store):
    obstore.put(bucket, MARK, b"another volume")

    with pytest.raises(StorageAway):
        storage.write(1, [b"x"])
    with pytest.raises(StorageFault, match="another database"):
        storage.mark()


def test_what_is_written_while_the_bucket_is_emptied_is_not_acknowledged(
    storage: BlockStorage, bucket: S3Store
):
    def emptied_meanwhile() -> Iterator[bytes]:
        obstore.delete(bucket, MARK)
        yield b"x"

    with pytest.raises(StorageAway):
        storage.write(1, emptied_meanwhile())

    assert keys(bucket) == []


def test_other_bytes_are_damage(storage: BlockStorage, bucket: S3Store):
    stored = storage.write(1, [b"abc"])
    obstore.put(bucket, stored.key, b"abd")

    with pytest.raises(BlockDamaged, match="other bytes"):
        reading.verified(storage, stored.key, stored.sha256)


def test_bytes_that_change_after_they_were_checked_are_not_read(storage: BlockStorage, bucket: S3Store):
    stored = storage.write(1, [b"x" * (KEPT_BYTES + 1)])
    with reading.verified(storage, stored.key, stored.sha256) as file:
        obstore.put(bucket, stored.key, b"y" * (KEPT_BYTES + 1))

        with pytest.raises(BlockDamaged, match="other bytes"):
            file.read()


def test_a_folder_copied_into_a_bucket_is_the_same_volume(
    s3: S3Server, url: str, bucket: S3Store, tmp_path: Path
):
    folder = marked(s3, f"file://{tmp_path}/blocks")
    stored = folder.write(1, [b"abc"])
    for path in (tmp_path / "blocks").rglob("*"):
        if path.is_file():
            obstore.put(bucket, path.relative_to(tmp_path / "blocks").as_posix(), path)

    storage = opened(s3, url)

    storage.check()
    with reading.verified(storage, stored.key, stored.sha256) as file:
        assert file.read() == b"abc"


def test_a_bucket_that_does_not_exist_is_named_by_what_it_answers(s3: S3Server):
    storage = opened(s3, "s3://no-such-bucket/blocks")

    with pytest.raises(StorageFault, match="could not mark the bytes: the bucket answers NoSuchBucket"):
        storage.mark()


def test_that_nobody_gave_keys_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    storage = open_storage("s3://bucket/blocks", lambda: "the volume", BucketAccess())

    with pytest.raises(StorageFault, match="AWS_ACCESS_KEY_ID is not set"):
        storage.mark()


def test_a_server_that_goes_away_is_a_fault_that_tells_no_secret(tmp_path: Path):
    with s3_server(tmp_path) as server:
        storage = marked(server, server.new_url())
        stored = storage.write(1, [b"x"])

        def gone_meanwhile() -> Iterator[bytes]:
            yield from LARGE
            server.close()

        for attempt in (
            lambda: storage.write(1, gone_meanwhile()),
            lambda: storage.open(stored.key),
            storage.check,
            lambda: storage.remove_import(1),
        ):
            began = time.monotonic()
            with pytest.raises(StorageFault, match=r"the bucket does not answer\.$") as fault:
                attempt()
            assert not isinstance(fault.value, BlockDamaged)
            assert time.monotonic() - began < 2 * REQUEST_SECONDS


def test_a_server_is_not_asked_in_the_clear_unless_that_is_wanted():
    access = BucketAccess.read({"AWS_ENDPOINT_URL": "http://minio:9000"})

    with pytest.raises(SettingsInvalid, match=r"AWS_ENDPOINT_URL: .*AWS_ALLOW_HTTP"):
        open_storage("s3://bucket/blocks", lambda: "the volume", access)
