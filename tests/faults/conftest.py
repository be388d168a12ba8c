"""One fleet for all rounds."""

from collections.abc import Iterator

import pytest

from tests.faults.fleet import Fleet, a_fleet


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with a_fleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running
