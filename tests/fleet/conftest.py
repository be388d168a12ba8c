"""One fleet for all tests of this folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.clients import write_lines
from tests.fleet.containers import APIS, WORKERS, Fleet, missing

LINES = 60_000


@pytest.fixture(scope="session")
def fleet(pytestconfig: pytest.Config) -> Iterator[Fleet]:
    """Three APIs and four workers behind the load balancer."""
    with started(pytestconfig, Fleet(), apis=APIS, workers=WORKERS) as running:
        yield running


@contextmanager
def started(config: pytest.Config, fleet: Fleet, *, apis: int, workers: int) -> Iterator[Fleet]:
    """The fleet while the body runs; skips the test where there can be none."""
    if not config.getoption("--fleet"):
        pytest.skip("only with --fleet: make test-fleet")
    if reason := missing():
        pytest.skip(reason)
    try:
        fleet.start(apis=apis, workers=workers)
        yield fleet
    finally:
        fleet.run("down", "--volumes")


def assert_exact(fleet: Fleet, collection: str, found: dict[str, Any]) -> None:
    """The import of `file` is complete, and every document is there once."""
    counted = found["status"], found["createdDocuments"], found["rejectedDocuments"]
    assert counted == ("complete", LINES, 0)
    assert fleet.documents(collection) == LINES


@pytest.fixture
def collection(fleet: Fleet, request: pytest.FixtureRequest) -> str:
    """A collection that only this test uses."""
    path = f"/{request.node.name.replace('_', '-')}"
    fleet.longshore("collections", "add", path)
    return path


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LINES documents."""
    return write_lines(tmp_path_factory.mktemp("fleet") / "documents.ndjson", LINES)
