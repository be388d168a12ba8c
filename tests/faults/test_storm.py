"""How a plan of faults is carried out, by faults that break nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest

from api.usecases.services import add_service
from shared.db.models import BatchJob, Notification
from tests.faults.fleet import Fleet
from tests.faults.plan import Felt, Planned
from tests.faults.registry import AT_ONCE, Fault, NotNow
from tests.faults.round import RoundBroken
from tests.faults.storm import Storm
from tests.faults.waiting import NotInTime

SECONDS = 5.0


def planned(
    target: str,
    *,
    hold_seconds: float = 0.0,
    begin: Callable[[], object] = lambda: None,
    end: Callable[[], object] = lambda: None,
    is_alone: bool = False,
) -> Planned:
    @contextmanager
    def act(_fleet: Fleet, _dice: Random) -> Iterator[None]:
        begin()
        yield
        end()

    fault = Fault(f"of {target}", target, AT_ONCE, AT_ONCE, act, lambda _: True, None)
    return Planned(fault, 0.0, hold_seconds, 0.0, is_alone)


def a_storm(fleet: Fleet, plan: list[Planned], service_id: int = 0) -> Storm:
    storm = Storm(fleet, plan)
    storm.come(service_id, 1)
    return storm


def with_a_mail_for_later(fleet: Fleet, name: str) -> int:
    """The id of a data service that has one."""
    service, _ = add_service(fleet.ground, name.replace(" ", "-"))
    job_id, due_at = uuid4(), datetime.now(UTC) + timedelta(hours=1)
    with fleet.ground.database.begin() as session:
        session.add(BatchJob(id=job_id, service_id=service.id, kind="import"))
        session.flush()
        session.add(Notification(job_id=job_id, recipient="joe@example.com", content={}, due_at=due_at))
    return service.id


def rage(storm: Storm, seconds: float = SECONDS) -> None:
    """Until every fault has begun."""
    storm.rage_while(lambda: bool(storm.unmet), seconds)


def test_a_fault_whose_moment_comes_after_the_storm_never_begins(fleet: Fleet):
    was_refused = [False]

    def refuse_once() -> None:
        if not was_refused[0]:
            was_refused[0] = True
            raise NotNow

    storm = a_storm(fleet, [planned("redis", begin=refuse_once)])
    storm.rage_while(lambda: False, SECONDS)
    storm.watch_while(lambda: False, SECONDS, lambda: "")

    assert was_refused == [True]
    assert (storm.felt, storm.unmet) == ([], ["of redis"])


def test_whatever_one_fault_meets_when_it_ends_the_others_are_healed(fleet: Fleet):
    healed: list[str] = []

    def fail() -> None:
        raise ConnectionError("it does not come back")

    storm = a_storm(
        fleet,
        [
            planned("redis", hold_seconds=60.0, end=lambda: healed.append("redis")),
            planned("blocks", hold_seconds=60.0, end=fail),
            planned("database", hold_seconds=60.0, end=lambda: healed.append("database")),
        ],
    )

    with pytest.raises(ConnectionError):
        rage(storm, 1.0)

    assert sorted(healed) == ["database", "redis"]
    assert storm.is_over.is_set()


@pytest.mark.parametrize(
    ("target", "was_alone"),
    [("beat", True), ("clock", True), ("nudges", True), ("database", False), ("apis", False)],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_worker_is_alone_with_what_does_not_hold_it_up(
    fleet: Fleet, target: str, was_alone: bool, is_first: bool
):
    plan = [planned("workers", hold_seconds=0.2), planned(target, hold_seconds=0.2)]
    storm = a_storm(fleet, plan if is_first else plan[::-1])

    rage(storm)

    assert {felt.name: felt.was_alone for felt in storm.felt}["of workers"] is was_alone


@pytest.mark.parametrize(("target", "was_alone"), [("database network", False), ("beat", True)])
def test_what_the_fault_before_left_behind_is_company(fleet: Fleet, target: str, was_alone: bool):
    storm = a_storm(fleet, [planned(target), planned("workers")], with_a_mail_for_later(fleet, target))

    with pytest.raises(NotInTime, match="mails"):
        rage(storm, 1.0)

    assert [felt.was_alone for felt in storm.felt] == [True, was_alone]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_to_be_alone_is_so_whatever_else_is_planned(fleet: Fleet, place: int):
    plan = [planned("database", hold_seconds=0.2), planned("redis", hold_seconds=0.2)]
    plan.insert(place, planned("workers", hold_seconds=0.2, is_alone=True))
    storm = a_storm(fleet, plan)

    rage(storm)

    assert [felt.name for felt in storm.felt].index("of workers") == place
    assert storm.felt[place].was_alone


def test_a_worker_that_came_back_and_was_not_refused_is_told(fleet: Fleet):
    storm = a_storm(fleet, [])
    storm.felt = [Felt(f"frozen, {told}", was_refused=told) for told in (True, None, False)]

    assert storm.unrefused == ["frozen, False: it was not refused"]


def test_a_broken_round_tells_who_has_ended():
    broken = RoundBroken(NotInTime("not in 5 s: clients wait"), [], ["worker-1", "beat"])

    assert str(broken) == "NotInTime: not in 5 s: clients wait; worker-1 has ended; beat has ended"
