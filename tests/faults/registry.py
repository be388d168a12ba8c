"""The faults that can be drawn, by name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random

from tests.faults.fleet import Fleet

# Whether something of ours has run into the fault by now.
Met = Callable[[], bool]
Act = Callable[[Fleet, Random], AbstractContextManager[Met | None]]

AT_ONCE = (0.0, 0.0)

# What workers do without while they are at something, and end without.
_BESIDE_WORKERS = {"beat", "clock", "nudges"}


class NotNow(Exception):
    """A fault's moment is not there: nobody is at what it is to break."""


@dataclass(frozen=True)
class Fault:
    """Something that breaks when its context is entered, and is right again when it is left."""

    name: str
    target: str  # what it breaks; two faults of one target do not overlap
    hold_seconds: tuple[float, float]  # how long it lasts, at least and at most
    hold_leases: tuple[float, float]  # and so many leases more
    act: Act
    needs: Callable[[Fleet], bool]  # whether this machine allows it
    ends_within: float | None  # seconds in which it is to be over by itself

    @property
    def holds_workers_up(self) -> bool:
        """Whether a worker may be longer at something because of it."""
        return self.target not in _BESIDE_WORKERS

    def hold(self, chance: float, lease_seconds: float) -> float:
        """How long it lasts: at least with 0, at most with 1."""
        least, most = (
            seconds + leases * lease_seconds
            for seconds, leases in zip(self.hold_seconds, self.hold_leases, strict=True)
        )
        return least + chance * (most - least)


FAULTS: dict[str, Fault] = {}


def _always(_: Fleet) -> bool:
    return True


def fault(
    name: str,
    target: str,
    hold_seconds: tuple[float, float] = AT_ONCE,
    *,
    hold_leases: tuple[float, float] = AT_ONCE,
    needs: Callable[[Fleet], bool] = _always,
    ends_within: float | None = None,
) -> Callable[[Callable[[Fleet, Random], Iterator[Met | None]]], Act]:
    """Put a generator function among the faults.

    It yields while the fault lasts: nothing where the fault cannot be missed, else what tells whether it was.
    It raises NotNow, before anything is broken, where it is to be tried again a little later.
    """

    def register(function: Callable[[Fleet, Random], Iterator[Met | None]]) -> Act:
        act = contextmanager(function)
        FAULTS[name] = Fault(name, target, hold_seconds, hold_leases, act, needs, ends_within)
        return act

    return register
