"""Pause, resume, cancel, delete and the worker's own shutdown, in the middle of a block."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from api.usecases.imports import ImportChanges, delete_import, get_import, update_import
from api.usecases.services import Service
from shared.db import claims, giving_back, leases
from shared.db.models import Block, Import, RejectedLine
from shared.db.transition import events_of
from shared.errors import ImportNotFound, StatusRefused
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import (
    BOUNDS,
    Counts,
    after_batches,
    an_import,
    ask,
    block_files,
    claim,
    counts,
    documents,
    go_home,
    ndjson,
    never,
    numbered,
    take_nudges,
    tuned,
    work,
    work_off,
)
from tests.integration.job_builders import locked_documents, wait_until
from workers.applying import BlockRun
from workers.sweeping import sweep

pytestmark = pytest.mark.usefixtures("write_path")

# A worker looks once a second; the rest is for slow machines.
OBEDIENCE_SECONDS = 5.0


def events(ground: Ground, import_id: int) -> list[tuple[str, str]]:
    with ground.database.begin() as session:
        return [(event.event, event.to_status) for event in events_of(session, import_id)]


def test_an_import_without_blocks_completes_at_once(ground: Ground, service: Service):
    import_id = an_import(ground, service)

    work(ground, import_id)

    done = get_import(ground, service, import_id)
    assert (done.status, done.percent_complete) == (Status.COMPLETE, 100)
    assert done.started_at is not None
    assert done.ran_at is not None
    assert done.ended_at is not None


def test_every_move_is_noted(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(6))
    work(
        small, import_id, should_stop=after_batches(1, lambda: ask(small, service, import_id, Status.PAUSED))
    )
    ask(small, service, import_id, Status.RESUMED)

    work_off(small, service, import_id)

    assert events(small, import_id) == [
        ("start", "started"),
        ("run", "running"),
        ("pause", "paused"),
        ("resume", "resumed"),
        ("run", "running"),
        ("complete", "complete"),
    ]


@pytest.mark.parametrize("status", [Status.PAUSED, Status.CANCELED])
def test_after_a_pause_or_cancel_nothing_more_is_applied(small: Ground, service: Service, status: Status):
    import_id = an_import(small, service, numbered(10), numbered(5, b=1))

    work(small, import_id, should_stop=after_batches(2, lambda: ask(small, service, import_id, status)))
    work(small, import_id)

    row = get_import(small, service, import_id)
    assert (row.status, row.failure_count, row.last_error) == (status, 0, None)
    assert counts(small, service, import_id) == Counts(created=6)
    assert list(documents(small, service)) == ["001", "002", "003", "004", "005", "006"]


def test_a_paused_import_gives_its_block_back_at_once(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(10))

    work(
        small, import_id, should_stop=after_batches(1, lambda: ask(small, service, import_id, Status.PAUSED))
    )

    with small.database.begin() as session:
        block = session.get_one(Block, (import_id, 1))
    assert block.leased_until is None
    assert (block.checkpoint_line, block.attempts) == (3, 0)


def test_resuming_goes_on_at_the_checkpoint(small: Ground, service: Service):
    block = ndjson(*({"documentid": str(n % 4), "n": n} for n in range(9)), b"broken")
    import_id = an_import(small, service, block)

    for _ in range(3):
        pause = after_batches(1, lambda: ask(small, service, import_id, Status.PAUSED))
        work(small, import_id, should_stop=pause)
        ask(small, service, import_id, Status.RESUMED)
    done = work_off(small, service, import_id)

    assert done.status == Status.COMPLETE
    assert counts(small, service, import_id) == Counts(created=4, updated=5, rejected=1)
    assert documents(small, service) == {"0": {"n": 8}, "1": {"n": 5}, "2": {"n": 6}, "3": {"n": 7}}


def test_a_resume_before_the_worker_noticed_the_pause_loses_nothing(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(10))

    def pause_and_resume() -> None:
        ask(small, service, import_id, Status.PAUSED)
        ask(small, service, import_id, Status.RESUMED)
        take_nudges(small)

    work(small, import_id, should_stop=after_batches(1, pause_and_resume))

    assert import_id in take_nudges(small)
    assert work_off(small, service, import_id).status == Status.COMPLETE
    assert counts(small, service, import_id) == Counts(created=10)


def test_an_import_between_two_blocks_can_be_paused_and_resumed(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(2), numbered(2, b=1))
    work(small, import_id)

    ask(small, service, import_id, Status.PAUSED)
    work(small, import_id)
    assert counts(small, service, import_id) == Counts(created=2)

    ask(small, service, import_id, Status.RESUMED)
    assert work_off(small, service, import_id).status == Status.COMPLETE
    assert counts(small, service, import_id) == Counts(created=2, updated=2)


def test_the_first_moment_of_running_stays_when_an_import_runs_again(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(6))
    work(
        small, import_id, should_stop=after_batches(1, lambda: ask(small, service, import_id, Status.PAUSED))
    )
    first = get_import(small, service, import_id).ran_at
    ask(small, service, import_id, Status.RESUMED)

    assert work_off(small, service, import_id).ran_at == first


def test_a_worker_that_goes_home_stops_at_a_checkpoint_and_leaves_the_rest(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(10))
    take_nudges(small)

    work(small, import_id, should_stop=after_batches(2, go_home))

    row = get_import(small, service, import_id)
    assert (row.status, row.percent_complete) == (Status.RUNNING, 60)
    assert counts(small, service, import_id) == Counts(created=6)
    assert take_nudges(small) == [import_id]
    work(small, import_id, worker="next")
    assert counts(small, service, import_id) == Counts(created=10)


def test_each_block_is_followed_by_a_nudge_for_the_next(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(1), numbered(1))
    assert take_nudges(small)[-1:] == [import_id]

    work(small, import_id)

    assert take_nudges(small) == [import_id]


def test_starting_and_resuming_nudge_at_once(ground: Ground, service: Service):
    take_nudges(ground)
    import_id = an_import(ground, service, numbered(1))
    assert take_nudges(ground) == [import_id]
    ask(ground, service, import_id, Status.PAUSED)
    assert take_nudges(ground) == []

    ask(ground, service, import_id, Status.RESUMED)

    assert take_nudges(ground) == [import_id]


def test_a_nudge_too_many_does_nothing(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(3), status=Status.CONFIGURING)
    work(small, import_id)
    assert get_import(small, service, import_id).status == Status.CONFIGURING

    ask(small, service, import_id, Status.STARTED)
    for _ in range(3):
        work(small, import_id)

    assert counts(small, service, import_id) == Counts(created=3)
    work(small, 10**12)


def test_a_block_under_lease_is_left_to_its_worker(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(9))

    work(small, import_id, should_stop=after_batches(1, lambda: work(small, import_id, worker="second")))

    assert counts(small, service, import_id) == Counts(created=9)
    assert get_import(small, service, import_id).failure_count == 0


def test_an_import_deleted_while_it_runs_commits_nothing_more_and_leaves_nothing(
    small: Ground, service: Service
):
    import_id = an_import(small, service, ndjson(b"broken") + numbered(9), numbered(3))

    work(small, import_id, should_stop=after_batches(1, lambda: delete_import(small, service, import_id)))
    sweep(small)

    with pytest.raises(ImportNotFound):
        get_import(small, service, import_id)
    assert list(documents(small, service)) == ["001", "002"]
    assert block_files(small, import_id) == []
    with small.database.begin() as session:
        for table in (Block, RejectedLine):
            assert session.scalars(select(table).where(table.import_id == import_id)).all() == []


def test_an_import_deleted_before_its_rejections_are_noted_is_left_in_peace(small: Ground, service: Service):
    """Whoever reads the log is told of no failure."""
    import_id = an_import(small, service, numbered(3) + ndjson(b"broken", b"broken", b"broken"))
    delete = after_batches(1, lambda: delete_import(small, service, import_id))

    with capture_logs() as logs:
        work(small, import_id, should_stop=delete)

    assert {"block_left", "block_failed"} & {entry["event"] for entry in logs} == {"block_left"}


def test_at_every_checkpoint_the_counters_add_up_to_the_lines_read(small: Ground, service: Service):
    lines = [b"broken", b"", b'{"documentid":"1"}', b'{"documentid":"1"}', b"{}", b"[]", b" ", b"{}"]
    import_id = an_import(small, service, ndjson(*lines))
    seen: list[tuple[int, int]] = []

    def look() -> bool:
        with small.database.begin() as session:
            line = session.get_one(Block, (import_id, 1)).checkpoint_line
        expected = sum(bool(text.strip()) for text in lines[:line])
        seen.append((counts(small, service, import_id).lines, expected))
        return False

    work(small, import_id, should_stop=look)

    assert seen == [(2, 2), (5, 5), (6, 6)]


@pytest.mark.parametrize("asked", [Status.PAUSED, Status.CANCELED])
def test_nothing_moves_an_import_that_is_complete(ground: Ground, service: Service, asked: Status):
    import_id = an_import(ground, service)
    work_off(ground, service, import_id)

    with pytest.raises(StatusRefused, match=f"complete cannot be set to {asked}"):
        ask(ground, service, import_id, asked)

    assert events(ground, import_id)[-1] == ("complete", "complete")


@pytest.mark.parametrize("asked", [Status.STARTED, Status.RESUMED])
def test_asking_again_for_what_workers_have_got_on_with_is_no_mistake(
    ground: Ground, service: Service, asked: Status
):
    import_id = an_import(ground, service)
    if asked is Status.RESUMED:
        ask(ground, service, import_id, Status.PAUSED)
        ask(ground, service, import_id, asked)
    work_off(ground, service, import_id)

    again = ask(ground, service, import_id, asked)

    assert again.status == Status.COMPLETE
    assert events(ground, import_id)[-1] == ("complete", "complete")


def test_of_ten_clients_that_start_an_import_at_once_none_is_refused(ground: Ground, service: Service):
    """A worker takes it up, and completes it, before the last of them has asked."""
    import_id = an_import(ground, service, status=Status.CONFIGURING)

    def start(number: int) -> str:
        row = ask(ground, service, import_id, Status.STARTED)
        work(ground, import_id, worker=f"worker-{number}")
        return str(row.status)

    with ThreadPoolExecutor(10) as clients:
        told = list(clients.map(start, range(10)))

    assert set(told) <= {"started", "running", "complete"}
    assert [event for event, _ in events(ground, import_id)] == ["start", "run", "complete"]


def test_configuration_and_status_change_together_or_not_at_all(ground: Ground, service: Service):
    import_id = an_import(ground, service, status=Status.CONFIGURING)

    with pytest.raises(StatusRefused):
        update_import(ground, service, import_id, ImportChanges(strategies=["update"], status=Status.RESUMED))

    row: Import = get_import(ground, service, import_id)
    assert (row.strategies, row.status) == (["create", "update"], Status.CONFIGURING)


def test_a_heartbeat_that_comes_after_the_end_of_a_block_holds_nothing(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1), numbered(1))
    with ground.database.begin() as session:
        lease = claims.claim(session, import_id, worker="first", lease_seconds=10, attempts=5, bounds=BOUNDS)
    assert lease is not None
    BlockRun(ground, lease).run(never)

    with ground.database.begin() as session:
        leases.renew(session, lease, lease_seconds=10)

    with ground.database.begin() as session:
        assert session.get_one(Block, (import_id, 1)).leased_until is None


def test_a_block_gives_way_at_a_checkpoint_when_its_time_is_over(small: Ground, service: Service):
    """One of which the database refuses each line held its worker for an hour, whoever else waited."""
    import_id = an_import(small, service, numbered(8))
    for applied in (3, 6):
        lease = claim(small, import_id)
        assert lease is not None

        is_done = BlockRun(small, lease, turn_seconds=0).run(never)

        assert not is_done
        assert counts(small, service, import_id) == Counts(created=applied)
        with small.database.begin() as session:
            giving_back.release(session, lease)

    assert work_off(small, service, import_id).created_documents == 8


@pytest.fixture
def brief(ground: Ground) -> Ground:
    """The ground with leases so short that a worker looks around ten times a second."""
    return tuned(ground, batch_lines=3, lease_seconds=0.3)


def wait_until_a_worker_waits(ground: Ground) -> None:
    """Until a worker waits for documents that somebody else holds."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'documents'::regclass"

    def is_so() -> bool:
        with ground.database.begin() as session:
            return bool(session.execute(text(waiting)).scalar_one())

    wait_until(is_so)


def leased(ground: Ground, import_id: int) -> bool:
    with ground.database.begin() as session:
        return session.get_one(Block, (import_id, 1)).leased_until is not None


@pytest.mark.parametrize("status", [Status.PAUSED, Status.CANCELED])
def test_a_worker_lets_go_of_its_block_while_it_waits_for_documents_that_others_hold(
    brief: Ground, service: Service, status: Status
):
    """It held its block, and was held itself, until the others were done."""
    import_id = an_import(brief, service, numbered(10))
    with ThreadPoolExecutor() as threads:
        with locked_documents(brief):
            working = threads.submit(work, brief, import_id)
            wait_until_a_worker_waits(brief)

            ask(brief, service, import_id, status)
            wait_until(lambda: not leased(brief, import_id))

        working.result(timeout=20)
    row = get_import(brief, service, import_id)
    assert (row.status, row.failure_count) == (status, 0)
    assert counts(brief, service, import_id) == Counts()


@pytest.mark.parametrize("write_path", ["as the engine chooses"], indirect=True)
def test_a_worker_that_waits_for_documents_obeys_a_pause_soon_also_where_leases_are_long(
    ground: Ground, service: Service
):
    """How often it renews its lease is one thing, how often it looks for what was asked another."""
    patient = tuned(ground, lease_seconds=600.0)
    import_id = an_import(patient, service, numbered(10))
    with ThreadPoolExecutor() as threads:
        with locked_documents(patient):
            working = threads.submit(work, patient, import_id)
            wait_until_a_worker_waits(patient)

            ask(patient, service, import_id, Status.PAUSED)
            wait_until(lambda: not leased(patient, import_id), seconds=OBEDIENCE_SECONDS)

        working.result(timeout=20)


def test_a_worker_goes_home_while_it_waits_for_documents_that_others_hold(brief: Ground, service: Service):
    import_id = an_import(brief, service, numbered(10))
    is_asked = Event()
    with ThreadPoolExecutor() as threads, locked_documents(brief):
        working = threads.submit(work, brief, import_id, should_stop=is_asked.is_set)
        wait_until_a_worker_waits(brief)

        is_asked.set()
        working.result(timeout=20)

    with brief.database.begin() as session:
        block = session.get_one(Block, (import_id, 1))
    assert (block.leased_until, block.attempts, block.suspicions) == (None, 0, 0)
    assert work_off(brief, service, import_id).failure_count == 0
    assert counts(brief, service, import_id) == Counts(created=10)
