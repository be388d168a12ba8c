"""Workers that come and go while imports run: some give back what they hold, more make it faster."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.containers import APIS, WORKERS, Fleet, events
from tests.fleet.supply import Supply, write_supply

COLLECTION = "/scaled"
LOOK_SECONDS = 6.0  # a dozen of a slowed worker's batches
FASTER = 1.5  # at least; four times as many workers are about four times as fast

APPLIED = f"""
SELECT sum(created_documents), extract(epoch FROM clock_timestamp())
  FROM imports i JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{COLLECTION}'
"""
HELD = "SELECT count(*) FROM blocks WHERE leased_until > clock_timestamp()"


@dataclass(frozen=True)
class Scaled:
    """What was seen with all workers, with one, and with all again."""

    held_after_stop: int  # blocks
    pace_of_one: float  # documents a second
    pace_of_all: float
    batches: dict[str, int]  # by each worker that came
    supply: Supply


@pytest.fixture(scope="module")
def scaled(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    fleet.longshore("collections", "add", COLLECTION)
    supply = Supply(fleet, write_supply(tmp_path_factory.mktemp("scaled") / "lines.ndjson"), COLLECTION)
    try:
        with supply.going_on():
            wait_for(lambda: fleet.query(HELD) == str(WORKERS), seconds=120)
            scale(fleet, 1)
            held, pace_of_one = int(fleet.query(HELD)), pace(fleet)
            added = add_workers(fleet)
            pace_of_all = pace_beyond(fleet, FASTER * pace_of_one)
        batches = {worker: len(events(worker, "batch_applied")) for worker in added}
        yield Scaled(held, pace_of_one, pace_of_all, batches, supply)
    finally:
        if len(fleet.containers("worker")) < WORKERS:
            scale(fleet, WORKERS)


def scale(fleet: Fleet, workers: int) -> None:
    fleet.run("scale", API=str(APIS), WORKER=str(workers))


def add_workers(fleet: Fleet) -> list[str]:
    """Back to all of them; the new ones, as soon as each has taken a block."""
    before = fleet.containers("worker")
    scale(fleet, WORKERS)
    added = [worker for worker in fleet.containers("worker") if worker not in before]
    wait_for(lambda: all(events(worker, "batch_applied") for worker in added), seconds=120)
    return added


def pace(fleet: Fleet) -> float:
    """Documents a second."""
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


def test_imports_end_exact_and_no_attempt_was_lost(scaled: Scaled):
    scaled.supply.assert_exact()
    assert {ended["failureCount"] for ended in scaled.supply.ended} == {0}
