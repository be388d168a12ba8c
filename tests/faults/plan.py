"""A plan of faults, drawn from a seed, and what became of each of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from tests.faults import (
    database_faults,
    lock_faults,
    operator_faults,
    process_faults,
    redis_faults,
    storage_faults,
)
from tests.faults.fleet import Fleet
from tests.faults.registry import FAULTS, Fault

# Importing them registers their faults.
__all__ = [
    "FAULTS",
    "database_faults",
    "lock_faults",
    "operator_faults",
    "process_faults",
    "redis_faults",
    "storage_faults",
]

FAULTS_A_ROUND = 4
# Shares of the round's lines; some are never applied, for imports are canceled, deleted and damaged.
_BEGIN = (0.02, 0.6)
_TOGETHER = 0.4  # of all faults begin with the one before them
_ALONE = 0.5  # of those that are to be over by themselves: only then their time is judged


@dataclass(frozen=True)
class Planned:
    """One fault of a round: when it begins, how long it lasts, and what it draws."""

    fault: Fault
    at: float  # of the round's lines applied
    hold_seconds: float
    seed: float
    is_alone: bool = (
        False  # nothing else breaks meanwhile, nor has work still to go on after what broke before
    )


@dataclass
class Felt:
    """What became of one planned fault."""

    name: str
    ends_within: float | None = None  # seconds that are promised where no other fault holds it up
    holds_workers_up: bool = True
    was_alone: bool = True  # no other one did
    held_seconds: float = 0.0
    # By kind of work; a kind that is not there had nothing waiting when the faults were over.
    recovered_seconds: dict[str, float] = field(default_factory=dict)
    was_met: bool = True  # its moment came: something of ours ran into it
    # Of a worker that came back to what was another's; None: none did, or not for long enough.
    was_refused: bool | None = None


def _dealt(seed: int, faults: list[Fault]) -> list[Fault]:
    """A round's share of shuffled decks: of seeds in a row each fault comes once before any comes again."""
    places = range(seed * FAULTS_A_ROUND, (seed + 1) * FAULTS_A_ROUND)
    decks = {place // len(faults) for place in places}
    dealt = {deck: Random(f"deck {deck}").sample(faults, len(faults)) for deck in decks}
    chosen = (dealt[place // len(faults)][place % len(faults)] for place in places)
    return list(dict.fromkeys(chosen))


def a_plan(seed: int, fleet: Fleet, names: Iterable[str] = ()) -> list[Planned]:
    """The same one for the same seed; of the named faults only, each of them once, where there are names."""
    dice = Random(f"plan {seed}")
    faults = [FAULTS[name] for name in names] or [FAULTS[name] for name in sorted(FAULTS)]
    possible = [fault for fault in faults if fault.needs(fleet)]
    chosen = possible if names else _dealt(seed, possible)
    plan: list[Planned] = []
    for fault in chosen:
        together = plan and dice.random() < _TOGETHER
        at = plan[-1].at if together else dice.uniform(*_BEGIN)
        hold_seconds = fault.hold(dice.random(), fleet.tempo.lease_seconds)
        is_alone = fault.ends_within is not None and dice.random() < _ALONE
        plan.append(Planned(fault, at, hold_seconds, dice.random(), is_alone))
    return sorted(plan, key=lambda planned: planned.at)
