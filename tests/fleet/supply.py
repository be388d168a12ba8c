"""Work for a fleet that does not end while something happens to it, and how slowly its workers do it."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.fleet.clients import Import, meanwhile
from tests.fleet.containers import Fleet, docker

LINES = 300_000  # of each import
AT_ONCE = 2
# Of a core for each worker: so their number decides, and not how many cores this machine has.
SHARE, ALL = "0.1", str(os.cpu_count())


def write_supply(path: Path) -> Path:
    """LINES documents without ids: each time they are imported they become documents of their own."""
    path.write_text(f'{{"text":"{"x" * 40}"}}\n' * LINES)
    return path


class Supply:
    """Imports whose order does not matter, one after the other: there is always something to do."""

    def __init__(self, fleet: Fleet, path: Path, collection: str, *, block_mib: int = 1) -> None:
        """`path` is a file of `write_supply`."""
        self._fleet = fleet
        self._path = path
        self._collection = collection
        self._block_mib = block_mib
        self.ended: list[dict[str, Any]] = []

    def going_on(self) -> AbstractContextManager[None]:
        return meanwhile(self._import_on, AT_ONCE)

    def _import_on(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            job = Import(self._fleet, self._path, self._collection, block_mib=self._block_mib)
            self.ended.append(job.result(seconds=600))

    def assert_exact(self) -> None:
        """Every line of every import is one document of the collection, and there is no other one."""
        for ended in self.ended:
            told = [ended[name] for name in ("status", "createdDocuments", "skippedDocuments")]
            assert told == ["complete", LINES, 0]
        assert self._fleet.documents(self._collection) == len(self.ended) * LINES > 0


@contextmanager
def slowed(fleet: Fleet, service: str = "worker", share: str = SHARE) -> Iterator[None]:
    """Each container of the service has a small share of a core while the body runs: imports last."""
    share_cores(fleet.containers(service), share)
    try:
        yield
    finally:
        share_cores(fleet.containers(service), ALL)


def share_cores(containers: Sequence[str], cores: str) -> None:
    docker("update", "--cpus", cores, *containers)
