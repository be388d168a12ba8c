"""What only a bucket can show, on a real S3 server."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from shared.errors import BlockDamaged, SettingsInvalid, StorageFault
from shared.storage import reading
from shared.storage.access import BucketAccess
from shared.storage.bucket_writer import PART_BYTES
from shared.storage.contract import BlockStorage
from shared.storage.fetched import KEPT_BYTES
from shared.storage.mark import MARK
from shared.storage.opening_bucket import REQUEST_SECONDS
from tests.integration.storage_places import BucketPlace, bucket_place, folder_place, marked, nothing_comes
from tests.s3 import S3
from tests.s3_server import s3_server

OWN_STORE = Path(__file__).parents[2] / "docker/bucket.py"
LARGE = [b"x" * (PART_BYTES // 2)] * 5
# Older than this is whatever has begun, however the server's clock goes, before and behind ours.
ANY_AGE = -timedelta(days=1).total_seconds()


@pytest.fixture
def url(s3: S3) -> str:
    return s3.new_url()


@pytest.fixture
def place(s3: S3, url: str) -> BucketPlace:
    return bucket_place(s3, url)


@pytest.fixture
def storage(place: BucketPlace) -> BlockStorage:
    return place.storage


def uploads(s3: S3, url: str) -> int:
    """How many uploads in parts have not ended, which no listing of objects shows."""
    own = s3.environment
    client = boto3.client(
        "s3",
        endpoint_url=own["AWS_ENDPOINT_URL"],
        region_name=own["AWS_REGION"],
        aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    try:
        prefix = urlsplit(url).path.strip("/")
        found = client.list_multipart_uploads(Bucket=s3.name, Prefix=f"{prefix}/")
    finally:
        client.close()
    return len(found.get("Uploads", []))


class Interrupted(Exception):
    """The bytes stopped coming."""


def test_an_interrupted_upload_in_parts_is_forgotten(storage: BlockStorage, s3: S3, url: str):
    def interrupted() -> Iterator[bytes]:
        yield from LARGE
        assert uploads(s3, url) == 1
        raise Interrupted

    with pytest.raises(Interrupted):
        storage.write(1, interrupted())

    assert uploads(s3, url) == 0


def test_what_a_dead_writer_left_is_removed(storage: BlockStorage, s3: S3, url: str):
    writing = storage.create("1")
    writer = writing.__enter__()
    for chunk in LARGE:
        writer.write(chunk)
    assert uploads(s3, url) == 1

    storage.remove_unfinished(ANY_AGE, nothing_comes)

    assert uploads(s3, url) == 0
    with pytest.raises(StorageFault):
        writing.__exit__(None, None, None)


def test_what_still_comes_is_let_alone_however_old_it_is(storage: BlockStorage):
    """A bucket does not tell when the last part came: an upload was broken off when it was a day old."""
    with storage.create("12") as writer:
        for chunk in LARGE:
            writer.write(chunk)

        storage.remove_unfinished(ANY_AGE, lambda group: group == "12")

    with storage.open(writer.key) as file:
        assert file.read() == b"".join(LARGE)


def test_unfinished_uploads_of_others_in_the_bucket_are_let_alone(storage: BlockStorage, s3: S3, url: str):
    others = s3.new_url()
    with bucket_place(s3, others).storage.create("1") as writer:
        for chunk in LARGE:
            writer.write(chunk)

        storage.remove_unfinished(ANY_AGE, nothing_comes)

        assert uploads(s3, others) == 1


def test_bytes_that_change_after_they_were_checked_are_not_read(place: BucketPlace):
    stored = place.storage.write(1, [b"x" * (KEPT_BYTES + 1)])
    with reading.verified(place.storage, stored) as file:
        place.put(stored.key, b"y" * (KEPT_BYTES + 1))

        with pytest.raises(BlockDamaged, match="other bytes"):
            file.read()


def test_a_folder_copied_into_a_bucket_is_the_same_volume(place: BucketPlace, tmp_path: Path):
    folder = folder_place(tmp_path / "blocks")
    stored = folder.storage.write(1, [b"abc"])
    place.delete(MARK)
    for key in folder.keys():  # noqa: SIM118 - of a place
        place.put(key, (folder.root / key).read_bytes())

    place.storage.check()

    with reading.verified(place.storage, stored) as file:
        assert file.read() == b"abc"


def test_a_bucket_that_does_not_exist_is_named_by_what_it_answers(s3: S3):
    with pytest.raises(StorageFault, match="could not mark the bytes: the bucket answers NoSuchBucket"):
        marked(f"s3://no-such-bucket-{uuid4().hex}/blocks", BucketAccess.read(s3.environment))


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """Of this module alone: nobody else's server gets buckets from us, which would stay there."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def own_store(empty_server: S3) -> Callable[..., BlockStorage]:
    """Has the fleet's program do something with the bucket of this name; what is there then."""

    def run(command: str, name: str, **files: BinaryIO) -> BlockStorage:
        url = f"s3://{name}/blocks"
        environment = empty_server.environment | {"STORAGE_URL": url, "AWS_REGION": "us-east-1"}
        subprocess.run(
            [sys.executable, OWN_STORE, command], check=True, env=os.environ | environment, **files
        )
        return marked(url, BucketAccess.read(environment))

    return run


def test_the_fleets_bucket_is_made_once(own_store: Callable[..., BlockStorage]):
    name = uuid4().hex

    for _ in range(2):
        own_store("make", name).check()


def test_the_fleets_bucket_is_saved_and_loaded(own_store: Callable[..., BlockStorage], tmp_path: Path):
    one, another, saved = uuid4().hex, uuid4().hex, tmp_path / "objects.tar"
    storage = own_store("make", one)
    stored = [storage.write(1, LARGE), storage.write(2, [b"small"])]
    with saved.open("wb") as file:
        own_store("save", one, stdout=file)

    own_store("make", another)
    with saved.open("rb") as file:
        loaded = own_store("load", another, stdin=file)

    found = [loaded.open(receipt.key).read() for receipt in stored]
    assert found == [b"".join(LARGE), b"small"]


def test_that_nobody_gave_keys_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(StorageFault, match="AWS_ACCESS_KEY_ID is not set"):
        marked("s3://bucket/blocks", BucketAccess())


def test_a_server_that_goes_away_is_a_fault_that_tells_no_secret(tmp_path: Path):
    with s3_server(tmp_path) as server, ThreadPoolExecutor() as attempts:
        storage = bucket_place(server, server.new_url()).storage
        stored = storage.write(1, [b"x"])

        def gone_meanwhile() -> Iterator[bytes]:
            yield from LARGE
            server.close()

        for attempt in (
            lambda: storage.write(1, gone_meanwhile()),
            lambda: storage.open(stored.key),
            storage.check,
        ):
            fault = attempts.submit(attempt).exception(timeout=2 * REQUEST_SECONDS)
            assert isinstance(fault, StorageFault)
            assert not isinstance(fault, BlockDamaged)
            assert str(fault).endswith("the bucket does not answer.")


@pytest.mark.parametrize("endpoint", ["minio:9000", "https://", "ftp://minio", "https://key:secret@minio"])
def test_an_endpoint_that_is_none_is_refused_by_name(endpoint: str):
    with pytest.raises(SettingsInvalid, match="AWS_ENDPOINT_URL: expected https://host"):
        marked("s3://bucket/blocks", BucketAccess.read({"AWS_ENDPOINT_URL": endpoint}))


def test_empty_variables_are_absent_ones(s3: S3, monkeypatch: pytest.MonkeyPatch):
    """The client library reads the environment, too, and took an empty endpoint for one."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "")

    storage = bucket_place(s3, s3.new_url()).storage

    storage.check()


def test_a_server_is_not_asked_in_the_clear_unless_that_is_wanted():
    access = BucketAccess.read({"AWS_ENDPOINT_URL": "http://minio:9000"})

    with pytest.raises(SettingsInvalid, match=r"AWS_ENDPOINT_URL: .*AWS_ALLOW_HTTP"):
        marked("s3://bucket/blocks", access)
