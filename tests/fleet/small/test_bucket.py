"""A fleet whose blocks are objects of its own S3 store: no file of an API is a worker's, or needs to be."""

from pathlib import Path

import pytest

from tests.fleet.clients import Import
from tests.fleet.conftest import assert_exact
from tests.fleet.containers import Fleet, asked, docker, events, wait_until_healthy

STORE = "http://s3:7070/longshore"


def test_a_block_that_one_container_stored_is_applied_by_another(fleet: Fleet, collection: str, file: Path):
    [api], [worker] = fleet.containers("api"), fleet.containers("worker")

    found = Import(fleet, file, collection).result()

    assert_exact(fleet, collection, found)
    assert events(worker, "batch_applied")
    assert docker("exec", api, "find", "/var/lib/longshore", "-type", "f") == ""
    assert f"<Key>blocks/{found['importid']}/" in asked(api, STORE)


@pytest.mark.parametrize("service", ["s3", "mail"])
def test_what_is_only_here_tells_that_it_is_there(fleet: Fleet, service: str):
    [container] = fleet.containers(service)

    wait_until_healthy(container, seconds=60)
