"""The faults that can be drawn, by name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random

from tests.faults.fleet import Fleet

Act = Callable[[Fleet, Random], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """Something that breaks when its context is entered, and is right again when it is left."""

    name: str
    target: str  # what it breaks; two faults of one target do not overlap
    hold_seconds: tuple[float, float]  # how long it lasts, at least and at most
    act: Act
    needs: Callable[[Fleet], bool]  # whether this machine allows it


FAULTS: dict[str, Fault] = {}


def _always(_: Fleet) -> bool:
    return True


def fault(
    name: str,
    target: str,
    hold_seconds: tuple[float, float] = (0.0, 0.0),
    needs: Callable[[Fleet], bool] = _always,
) -> Callable[[Callable[[Fleet, Random], Iterator[None]]], Act]:
    """Put a generator function, which yields while the fault lasts, among the faults."""

    def register(function: Callable[[Fleet, Random], Iterator[None]]) -> Act:
        act = contextmanager(function)
        FAULTS[name] = Fault(name, target, hold_seconds, act, needs)
        return act

    return register
