"""How a plan of faults is carried out, by faults that break nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import pytest

from tests.faults.fleet import Fleet
from tests.faults.plan import Planned
from tests.faults.registry import AT_ONCE, Fault, NotNow
from tests.faults.storm import Storm

SECONDS = 5.0


def planned(
    target: str,
    *,
    hold_seconds: float = 0.0,
    begin: Callable[[], object] = lambda: None,
    end: Callable[[], object] = lambda: None,
) -> Planned:
    @contextmanager
    def act(_fleet: Fleet, _dice: Random) -> Iterator[None]:
        begin()
        yield
        end()

    fault = Fault(f"of {target}", target, AT_ONCE, AT_ONCE, act, lambda _: True, None)
    return Planned(fault, 0.0, hold_seconds, 0.0)


def a_storm(fleet: Fleet, plan: list[Planned]) -> Storm:
    storm = Storm(fleet, plan)
    storm.come(0, 1)
    return storm


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
