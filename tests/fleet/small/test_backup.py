"""A fleet is backed up while it works, and goes on where it is restored."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import IMPORTS, Import, start_import
from tests.fleet.conftest import assert_exact, started
from tests.fleet.containers import CHECKOUT, Fleet, remove_project, stopped

FEW = b'{"documentid":"1"}\n{"documentid":"2"}\n'


def look(fleet: Fleet, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {fleet.token}"}
    return httpx.get(fleet.url + path, headers=headers, trust_env=False, timeout=30)


def block_of(fleet: Fleet, path: str) -> bytes:
    """The first one of an import."""
    [block, *_] = look(fleet, f"{path}/blocks").raise_for_status().json()["data"]
    return look(fleet, f"{path}/blocks/{block['blockid']}").raise_for_status().content


@pytest.fixture(scope="module", params=["store", "volume"])
def layout(request: pytest.FixtureRequest, settings: dict[str, str]) -> dict[str, str]:
    """Where blocks are kept."""
    return settings if request.param == "store" else {}


@pytest.fixture(scope="module")
def fleet(fleet: Fleet, kept: Path, layout: dict[str, str]) -> Iterator[Fleet]:
    """That of the other tests, or one that has nothing but what every fleet has."""
    if layout:
        yield fleet
        return
    with started(Fleet(kept, f"{CHECKOUT}-usual"), apis=1, workers=1) as running:
        yield running


@pytest.fixture
def restored(fleet: Fleet, kept: Path, layout: dict[str, str]) -> Iterator[Fleet]:
    """Another fleet, which is not there yet."""
    another = Fleet(kept, f"{CHECKOUT}-restored", **layout)
    remove_project(another.name)
    yield another
    remove_project(another.name)


def test_a_restored_fleet_has_its_blocks_and_goes_on_with_its_imports(
    fleet: Fleet, restored: Fleet, collection: str, file: Path, tmp_path: Path
):
    done = Import(fleet, file, collection).result()
    fleet.longshore("collections", "add", "/waiting")
    [worker] = fleet.containers("worker")
    with stopped(worker):
        waiting = start_import(fleet, "/waiting", FEW)
        fleet.run("backup", str(tmp_path))

    restored.restore(tmp_path)

    wait_for(lambda: look(restored, waiting.path).json()["status"] == "complete", seconds=300)
    assert restored.documents("/waiting") == 2
    assert_exact(restored, collection, done)
    for path in (waiting.path, f"{IMPORTS}/{done['importid']}"):
        assert block_of(restored, path) == block_of(fleet, path) != b""
    assert "ok    blocks: " in restored.run("longshore", "doctor")
