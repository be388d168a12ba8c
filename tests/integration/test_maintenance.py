"""Maintenance: everything that runs stands still and goes on afterwards, and nothing else changes."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import text

from api.app import create_app
from api.http import grounds
from api.usecases.blocks import receive_block
from api.usecases.collections import add_collection
from api.usecases.imports import get_import, show_import
from api.usecases.maintenance import PORTION, begin_maintenance, end_maintenance, look_at_maintenance
from api.usecases.services import Service, add_service
from shared.db import claims, exports, imports, maintenance, suspending
from shared.db.database import Session
from shared.db.maintenance import JobTally
from shared.db.transition import events_of, move
from shared.ground import Ground
from shared.lifecycle import Event, Status
from shared.work import WorkState
from tests.integration.builders import (
    BOUNDS,
    Counts,
    after_batches,
    an_import,
    ask,
    claim,
    counts,
    let_leases_expire,
    numbered,
    take_nudges,
    tuned,
    work,
    work_off,
)
from tests.integration.conftest import Refuse
from tests.integration.job_builders import (
    a_file_import,
    accounts,
    an_export,
    at_statement,
    let_lease_expire,
    wait_until,
)
from tests.integration.test_export_interruptions import at_work
from workers.sweeping import sweep

DEADLOCK = "40P01"

_numbers = count(1)


@pytest.fixture
def small(module_apart: Ground) -> Iterator[Ground]:
    """Batches of three lines, on a database that no other test disturbs or is disturbed in."""
    yield tuned(module_apart, batch_lines=3)
    end_maintenance(module_apart)


@pytest.fixture
def tenant(small: Ground) -> Service:
    made, _ = add_service(small, f"tenant-{next(_numbers)}")
    add_collection(small, made, "/contacts")
    return made


@dataclass(frozen=True)
class Case:
    """What an import goes through: who does what before and during maintenance."""

    before: Callable[[Ground, Service, int], object]
    during: Callable[[Ground, Service, int], object]
    shown_during: Status
    shown_after: Status


def nothing(*_: object) -> None: ...


def run(ground: Ground, service: Service, import_id: int) -> None:
    """A worker applies a batch and goes home."""
    work(ground, import_id, should_stop=after_batches(1, lambda: True))


def asking(*statuses: Status) -> Callable[[Ground, Service, int], None]:
    def ask_each(ground: Ground, service: Service, import_id: int) -> None:
        for status in statuses:
            ask(ground, service, import_id, status)

    return ask_each


def run_and_pause(ground: Ground, service: Service, import_id: int) -> None:
    run(ground, service, import_id)
    ask(ground, service, import_id, Status.PAUSED)


CASES = {
    "one that runs": Case(run, nothing, Status.PAUSED, Status.RESUMED),
    "one that waits": Case(nothing, nothing, Status.STARTED, Status.STARTED),
    "one that waits again": Case(
        asking(Status.PAUSED, Status.RESUMED), nothing, Status.RESUMED, Status.RESUMED
    ),
    "one that its owner paused": Case(run_and_pause, nothing, Status.PAUSED, Status.PAUSED),
    "one that its owner pauses, too": Case(run, asking(Status.PAUSED), Status.PAUSED, Status.PAUSED),
    "one that its owner starts again": Case(run, asking(Status.STARTED), Status.PAUSED, Status.RESUMED),
    "one that its owner resumes": Case(run, asking(Status.RESUMED), Status.RESUMED, Status.RESUMED),
    "one that its owner resumes and pauses": Case(
        run, asking(Status.RESUMED, Status.PAUSED), Status.PAUSED, Status.PAUSED
    ),
    "one that its owner cancels": Case(run, asking(Status.CANCELED), Status.CANCELED, Status.CANCELED),
    "one that its owner paused and resumes": Case(
        run_and_pause, asking(Status.RESUMED), Status.RESUMED, Status.RESUMED
    ),
}


def test_a_job_that_is_canceled_as_maintenance_begins_ends(small: Ground, tenant: Service):
    """It was told to be Processing, and went on after maintenance."""
    accounts(small, tenant)
    job = a_file_import(small, tenant, b"".join(b'{"accountId":"%d"}\n' % n for n in range(9)))
    job.work()
    job.work(should_stop=after_batches(1, lambda: True))

    with at_statement("FOR UPDATE OF imports", lambda: begin_maintenance(small, None)):
        assert job.cancel() == "Canceled"

    assert look_at_maintenance(small).began_at is not None


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_maintenance_pauses_and_resumes(small: Ground, tenant: Service, case: Case):
    import_id = an_import(small, tenant, numbered(10))
    case.before(small, tenant, import_id)
    applied = counts(small, tenant, import_id)

    begin_maintenance(small, None)
    case.during(small, tenant, import_id)
    work(small, import_id)
    assert get_import(small, tenant, import_id).status == case.shown_during
    assert counts(small, tenant, import_id) == applied

    end_maintenance(small)
    assert get_import(small, tenant, import_id).status == case.shown_after
    if case.shown_after not in (Status.PAUSED, Status.CANCELED):
        # Whoever was not told that it was started asks again.
        assert ask(small, tenant, import_id, Status.STARTED).status == case.shown_after
        assert work_off(small, tenant, import_id).status == Status.COMPLETE
        assert counts(small, tenant, import_id) == Counts(created=10)


def test_an_import_started_during_maintenance_takes_blocks_before_and_runs_afterwards(
    small: Ground, tenant: Service
):
    begin_maintenance(small, None)
    import_id = an_import(small, tenant, numbered(2), status=Status.CONFIGURING)
    receive_block(small, tenant, import_id, [numbered(2, b=1)])
    ask(small, tenant, import_id, Status.STARTED)
    work(small, import_id)
    row = get_import(small, tenant, import_id)
    assert (row.status, show_import(small, row).work.state) == (Status.STARTED, WorkState.MAINTENANCE)

    end_maintenance(small)

    assert work_off(small, tenant, import_id).status == Status.COMPLETE
    assert counts(small, tenant, import_id) == Counts(created=2, updated=2)


def test_a_worker_stops_at_its_next_checkpoint_and_gives_its_block_back(small: Ground, tenant: Service):
    import_id = an_import(small, tenant, numbered(10))

    def begin() -> None:
        begin_maintenance(small, None)

    work(small, import_id, should_stop=after_batches(1, begin))

    view = look_at_maintenance(small)
    assert (view.paused_imports, view.at_work) == (1, 0)
    assert counts(small, tenant, import_id) == Counts(created=3)
    end_maintenance(small)
    done = work_off(small, tenant, import_id)
    assert (done.status, done.failure_count) == (Status.COMPLETE, 0)
    with small.database.begin() as session:
        moves = [event.event for event in events_of(session, import_id)]
    assert moves == [Event.START, Event.RUN, Event.SUSPEND, Event.READMIT, Event.RUN, Event.COMPLETE]


def test_an_import_of_a_file_waits_and_tells_its_owner_why(small: Ground, tenant: Service):
    add_collection(small, tenant, "/Account", key="accountId")
    job = a_file_import(small, tenant, b'{"accountId":"1"}\n{"accountId":"2"}\n')
    job.work()

    begin_maintenance(small, None)
    job.work()

    assert job.status == "Processing"
    assert job.reason == "The job waits for the end of maintenance: no items so far"
    end_maintenance(small)
    assert job.work_off().view.status == "Completed"


def test_an_export_is_given_back_and_begun_again_afterwards(small: Ground, tenant: Service):
    accounts(small, tenant)
    job = an_export(small, tenant)

    with at_work(job):
        begin_maintenance(small, None)
        wait_until(lambda: job.export_row().leased_until is None)
    job.work()
    assert (job.status, job.export_row().epoch) == ("Processing", 1)

    end_maintenance(small)
    job.work()

    assert (job.status, job.export_row().failure_count) == ("Completed", 0)


def test_during_maintenance_nothing_is_nudged_and_afterwards_everything(small: Ground, tenant: Service):
    waiting, running = an_import(small, tenant, numbered(1)), an_import(small, tenant, numbered(9))
    run(small, tenant, running)
    begin_maintenance(small, None)
    take_nudges(small)
    sweep(small)
    assert take_nudges(small) == []

    end_maintenance(small)
    assert running in take_nudges(small)
    sweep(small)

    assert waiting in take_nudges(small)


def waiters(ground: Ground) -> int:
    """How many transactions wait for the end of another one."""
    waiting = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    with ground.database.begin() as session:
        return int(session.execute(text(waiting)).scalar_one())


LetGo = Callable[[], None]
Claim = Callable[[Ground, Service, Session], LetGo]


def claim_import(ground: Ground, service: Service, session: Session) -> LetGo:
    import_id = an_import(ground, service, numbered(9))
    assert claims.claim(session, import_id, worker="busy", lease_seconds=60, attempts=5, bounds=BOUNDS)
    return lambda: let_leases_expire(ground, import_id)


def claim_export(ground: Ground, service: Service, session: Session) -> LetGo:
    accounts(ground, service)
    job = an_export(ground, service)
    assert exports.claim(session, job.export_id, worker="busy", lease_seconds=60, bounds=BOUNDS)
    return lambda: let_lease_expire(job)


@pytest.mark.parametrize("claim_one", [claim_import, claim_export])
def test_maintenance_does_not_begin_before_a_claim_under_way_is_to_be_seen(
    small: Ground, tenant: Service, claim_one: Claim
):
    """A claim that had not seen it ran on until the end of its block, and nobody waited for it."""

    def begin() -> JobTally:
        begin_maintenance(small, None)
        with small.database.begin() as session:
            return maintenance.tally(session)

    with ThreadPoolExecutor() as threads:
        with small.database.begin() as session:
            let_go = claim_one(small, tenant, session)
            beginning = threads.submit(begin)
            wait_until(lambda: beginning.done() or waiters(small) > 0)
            assert not beginning.done()
        seen = beginning.result(timeout=20)
    let_go()

    assert seen.at_work == 1
    assert seen.paused_imports == int(claim_one is claim_import)


def test_a_sweep_pauses_nothing_behind_the_end_of_maintenance(small: Ground, tenant: Service):
    """It had seen maintenance, and then paused what its end had just let go on."""
    import_id = an_import(small, tenant, numbered(9))
    work(small, import_id, should_stop=after_batches(1, lambda: True))
    with small.database.begin() as session:
        maintenance.begin(session, None)

    with ThreadPoolExecutor() as threads:
        ending: list[Future[int | None]] = []

        def end() -> None:
            ending.append(threads.submit(end_maintenance, small))
            wait_until(lambda: ending[0].done() or waiters(small) > 0)

        with at_statement("i.status = 'running'", end):
            sweep(small)
        [ended] = ending
        ended.result(timeout=20)

    assert get_import(small, tenant, import_id).status != Status.PAUSED


def test_all_that_runs_is_paused_also_where_an_import_ends_meanwhile(small: Ground, tenant: Service):
    """The beginning took a portion of which one had ended for the last one; the rest ran until the sweep."""
    ending, *others = [an_import(small, tenant) for _ in range(PORTION + 1)]
    with small.database.begin() as session:
        for import_id in (ending, *others):
            move(session, import_id, Event.RUN)

    with ThreadPoolExecutor() as threads:
        with small.database.begin() as session:
            move(session, ending, Event.COMPLETE)
            beginning = threads.submit(begin_maintenance, small, None)
            wait_until(lambda: waiters(small) > 0)
        beginning.result(timeout=20)

    statuses = {get_import(small, tenant, import_id).status for import_id in others}
    assert statuses == {Status.PAUSED}


HOLD_BLOCKS = """
UPDATE blocks
   SET leased_until = CASE WHEN import_id = :import_id THEN clock_timestamp() + interval '1 hour' END
 WHERE finished_at IS NULL
"""


def test_an_operator_and_the_sweep_that_pause_the_same_imports_do_not_lock_each_other_out(
    small: Ground, tenant: Service
):
    """Each begins with those that are worked on, and one found others than the other a moment before."""
    first, second = (an_import(small, tenant, numbered(1)) for _ in range(2))
    with small.database.begin() as session:
        maintenance.begin(session, None)
        for import_id in (first, second):
            move(session, import_id, Event.RUN)

    def suspend_while_held(held: int) -> int:
        with small.database.begin() as session:
            session.execute(text(HOLD_BLOCKS), {"import_id": held})
        with small.database.begin() as session:
            return suspending.suspend(session, limit=PORTION)

    with ThreadPoolExecutor() as threads:
        with small.database.begin() as session:
            imports.lock(session, tenant.id, first)
            waiting = []
            for held in (first, second):
                waiting.append(threads.submit(suspend_while_held, held))
                wait_until(lambda: waiters(small) == len(waiting))
        for suspended in waiting:
            suspended.result(timeout=20)

    assert {get_import(small, tenant, import_id).status for import_id in (first, second)} == {Status.PAUSED}


@pytest.mark.parametrize("table", ["maintenance", "imports"])
def test_maintenance_begins_also_where_it_has_to_give_way_to_others(
    small: Ground, tenant: Service, refuse_apart: Refuse, table: str
):
    import_id = an_import(small, tenant, numbered(9))
    run(small, tenant, import_id)
    attempts = refuse_apart("true", DEADLOCK, times=2, table=table)

    assert begin_maintenance(small, None)

    assert attempts() > 2
    assert get_import(small, tenant, import_id).status == Status.PAUSED


def test_maintenance_ends_also_where_it_has_to_give_way_to_others(
    small: Ground, tenant: Service, refuse_apart: Refuse
):
    """An operator who ended it in a storm got a traceback."""
    import_id = an_import(small, tenant, numbered(9))
    run(small, tenant, import_id)
    begin_maintenance(small, None)
    take_nudges(small)
    attempts = refuse_apart("true", DEADLOCK, times=2, table="imports")

    assert end_maintenance(small) == 1

    assert attempts() > 2
    assert get_import(small, tenant, import_id).status == Status.RESUMED
    assert import_id in take_nudges(small)


def test_a_beginning_that_broke_off_is_finished_by_the_sweep(small: Ground, tenant: Service):
    import_id = an_import(small, tenant, numbered(9))
    run(small, tenant, import_id)
    with small.database.begin() as session:
        maintenance.begin(session, None)

    sweep(small)

    assert get_import(small, tenant, import_id).status == Status.PAUSED


def test_an_end_that_broke_off_is_finished_by_the_sweep(small: Ground, tenant: Service):
    import_id = an_import(small, tenant, numbered(9))
    run(small, tenant, import_id)
    begin_maintenance(small, None)
    with small.database.begin() as session:
        maintenance.end(session)
    take_nudges(small)

    sweep(small)

    assert get_import(small, tenant, import_id).status == Status.RESUMED
    assert import_id in take_nudges(small)


def test_a_dead_worker_is_no_reason_to_wait_for_ever(small: Ground, tenant: Service):
    import_id = an_import(small, tenant, numbered(9))
    assert claim(small, import_id)
    begin_maintenance(small, None)
    assert look_at_maintenance(small).at_work == 1

    let_leases_expire(small, import_id)

    assert look_at_maintenance(small).at_work == 0


def test_the_probe_stays_ready_and_tells_of_maintenance(small: Ground):
    app = create_app(small.settings)
    client = app.test_client()
    begin_maintenance(small, None)

    during = client.get("/health/ready")
    end_maintenance(small)
    wait_until(lambda: client.get("/health/ready").get_json() == {"status": "ready"})
    grounds.close(app)

    assert (during.status_code, during.get_json()) == (200, {"status": "ready", "maintenance": True})
