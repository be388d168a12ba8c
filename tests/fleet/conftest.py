"""One fleet for all tests of this folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.clients import write_lines
from tests.fleet.containers import (
    APIS,
    WORKERS,
    Fleet,
    missing,
    only_session,
    remove_project,
    wait_until_healthy,
)
from tests.fleet.supply import BATCH_LINES, make_slowable

LINES = 60_000


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Whoever asks for fleets is not told that all is well where there can be none. Raises UsageError."""
    if config.getoption("--fleet") and (reason := missing()):
        raise pytest.UsageError(f"--fleet: {reason}.")


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Iterator[None]:
    """A Docker engine on which no other session has fleets of this checkout."""
    if not pytestconfig.getoption("--fleet"):
        pytest.skip("only with --fleet: make test-fleet")
    with only_session():
        yield


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the fleets of this session have their passwords."""
    return tmp_path_factory.mktemp("fleet") / "settings.env"


@pytest.fixture(scope="session")
def fleet(engine: None, kept: Path) -> Iterator[Fleet]:
    """Three APIs and four workers behind the load balancer, which can be slowed; all of them are up."""
    small_batches = Fleet(kept, LONGSHORE_BATCH_LINES=str(BATCH_LINES))
    with started(small_batches, apis=APIS, workers=WORKERS) as running:
        make_slowable(running)
        yield running


@contextmanager
def started(fleet: Fleet, *, apis: int, workers: int) -> Iterator[Fleet]:
    """The fleet, all of it up, while the body runs, and nothing of one of its name before and after it."""
    remove_project(fleet.name)
    try:
        fleet.start(apis=apis, workers=workers)
        for service in ("api", "worker", "beat"):
            for container in fleet.containers(service):
                wait_until_healthy(container)
        yield fleet
    finally:
        remove_project(fleet.name)


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
