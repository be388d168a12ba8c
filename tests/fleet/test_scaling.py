"""Workers that come and go while imports run: some give back what they hold, more make it faster."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import Import, meanwhile
from tests.fleet.containers import APIS, WORKERS, Fleet, docker, events

COLLECTION = "/scaled"
LINES = 300_000  # of each import
AT_ONCE = 2
# Of a core for each worker: so their number decides, and not how many cores this machine has.
SHARE, ALL = "0.1", "2"
LOOK_SECONDS = 4.0
FASTER = 1.5  # at least; four times as many workers are about four times as fast

APPLIED = f"""
SELECT sum(created_documents), extract(epoch FROM clock_timestamp())
  FROM imports i JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{COLLECTION}'
"""
WAITING_BYTES = f"""
SELECT coalesce(sum(total_bytes - applied_bytes), 0)
  FROM imports i JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{COLLECTION}' AND i.status IN ('started', 'running')
"""
ENOUGH_BYTES = 9_000_000  # to keep all workers busy while one looks
HELD = "SELECT count(*) FROM blocks WHERE leased_until > clock_timestamp()"


class Supply:
    """Imports whose order does not matter, one after the other: there is always something to do."""

    def __init__(self, fleet: Fleet, path: Path) -> None:
        self._fleet = fleet
        self._path = path
        self.ended: list[dict[str, Any]] = []

    def going_on(self) -> AbstractContextManager[None]:
        return meanwhile(self._import_on, AT_ONCE)

    def _import_on(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            self.ended.append(Import(self._fleet, self._path, COLLECTION).result(seconds=600))


@dataclass(frozen=True)
class Scaled:
    """What was seen with all workers, with one, and with all again."""

    held_after_stop: int  # blocks
    pace_of_one: float  # documents a second
    pace_of_all: float
    batches: dict[str, int]  # by each worker that came
    ended: list[dict[str, Any]]


@pytest.fixture(scope="module")
def scaled(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    fleet.longshore("collections", "add", COLLECTION)
    file = tmp_path_factory.mktemp("scaled") / "lines.ndjson"
    # Without ids: each time it is imported they become documents of their own.
    file.write_text(f'{{"text":"{"x" * 40}"}}\n' * LINES)
    supply = Supply(fleet, file)
    share_cores(fleet.containers("worker"), SHARE)
    try:
        with supply.going_on():
            wait_for(lambda: fleet.query(HELD) == str(WORKERS), seconds=120)
            scale(fleet, 1)
            held, pace_of_one = int(fleet.query(HELD)), pace(fleet)
            added = add_workers(fleet)
            pace_of_all = pace_beyond(fleet, FASTER * pace_of_one)
            share_cores(fleet.containers("worker"), ALL)
        batches = {worker: len(events(worker, "batch_applied")) for worker in added}
        yield Scaled(held, pace_of_one, pace_of_all, batches, supply.ended)
    finally:
        if len(fleet.containers("worker")) < WORKERS:
            scale(fleet, WORKERS)
        share_cores(fleet.containers("worker"), ALL)


def scale(fleet: Fleet, workers: int) -> None:
    fleet.run("scale", API=str(APIS), WORKER=str(workers))


def add_workers(fleet: Fleet) -> list[str]:
    """Back to all of them; the new ones, as soon as each has taken a block."""
    before = fleet.containers("worker")
    scale(fleet, WORKERS)
    added = [worker for worker in fleet.containers("worker") if worker not in before]
    share_cores(added, SHARE)
    wait_for(lambda: all(events(worker, "batch_applied") for worker in added), seconds=120)
    return added


def share_cores(workers: Sequence[str], cores: str) -> None:
    docker("update", "--cpus", cores, *workers)


def pace(fleet: Fleet) -> float:
    """Documents a second, as long as there are enough of them."""
    wait_for(lambda: int(fleet.query(WAITING_BYTES)) > ENOUGH_BYTES, seconds=120)
    (first, began), end = applied(fleet), time.monotonic() + LOOK_SECONDS
    wait_for(lambda: time.monotonic() > end)
    last, ended = applied(fleet)
    return (last - first) / (ended - began)


def pace_beyond(fleet: Fleet, least: float) -> float:
    """The first one beyond that, or the last of a minute: for a while the machine may do other things."""
    deadline = time.monotonic() + 60
    while (found := pace(fleet)) <= least and time.monotonic() < deadline:
        pass
    return found


def applied(fleet: Fleet) -> tuple[float, float]:
    """How many documents, and when, by the database's clock: asking takes a while itself."""
    documents, at = fleet.query(APPLIED).split("|")
    return float(documents), float(at)


def test_workers_that_are_stopped_give_back_what_they_hold(scaled: Scaled):
    assert scaled.held_after_stop <= 1


def test_workers_that_are_added_take_blocks_and_make_imports_faster(scaled: Scaled):
    assert len(scaled.batches) == WORKERS - 1
    assert all(scaled.batches.values()), scaled.batches
    assert scaled.pace_of_all > FASTER * scaled.pace_of_one > 0


def test_imports_end_exact_and_no_attempt_was_lost(fleet: Fleet, scaled: Scaled):
    for ended in scaled.ended:
        told = [ended[name] for name in ("status", "createdDocuments", "skippedDocuments", "failureCount")]
        assert told == ["complete", LINES, 0, 0]
    assert fleet.documents(COLLECTION) == len(scaled.ended) * LINES
