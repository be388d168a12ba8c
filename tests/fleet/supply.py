"""Work for a fleet that does not end while something happens to it, and how slowly its workers do it.

How slowly is a matter of time and not of processors: on a fast machine no more is done than on a slow one.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import Import, meanwhile
from tests.fleet.containers import WORKERS, Fleet

LINES = 100_000  # of each import
BATCH_LINES = 500
# What each takes in a slowed fleet at least. A block of one MiB keeps a worker for six seconds then, so that
# it does not give way in the middle, and an import keeps all of them for 25.
BATCH_SECONDS = 0.5
# For so long they have enough to do at every moment. To upload and start the next import takes three.
AHEAD_SECONDS = 40
AHEAD_LINES = AHEAD_SECONDS * WORKERS * BATCH_LINES / BATCH_SECONDS
LOOK_SECONDS = 1.0

# A table says it and a trigger obeys, so that changing it needs no lock that work under way could hold.
INSTALL = """
CREATE TABLE test_pace (batch_seconds float NOT NULL);
INSERT INTO test_pace VALUES (0);
CREATE FUNCTION test_take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(batch_seconds) FROM test_pace;
    RETURN NULL;
END $$;
CREATE TRIGGER test_take_time BEFORE INSERT OR UPDATE ON documents FOR EACH STATEMENT
EXECUTE FUNCTION test_take_time()
"""
SET_PACE = "UPDATE test_pace SET batch_seconds = {}"
STARTED = """
SELECT count(*), coalesce(sum(total_bytes - applied_bytes) FILTER (WHERE ended_at IS NULL), 0)
  FROM imports i JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{collection}' AND started_at IS NOT NULL
"""

LINE = f'{{"text":"{"x" * 180}"}}\n'


def write_supply(path: Path, lines: int = LINES) -> Path:
    """Documents without ids: each time they are imported they become documents of their own."""
    path.write_text(LINE * lines)
    return path


class Supply:
    """Imports whose order does not matter, begun while those before them have enough left: there is always
    something to do.
    """

    def __init__(self, fleet: Fleet, path: Path, collection: str, *, block_mib: int = 1) -> None:
        """`path` is a file of `write_supply`."""
        self._fleet = fleet
        self._path = path
        self._lines = path.stat().st_size // len(LINE)
        self._collection = collection
        self._block_mib = block_mib
        self._jobs: list[Import] = []
        self.ended: list[dict[str, Any]] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """While the body runs, workers are slow and have enough before them for AHEAD_SECONDS."""
        try:
            with slowed(self._fleet):
                self._have_enough()
                with meanwhile(self._keep_enough, 1):
                    yield
        finally:
            self.ended = [job.result() for job in self._jobs]

    def _keep_enough(self, is_over: threading.Event) -> None:
        while not is_over.wait(LOOK_SECONDS):
            self._have_enough()

    def _have_enough(self) -> None:
        while self._started()[1] < AHEAD_LINES * len(LINE):
            self._start_another()

    def _start_another(self) -> None:
        job = Import(self._fleet, self._path, self._collection, block_mib=self._block_mib)
        self._jobs.append(job)
        wait_for(
            lambda: job.has_ended() or self._started()[0] == len(self._jobs), seconds=300, every_seconds=0.5
        )
        if job.has_ended():
            job.result()

    def _started(self) -> tuple[int, int]:
        """How many imports, and how many bytes of them are not applied yet."""
        imports, waiting_bytes = self._fleet.query(STARTED.format(collection=self._collection)).split("|")
        return int(imports), int(waiting_bytes)

    def assert_exact(self) -> None:
        """Every line of every import is one document of the collection, and there is no other one."""
        for ended in self.ended:
            told = [ended[name] for name in ("status", "createdDocuments", "skippedDocuments")]
            assert told == ["complete", self._lines, 0]
        assert self._fleet.documents(self._collection) == len(self.ended) * self._lines > 0


def make_slowable(fleet: Fleet) -> None:
    """Before anything runs in it, and once."""
    fleet.query(INSTALL)


@contextmanager
def slowed(fleet: Fleet, batch_seconds: float = BATCH_SECONDS) -> Iterator[None]:
    """Each batch takes so long at least while the body runs: imports last, on whatever machine."""
    fleet.query(SET_PACE.format(batch_seconds))
    try:
        yield
    finally:
        fleet.query(SET_PACE.format(0))
