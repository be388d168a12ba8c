"""An S3 that fails once at each kind of request is asked again, and nobody is told."""

from collections.abc import Iterator

import pytest

from shared.storage import reading
from shared.storage.access import BucketAccess
from shared.storage.bucket_writer import PART_BYTES
from shared.storage.contract import BlockStorage
from tests.integration.storage_places import marked
from tests.s3 import at
from tests.s3_front import Failure, S3Front, s3_front
from tests.s3_server import S3Server, s3_server

LARGE = [b"x" * (PART_BYTES // 2)] * 5
KINDS = {
    "PUT",
    "POST uploads",  # which begins one in parts
    "PUT partNumber uploadId",
    "POST uploadId",  # which ends it
    "HEAD",
    "GET",
    "GET list-type",
    "POST delete",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Of this module: what is asked by way of a front may not be what a foreign server would take."""
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(params=Failure)
def front(request: pytest.FixtureRequest, server: S3Server) -> Iterator[S3Front]:
    with s3_front(server.environment["AWS_ENDPOINT_URL"], request.param) as running:
        yield running


@pytest.fixture
def storage(front: S3Front, server: S3Server) -> BlockStorage:
    return marked(server.new_url(), BucketAccess.read(at(front.url)))


def test_each_request_is_repeated_that_failed_once(storage: BlockStorage, front: S3Front):
    stored = [storage.write(1, [b"small"]), storage.write(2, LARGE)]
    found = [b"".join(reading.Chunks(storage.open(receipt.key))) for receipt in stored]
    storage.check()
    storage.remove(stored[0].key)
    storage.remove_group("2")

    assert found == [b"small", b"".join(LARGE)]
    assert [storage.holds(receipt.key) for receipt in stored] == [False, False]
    assert set(front.failed) == KINDS
