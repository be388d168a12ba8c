"""A worker that is cut off from the network amid a block, and comes back when that is another's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.containers import Fleet, cut_off, events
from tests.fleet.supply import Supply, write_supply

COLLECTION = "/cut-off"
# What is left of an import at its beginning keeps slowed workers for longer than it takes a lease to run out
# and a turn to come: the import still runs when its block has been taken over.
LINES = 200_000
BLOCK_MIB = 4  # longer than a turn of a slowed worker: whoever has one is nearly always amid it
ATTEMPTS = 10

HELD_EARLY = f"""
SELECT b.import_id, b.number, b.epoch, b.worker, extract(epoch FROM b.leased_until)
  FROM blocks b JOIN imports i ON i.id = b.import_id JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{COLLECTION}' AND b.finished_at IS NULL AND b.leased_until > clock_timestamp()
   AND i.created_documents < {LINES // 3}
"""
STATUS = "SELECT status FROM imports WHERE id = {0.import_id}"
ATTEMPT = ("block_claimed", "batch_applied", "block_failed", "block_left")


@dataclass(frozen=True)
class Held:
    """A block that a worker has, in an epoch of its own, until a moment in Unix seconds."""

    import_id: int
    number: int
    epoch: int
    worker: str
    until: float

    def is_of(self, told: dict[str, Any]) -> bool:
        return (told["import_id"], told["block"]) == (self.import_id, self.number)

    def is_taken_by(self, claim: dict[str, Any]) -> bool:
        """Whether this claim began its epoch."""
        return self.is_of(claim) and claim["epoch"] == self.epoch


@dataclass(frozen=True)
class Partitioned:
    """What was seen while a worker was away and when it was back."""

    cut_at: float  # Unix seconds
    held: Held  # by the worker that was cut off
    taken: dict[str, Any]  # the first claim of the same block by another worker, as that logged it
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
    file = write_supply(tmp_path_factory.mktemp("cut-off") / "lines.ndjson", LINES)
    supply = Supply(fleet, file, COLLECTION, block_mib=BLOCK_MIB)
    with supply.going_on():
        with cut_off_amid_a_block(fleet) as (victim, cut_at, held):
            wait_for(lambda: claims_of_others(fleet, victim, held), seconds=120)
            taken = claims_of_others(fleet, victim, held)[0]
            losses = losses_of(fleet, held)
            status = fleet.query(STATUS.format(held))
        back_at = time.time()
        wait_for(lambda: claims_since(victim, back_at), seconds=120)
        log = events(victim, *ATTEMPT)
    return Partitioned(cut_at, held, taken, losses, status, back_at, log, supply)


@contextmanager
def cut_off_amid_a_block(fleet: Fleet) -> Iterator[tuple[str, float, Held]]:
    """A worker is away while the body runs, and has a block of an import at its beginning.

    It may have ended its block just before it was cut off: then it comes back, and another one is tried.
    """
    for _ in range(ATTEMPTS):
        victim = wait_for(lambda: holders(fleet), seconds=120)[0]
        with cut_off(victim):
            cut_at, held = time.time(), held_in(fleet, victim)
            if held:
                yield victim, cut_at, held[0]
                return
    raise AssertionError(f"{ATTEMPTS} times a worker that was cut off had no block.")


def holders(fleet: Fleet) -> list[str]:
    return [worker for worker in fleet.containers("worker") if held_in(fleet, worker)]


def held_in(fleet: Fleet, container: str) -> list[Held]:
    """The block that a worker has and knows that it has; of an import at its beginning."""
    rows = [line.split("|") for line in fleet.query(HELD_EARLY).splitlines()]
    held = [Held(int(of), int(n), int(epoch), worker, float(until)) for of, n, epoch, worker, until in rows]
    claims = events(container, "block_claimed")
    return [one for one in held if any(map(one.is_taken_by, claims))]


def claims_of_others(fleet: Fleet, victim: str, held: Held) -> list[dict[str, Any]]:
    """Of the block that the victim has, in their order."""
    others = [worker for worker in fleet.containers("worker") if worker != victim]
    claims = [claim for worker in others for claim in events(worker, "block_claimed") if held.is_of(claim)]
    return sorted((claim for claim in claims if claim["epoch"] > held.epoch), key=itemgetter("epoch"))


def losses_of(fleet: Fleet, held: Held) -> list[dict[str, Any]]:
    told = [event for name in fleet.containers("worker") for event in events(name, "worker_lost")]
    return [event for event in told if held.is_of(event) and event["worker"] == held.worker]


def claims_since(container: str, at: float) -> list[dict[str, Any]]:
    return [told for told in events(container, "block_claimed") if told["at"] > at]


def test_another_worker_takes_the_block_over_when_its_lease_has_run_out(partitioned: Partitioned):
    held, [lost] = partitioned.held, partitioned.losses

    assert partitioned.cut_at < held.until <= lost["at"]
    assert partitioned.taken["worker"] != held.worker
    assert partitioned.taken["epoch"] == held.epoch + 1


def test_the_worker_is_back_while_the_import_still_runs_and_takes_blocks_again(partitioned: Partitioned):
    assert partitioned.status == "running"
    assert partitioned.held.until < partitioned.back_at < partitioned.log[-1]["at"]


def test_nothing_of_its_attempt_is_committed_any_longer(partitioned: Partitioned):
    attempt = partitioned.attempt()

    assert attempt[-1]["event"] in ("block_failed", "block_left"), attempt
    applied = [told["line"] for told in attempt if told["event"] == "batch_applied"]
    assert max(applied, default=0) <= partitioned.taken["line"]


def test_every_line_is_a_document_once(partitioned: Partitioned):
    partitioned.supply.assert_exact()
