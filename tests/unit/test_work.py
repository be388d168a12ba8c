"""Why an import is where it is: what is told from what the rows say."""

import re
import socket
from datetime import UTC, datetime

import pytest

from shared.lifecycle import FINAL, Status
from shared.settings import Settings
from shared.work import BlockInHand, Work, WorkState, work_of
from workers.app import Process

LEASE_SECONDS = 10.0
LATER = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


def a_block(**differences: object) -> BlockInHand:
    """Block 3, which nobody has."""
    free: dict[str, object] = {
        "number": 3,
        "worker": None,
        "lease_seconds_left": None,
        "leased_until": None,
        "attempts": 0,
        "is_failing": False,
        "due_at": LATER,
        "is_early": False,
    }
    return BlockInHand(**free | differences)  # type: ignore[arg-type]


def held(seconds_left: float, worker: str = "worker-3f2a9c", **differences: object) -> BlockInHand:
    return a_block(worker=worker, lease_seconds_left=seconds_left, leased_until=LATER, **differences)


def told(
    status: Status, block: BlockInHand | None = None, *, last_error: str | None = None, **circumstances: bool
) -> Work:
    given = {"is_suspended": False, "is_maintenance": False} | circumstances
    return work_of(status, block, last_error=last_error, lease_seconds=LEASE_SECONDS, **given)


FAILING = a_block(attempts=2, is_failing=True)

CASES = {
    "not started": (told(Status.CONFIGURING, a_block()), "configuring", "takes blocks until it is started"),
    "started": (told(Status.STARTED, a_block()), "waiting", "waits for a free worker to apply block 3"),
    "a file": (told(Status.STARTED, a_block(number=0)), "waiting", "to apply its file"),
    "started without blocks": (told(Status.STARTED), "waiting", "waits for a free worker"),
    "resumed": (told(Status.RESUMED, a_block()), "waiting", "waits for a free worker"),
    "between two blocks": (told(Status.RUNNING, a_block()), "waiting", "waits for a free worker"),
    "worked on": (told(Status.RUNNING, held(9.8)), "working", "A worker applies block 3"),
    "not heard of": (told(Status.RUNNING, held(1.0)), "silent", "not heard of lately"),
    "its worker dead": (told(Status.RUNNING, held(-3.0)), "silent", "another one takes over"),
    "in a pause": (
        told(Status.RUNNING, a_block(attempts=2, is_failing=True, is_early=True), last_error="Why."),
        "retrying",
        "when the pause is over",
    ),
    "after a pause": (
        told(Status.RUNNING, FAILING, last_error="Why."),
        "retrying",
        "tried again by the next free worker",
    ),
    "paused": (told(Status.PAUSED, a_block()), "paused", "goes on when it is resumed"),
    "paused while it failed": (told(Status.PAUSED, FAILING), "paused", "goes on when it is resumed"),
    "suspended": (
        told(Status.PAUSED, a_block(), is_suspended=True, is_maintenance=True),
        "maintenance",
        "by itself",
    ),
    "started in maintenance": (
        told(Status.STARTED, a_block(), is_maintenance=True),
        "maintenance",
        "by itself",
    ),
    "paused, its worker dead": (told(Status.PAUSED, held(-3.0)), "paused", "goes on when it is resumed"),
    "suspended, its worker dead": (
        told(Status.PAUSED, held(-3.0), is_suspended=True, is_maintenance=True),
        "maintenance",
        "by itself",
    ),
    "paused in maintenance": (told(Status.PAUSED, a_block(), is_maintenance=True), "paused", "is resumed"),
    "being canceled": (told(Status.CANCELING, held(9.8)), "working", "as soon as its worker lets go"),
    "complete": (told(Status.COMPLETE), "ended", "Every line has had its effect"),
    "canceled": (told(Status.CANCELED, a_block()), "ended", "what was applied until then stays"),
    "failed": (told(Status.FAILED, FAILING, last_error="Why."), "ended", "failed several times: Why."),
    "rejected": (told(Status.REJECTED, last_error="Why."), "ended", "Why."),
}


@pytest.mark.parametrize(("work", "state", "reason"), CASES.values(), ids=CASES.keys())
def test_an_import_tells_why_it_is_where_it_is(work: Work, state: str, reason: str):
    assert work.state == state
    assert reason in work.reason


def test_a_worker_is_told_with_the_age_of_its_heartbeat_and_when_another_one_takes_over():
    alive = told(Status.RUNNING, held(9.75, attempts=1))
    silent = told(Status.RUNNING, held(2.0))

    assert (alive.worker, alive.heartbeat_age_seconds) == ("worker-3f2a9c", 0.2)
    assert (alive.block_number, alive.attempts, alive.next_retry_at) == (3, 1, None)
    assert (silent.worker, silent.heartbeat_age_seconds) == ("worker-3f2a9c", 8.0)
    assert silent.next_retry_at == LATER


SUSPENDED = {"is_suspended": True, "is_maintenance": True}
IN_MAINTENANCE = {"is_maintenance": True}
DEAD, SILENT = held(-2.0), held(2.0)
EARLY = a_block(attempts=2, is_failing=True, is_early=True)

# Who is told, for how long it was silent, and when something is tried again.
OUTLOOKS = {
    "its worker dead": (told(Status.RUNNING, DEAD), "worker-3f2a9c", 12.0, None),
    "its worker silent": (told(Status.RUNNING, SILENT), "worker-3f2a9c", 8.0, LATER),
    "in a pause": (told(Status.RUNNING, EARLY), None, None, LATER),
    "paused, its worker dead": (told(Status.PAUSED, DEAD), None, None, None),
    "paused, its worker silent": (told(Status.PAUSED, SILENT), "worker-3f2a9c", 8.0, None),
    "paused in a pause": (told(Status.PAUSED, EARLY), None, None, None),
    "paused between two blocks": (told(Status.PAUSED), None, None, None),
    "suspended, its worker dead": (told(Status.PAUSED, DEAD, **SUSPENDED), None, None, None),
    "suspended, its worker silent": (
        told(Status.PAUSED, SILENT, **SUSPENDED),
        "worker-3f2a9c",
        8.0,
        None,
    ),
    "under maintenance, its worker dead": (told(Status.RUNNING, DEAD, **IN_MAINTENANCE), None, None, None),
    "under maintenance in a pause": (told(Status.RESUMED, EARLY, **IN_MAINTENANCE), None, None, None),
    "being canceled, its worker silent": (told(Status.CANCELING, SILENT), "worker-3f2a9c", 8.0, None),
}


@pytest.mark.parametrize(
    ("work", "worker", "age_seconds", "next_retry_at"), OUTLOOKS.values(), ids=OUTLOOKS.keys()
)
def test_a_retry_is_told_where_one_comes_and_a_dead_worker_where_it_is_followed(
    work: Work, worker: str | None, age_seconds: float | None, next_retry_at: datetime | None
):
    """A paused import told of a heartbeat that grew older and older, and of a retry that had passed."""
    assert (work.worker, work.heartbeat_age_seconds) == (worker, age_seconds)
    assert work.next_retry_at == next_retry_at


def test_a_failure_is_told_with_its_attempts_and_the_next_one():
    work = told(Status.RUNNING, a_block(attempts=2, is_failing=True, is_early=True), last_error="Why.")

    assert (work.attempts, work.last_error, work.next_retry_at, work.worker) == (2, "Why.", LATER, None)


def test_the_last_error_is_told_also_of_an_import_that_went_well_afterwards():
    assert told(Status.COMPLETE, last_error="Why.").last_error == "Why."


def test_a_lease_longer_than_expected_is_no_heartbeat_to_come():
    assert told(Status.RUNNING, held(25.0)).heartbeat_age_seconds == 0.0


@pytest.mark.parametrize("worker", ["db-7.internal:4711", "worker-", "worker-3f2a9c.internal", ""])
def test_what_is_not_a_label_is_not_told(worker: str):
    """Workers of an earlier release wrote host and process there."""
    work = told(Status.RUNNING, held(9.0, worker=worker))

    assert work.worker is None
    assert worker == "" or worker not in work.reason


@pytest.mark.parametrize("status", Status)
def test_every_status_is_told(status: Status):
    work = told(status, a_block(), last_error="Why.")

    assert (work.state is WorkState.ENDED) == (status in FINAL)
    assert work.reason.endswith(".")


def test_a_worker_has_a_label_that_tells_nothing_of_its_machine():
    urls = {"DATABASE_URL": "postgresql://db", "REDIS_URL": "redis://r", "STORAGE_URL": "file:///b"}
    process, other = Process(Settings.read(urls)), Process(Settings.read(urls))

    assert re.fullmatch("worker-[0-9a-f]{6}", process.name)
    assert socket.gethostname() not in process.name
    assert process.name == process.name != other.name
    assert told(Status.RUNNING, held(9.0, worker=process.name)).worker == process.name
