"""One fleet for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.clients import write_lines
from tests.fleet.containers import Fleet, missing

LINES = 60_000


@pytest.fixture(scope="session")
def fleet(pytestconfig: pytest.Config) -> Iterator[Fleet]:
    """Three APIs and four workers behind the load balancer."""
    if not pytestconfig.getoption("--fleet"):
        pytest.skip("only with --fleet: make test-fleet")
    if reason := missing():
        pytest.skip(reason)
    made = Fleet()
    try:
        made.start()
        yield made
    finally:
        made.run("down", "--volumes")


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
