"""What is measured of the time after faults, by work that goes on only when the test says so."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext

import pytest
from sqlalchemy import text

from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from shared.db import giving_back
from shared.db.database import Database
from shared.ground import Ground
from shared.retries import Retries
from tests.faults.plan import Felt
from tests.faults.recovery import RECOVERY_SECONDS, Recovery, late_ends, late_recoveries
from tests.integration import outbox
from tests.integration.builders import an_import, claim, numbered, work, work_off


@pytest.fixture
def watched(ground: Ground, service: Service) -> Recovery:
    outbox.empty(ground)
    return Recovery(ground, service.id)


def test_what_does_not_move_has_not_recovered(ground: Ground, service: Service, watched: Recovery):
    import_id, felt = an_import(ground, service, numbered(3)), Felt("a fault")

    watched.begin_fault(felt)
    watched.end_faults()
    watched.look()
    assert (watched.waiting, felt.recovered_seconds) == ([f"imports {import_id}"], {})

    work_off(ground, service, import_id)
    watched.look()
    assert (watched.waiting, felt.recovered_seconds.keys()) == ([], {"imports"})


def test_imports_and_mails_are_told_apart(ground: Ground, service: Service, watched: Recovery):
    an_import(ground, service, numbered(3))
    outbox.a_due_mail(ground, service)
    felt = Felt("a fault")

    watched.begin_fault(felt)
    watched.end_faults()
    outbox.run(ground)
    watched.look()

    assert felt.recovered_seconds.keys() == {"mails"}


def test_a_fault_that_begins_before_work_went_on_is_told_with_the_one_before(
    ground: Ground, service: Service, watched: Recovery
):
    import_id, first, second = an_import(ground, service, numbered(3)), Felt("first"), Felt("second")

    watched.begin_fault(first)
    watched.end_faults()
    watched.begin_fault(second)
    watched.end_faults()
    work_off(ground, service, import_id)
    watched.look()

    assert first.recovered_seconds == second.recovered_seconds != {}


def test_what_was_late_before_the_next_fault_is_told_as_late(ground: Ground, service: Service):
    an_import(ground, service, numbered(3))
    now = [0.0]
    watched, first, second = Recovery(ground, service.id, lambda: now[0]), Felt("first"), Felt("second")

    watched.begin_fault(first)
    watched.end_faults()
    now[0] = RECOVERY_SECONDS + 1
    watched.begin_fault(second)

    assert late_recoveries([first, second]) == ["first: imports went on after 16.0 s"]


def test_what_stands_still_later_is_told_as_well(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(3))
    now = [0.0]
    watched = Recovery(ground, service.id, lambda: now[0])

    for seconds in (1.0, RECOVERY_SECONDS, RECOVERY_SECONDS + 2):
        assert watched.standstills == []
        now[0] = seconds
        watched.look()

    assert watched.standstills == [f"imports {import_id}: stood still"]


def test_what_there_is_to_see_is_noted_before_and_when_it_is_told(ground: Ground, service: Service):
    import_id, now = an_import(ground, service, numbered(3)), [0.0]
    watched = Recovery(ground, service.id, lambda: now[0])

    for seconds in (0.0, 11.0, 12.0, 16.0, 17.0):
        now[0] = seconds
        watched.look()

    told = watched.notes["imports", str(import_id)]
    assert [line for line in told if line.startswith("imports")] == [
        f"imports {import_id} stands at started/0/1/0/0/0 for 11.0 s, 11.0 s of the round",
        f"imports {import_id} stands at started/0/1/0/0/0 for 16.0 s, 16.0 s of the round",
    ]
    assert len([line for line in told if line.startswith("nudges:")]) == 2


def test_what_gets_on_in_time_is_not_noted(ground: Ground, service: Service):
    import_id, now = an_import(ground, service, numbered(3), numbered(3)), [0.0]
    watched = Recovery(ground, service.id, lambda: now[0])

    for seconds in (0.0, 7.0):
        now[0] = seconds
        watched.look()
    work(ground, import_id)
    for seconds in (7.0, 14.0):
        now[0] = seconds
        watched.look()

    assert watched.notes == {}


def test_the_limit_may_be_another(ground: Ground, service: Service):
    import_id, now = an_import(ground, service, numbered(3)), [0.0]
    watched = Recovery(ground, service.id, lambda: now[0], limit_seconds=3.0)

    watched.look()
    now[0] = 4.0
    watched.look()

    felt = Felt("a fault", recovered_seconds={"imports": 4.0})
    assert watched.standstills == [f"imports {import_id}: stood still"]
    assert late_recoveries([felt], 3.0) == ["a fault: imports went on after 4.0 s"]
    assert late_recoveries([felt]) == []


def test_what_is_begun_again_and_again_in_vain_stands_still(ground: Ground, service: Service):
    import_id, felt = an_import(ground, service, numbered(3)), Felt("a fault")
    now = [0.0]
    watched = Recovery(ground, service.id, lambda: now[0])

    watched.begin_fault(felt)
    watched.end_faults()
    for seconds in range(1, int(RECOVERY_SECONDS) + 3):
        assert watched.standstills == []
        now[0] = float(seconds)
        fail_once(ground, import_id)
        watched.look()

    assert felt.recovered_seconds == {"imports": 1.0}
    assert watched.standstills == [f"imports {import_id}: stood still"]


def fail_once(ground: Ground, import_id: int) -> None:
    """What a worker does that cannot read the block."""
    lease = claim(ground, import_id)
    assert lease is not None
    at_once = Retries(attempts=5, patience_seconds=3600, first_pause_seconds=0)
    with ground.database.begin() as session:
        giving_back.give_up(session, lease, "It is not there.", at_once, is_suspicious=False)


def test_workers_that_are_busy_for_others_excuse_no_standstill(ground: Ground, service: Service):
    """As those of other tests are, whose leases last."""
    other, _ = add_service(ground, f"other-{service.name}")
    add_collection(ground, other, "/contacts")
    claim(ground, an_import(ground, other, numbered(3)))
    import_id = an_import(ground, service, numbered(3))
    now = [0.0]
    watched = Recovery(ground, service.id, lambda: now[0], workers=1)

    watched.look()
    now[0] = RECOVERY_SECONDS + 1
    watched.look()

    assert watched.standstills == [f"imports {import_id}: stood still"]


def test_what_waits_for_workers_that_are_all_busy_does_not_stand_still(ground: Ground, service: Service):
    claim(ground, an_import(ground, service, numbered(3)))
    now = [0.0]
    watched = Recovery(ground, service.id, lambda: now[0], workers=1)

    for seconds in (1.0, RECOVERY_SECONDS, RECOVERY_SECONDS + 2):
        now[0] = seconds
        watched.look()

    assert watched.standstills == []


def test_what_waits_behind_a_worker_that_sweeps_or_mails_does_not_stand_still(
    ground: Ground, service: Service
):
    an_import(ground, service, numbered(3))
    now = [0.0]
    watched = Recovery(ground, service.id, lambda: now[0], workers=1)

    with at_something(ground):
        for seconds in (1.0, RECOVERY_SECONDS, RECOVERY_SECONDS + 2):
            now[0] = seconds
            watched.look()

    assert watched.standstills == []


def test_workers_that_are_all_busy_for_a_moment_excuse_that_moment_only(ground: Ground, service: Service):
    import_id, now = an_import(ground, service, numbered(3)), [0.0]
    watched = Recovery(ground, service.id, lambda: now[0], workers=1)

    for seconds in range(int(RECOVERY_SECONDS) + 2):
        assert watched.standstills == []
        now[0] = float(seconds)
        with at_something(ground) if seconds == RECOVERY_SECONDS - 1 else nullcontext():
            watched.look()
    assert watched.standstills == []
    now[0] += 1.0
    watched.look()

    assert watched.standstills == [f"imports {import_id}: stood still"]


@contextmanager
def at_something(ground: Ground) -> Iterator[None]:
    """A worker that holds no lease."""
    database = Database(ground.settings.database_url, pool_size=1, process="worker-abcdef")
    with closing(database), database.begin() as session:
        session.execute(text("SELECT 1"))
        yield


def test_nothing_has_to_move_while_a_fault_lasts(ground: Ground, service: Service):
    an_import(ground, service, numbered(3))
    now = [0.0]
    watched = Recovery(ground, service.id, lambda: now[0])

    watched.look()
    watched.begin_fault(Felt("a fault"))
    now[0] = RECOVERY_SECONDS + 1
    watched.look()
    watched.end_faults()
    watched.look()

    assert watched.standstills == []


@pytest.mark.parametrize(
    ("was_alone", "late"), [(True, ["a drain: over after 6.0 s, 5 are promised"]), (False, [])]
)
def test_what_no_other_fault_held_up_must_be_over_as_soon_as_promised(was_alone: bool, late: list[str]):
    assert late_ends([Felt("a drain", 5.0, was_alone=was_alone, held_seconds=6.0)]) == late
