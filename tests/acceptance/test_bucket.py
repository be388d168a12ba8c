"""A stack whose blocks are in a bucket: imports, exports, and their links, with real workers."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import obstore
import pytest
from obstore.store import S3Store

from api.usecases.services import find_service
from shared.ground import Ground
from shared.settings import Settings
from tests.acceptance.administration import Administration
from tests.acceptance.client import Client
from tests.acceptance.conftest import EMAIL, PASSWORD, URLS
from tests.acceptance.jobs import imported
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.test_stack import up
from tests.acceptance.waiting import wait_for
from tests.s3 import S3

# More than one part of an upload, and several blocks when it is cut.
ITEMS = b"\n".join(b'{"accountId":"%05d","text":"%s"}' % (n, b"x" * 900) for n in range(20_000))


@pytest.fixture(scope="module")
def stack(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Two collections, and a user, on a stack of its own."""
    environment = s3.environment | {"STORAGE_URL": s3.new_url(), "LONGSHORE_RETRY_SECONDS": "0.2"}
    with up(tmp_path_factory.mktemp("bucket-stack"), environment=environment) as running:
        named = {name: running.description[name.lower()] for name in URLS}
        ground = Ground.open(Settings.read(environment | named))
        administration = Administration(ground, find_service(ground, running.description["service"]))
        administration.add_collection("/films")
        administration.add_item_type("Account")
        administration.add_user(EMAIL, PASSWORD)
        ground.close()
        yield running.description


@pytest.fixture(scope="module")
def bucket(s3: S3, stack: dict[str, Any]) -> S3Store:
    """What is under the stack's prefix."""
    return s3.bucket(stack["storage_url"].removeprefix("s3://").partition("/")[2])


@pytest.fixture(scope="module")
def liquid(stack: dict[str, Any]) -> Iterator[LiquidClient]:
    client = LiquidClient(stack["url"], email=EMAIL, password=PASSWORD, community=stack["service"])
    yield client
    client.close()


def objects(bucket: S3Store, group: str | None = None) -> list[str]:
    """Keys of the group, or of all groups and the mark."""
    return [found["path"] for found in obstore.list(bucket, group).collect()]


def test_an_import_is_applied_from_its_blocks_and_leaves_none_once_it_is_deleted(
    client: Client, bucket: S3Store
):
    importid = client.create("/films", "create")
    for block in (b'{"documentid":"1","title":"Jaws"}\n', b'{"documentid":"2"}\noops\n'):
        client.add_block(importid, block)
    client.set_status(importid, "started")

    ended = client.wait_for_end(importid)

    assert (ended["status"], ended["createdDocuments"], ended["rejectedDocuments"]) == ("complete", 2, 1)
    assert client.documents("/films")["1"]["title"] == "Jaws"
    assert len(objects(bucket, str(importid))) == 2
    client.delete(importid)
    wait_for(lambda: not objects(bucket, str(importid)))


def test_an_emptied_bucket_takes_no_block_and_an_import_waits_until_it_is_back(
    stack: dict[str, Any], client: Client, bucket: S3Store
):
    importid = client.create("/films", "create")
    client.add_block(importid, b'{"documentid":"3"}\n')
    lost = {key: bytes(obstore.get(bucket, key).bytes()) for key in objects(bucket)}
    obstore.delete(bucket, list(lost))

    with pytest.raises(httpx.HTTPStatusError) as refused:
        client.add_block(importid, b'{"documentid":"4"}\n')
    wait_for(lambda: readiness(stack["url"]) == {"status": "degraded", "missing": ["storage"]})
    client.set_status(importid, "started")
    waiting = client.wait_until(importid, lambda resource: resource["work"]["lastError"] is not None)

    assert refused.value.response.status_code == 503
    assert "The volume of blocks is not there" in refused.value.response.text
    assert "The volume of blocks is not there" in waiting["work"]["lastError"]
    assert objects(bucket) == []
    for key, content in lost.items():
        obstore.put(bucket, key, content)
    assert client.wait_for_end(importid)["createdDocuments"] == 1


def readiness(url: str) -> Any:
    """As it was within the last second."""
    return httpx.get(f"{url}/health/ready", trust_env=False).json()


def test_an_export_gives_back_what_a_large_file_brought_whole_and_in_ranges(
    liquid: LiquidClient, bucket: S3Store
):
    brought = imported(liquid, "Account", ITEMS)
    assert brought["status"] == "Completed", brought

    order = {"jobName": "out", "itemType": "Account", "contentType": "application/json"}
    ended = liquid.wait_for_end(liquid.start_export(**order)["jobId"])

    [link] = ended["links"]
    whole = liquid.download(link)
    assert [item["data"] for item in json.loads(whole)] == [json.loads(line) for line in ITEMS.splitlines()]
    assert len(objects(bucket)) > 4
    for asked, expected in {
        "bytes=5000000-5000009": whole[5_000_000:5_000_010],
        "bytes=-7": whole[-7:],
        f"bytes={len(whole) - 3}-": whole[-3:],
    }.items():
        answer = httpx.get(link, headers={"Range": asked}, trust_env=False)
        assert (answer.status_code, answer.content) == (206, expected), asked
