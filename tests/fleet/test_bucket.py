"""A fleet whose blocks are objects of its own S3 store: no file of an API is a worker's, or needs to be."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.clients import Import
from tests.fleet.conftest import assert_exact, started
from tests.fleet.containers import CHECKOUT, Fleet, docker, events

TOKEN = secrets.token_hex(16)
PORT = "9000"
STORE = "http://s3:7070/longshore"


def asked(container: str, url: str, headers: dict[str, str]) -> str:
    """What is answered inside the fleet."""
    ask = f"import httpx; print(httpx.get({url!r}, headers={headers!r}, trust_env=False).text)"
    return docker("exec", container, "python", "-c", ask)


@pytest.fixture(scope="module")
def fleet(engine: None, kept: Path) -> Iterator[Fleet]:
    """One API and one worker, with a store, that tell their metrics."""
    settings = {"COMPOSE_PROFILES": "s3", "LONGSHORE_METRICS_TOKEN": TOKEN, "LONGSHORE_METRICS_PORT": PORT}
    with started(Fleet(kept, f"{CHECKOUT}-bucket", **settings), apis=1, workers=1) as running:
        yield running


def test_a_block_that_one_container_stored_is_applied_by_another(
    fleet: Fleet, collection: str, file: Path
) -> None:
    [api], [worker] = fleet.containers("api"), fleet.containers("worker")

    found = Import(fleet, file, collection).result()

    assert_exact(fleet, collection, found)
    assert events(worker, "batch_applied")
    assert docker("exec", api, "find", "/var/lib/longshore", "-type", "f") == ""
    assert f"<Key>blocks/{found['importid']}/" in asked(api, STORE, {})


@pytest.mark.parametrize(("service", "port"), [("api", "8000"), ("worker", PORT), ("beat", PORT)])
def test_metrics_are_told_inside_to_who_has_the_token(fleet: Fleet, service: str, port: str) -> None:
    [container] = fleet.containers(service)
    headers = {"Authorization": f"Bearer {TOKEN}"}

    assert "longshore_" in asked(container, f"http://127.0.0.1:{port}/metrics", headers)
