"""A worker that is cut off from the network amid a block, and comes back when that is another's."""

import time
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.containers import Fleet, cut_off, events
from tests.fleet.supply import LINES, Supply, slowed, write_supply

COLLECTION = "/cut-off"
BLOCK_MIB = 4  # so that it takes a slow worker a while

HELD = f"""
SELECT b.worker, b.import_id, b.number, b.epoch, extract(epoch FROM b.leased_until)
  FROM blocks b JOIN imports i ON i.id = b.import_id JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{COLLECTION}' AND b.finished_at IS NULL AND b.leased_until > clock_timestamp()
"""
# Of imports that have most of their lines before them.
HELD_EARLY = f"{HELD} AND i.created_documents < {LINES // 3}"
TAKEN = """
SELECT worker, import_id, number, epoch, extract(epoch FROM leased_until)
  FROM blocks WHERE import_id = {0.import_id} AND number = {0.number} AND worker <> '{0.worker}'
"""
STATUS = "SELECT status FROM imports WHERE id = {0.import_id}"
ATTEMPT = ("block_claimed", "batch_applied", "block_failed", "block_left")


@dataclass(frozen=True)
class Held:
    """A block that a worker has, in an epoch of its own, until a moment in Unix seconds."""

    worker: str
    import_id: int
    number: int
    epoch: int
    until: float

    def is_of(self, told: dict[str, Any]) -> bool:
        return (told["import_id"], told["block"]) == (self.import_id, self.number)


@dataclass(frozen=True)
class Partitioned:
    """What was seen while a worker was away and when it was back."""

    cut_at: float  # Unix seconds
    held: Held  # by the worker that was cut off
    taken: Held  # the same block, by another worker
    losses: list[dict[str, Any]]  # what others logged about it
    status: str  # of its import when the worker came back
    back_at: float
    log: list[dict[str, Any]]  # of the worker that was cut off, until it had a block again
    supply: Supply

    def attempt(self) -> list[dict[str, Any]]:
        """What the worker said about the block that it held, until it took one again."""
        own = [told for told in self.log if self.held.is_of(told)]
        [first] = [n for n, told in enumerate(own) if told.get("epoch") == self.held.epoch]
        claims = [n for n, told in enumerate(own) if n > first and told["event"] == "block_claimed"]
        return own[first : (claims or [None])[0]]


@pytest.fixture(scope="module")
def partitioned(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Partitioned:
    fleet.longshore("collections", "add", COLLECTION)
    file = write_supply(tmp_path_factory.mktemp("cut-off") / "lines.ndjson")
    supply = Supply(fleet, file, COLLECTION, block_mib=BLOCK_MIB)
    with supply.going_on(), slowed(fleet):
        victim = container_of(fleet, wait_for(lambda: found(fleet, HELD_EARLY))[0].worker)
        with cut_off(victim):
            cut_at, held = time.time(), held_in(fleet, victim)
            [taken] = wait_for(lambda: found(fleet, TAKEN.format(held)), seconds=60)
            losses = losses_of(fleet, held)
            status = fleet.query(STATUS.format(held))
        back_at = time.time()
        wait_for(lambda: claims_since(victim, back_at), seconds=120)
        log = events(victim, *ATTEMPT)
    return Partitioned(cut_at, held, taken, losses, status, back_at, log, supply)


def found(fleet: Fleet, sql: str) -> list[Held]:
    rows = [line.split("|") for line in fleet.query(sql).splitlines()]
    return [
        Held(worker, int(of), int(number), int(epoch), float(until or 0))
        for worker, of, number, epoch, until in rows
    ]


def container_of(fleet: Fleet, worker: str) -> str:
    workers = fleet.containers("worker")
    [named] = [name for name in workers if worker in map(itemgetter("worker"), events(name, "worker_named"))]
    return named


def held_in(fleet: Fleet, container: str) -> Held:
    """The block that a container has, which cannot give it back."""
    [held] = [one for one in found(fleet, HELD) if container_of(fleet, one.worker) == container]
    return held


def losses_of(fleet: Fleet, held: Held) -> list[dict[str, Any]]:
    told = [event for name in fleet.containers("worker") for event in events(name, "worker_lost")]
    return [event for event in told if held.is_of(event) and event["worker"] == held.worker]


def claims_since(container: str, at: float) -> list[dict[str, Any]]:
    return [told for told in events(container, "block_claimed") if told["at"] > at]


def test_another_worker_takes_the_block_over_when_its_lease_has_run_out(partitioned: Partitioned):
    held, [lost] = partitioned.held, partitioned.losses

    assert partitioned.cut_at < held.until <= lost["at"]
    assert partitioned.taken.worker != held.worker
    assert partitioned.taken.epoch == held.epoch + 1


def test_the_worker_is_back_while_the_import_still_runs_and_takes_blocks_again(partitioned: Partitioned):
    assert partitioned.status == "running"
    assert partitioned.held.until < partitioned.back_at < partitioned.log[-1]["at"]


def test_nothing_of_its_attempt_is_committed_any_longer(partitioned: Partitioned):
    attempt = partitioned.attempt()

    assert attempt[-1]["event"] in ("block_failed", "block_left"), attempt
    applied = [told["at"] for told in attempt if told["event"] == "batch_applied"]
    assert not [at for at in applied if at > partitioned.cut_at]


def test_every_line_is_a_document_once(partitioned: Partitioned):
    partitioned.supply.assert_exact()
