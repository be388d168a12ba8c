"""A plan of faults, drawn from a seed, and its execution while clients wait for their work."""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy import text

from shared.errors import DatabaseUnavailable, LongshoreError
from tests.faults import database_faults, operator_faults, process_faults, redis_faults, storage_faults
from tests.faults.fleet import Fleet
from tests.faults.foundation import START_SECONDS
from tests.faults.registry import FAULTS, Fault
from tests.faults.waiting import LOOK_SECONDS, NotInTime, wait_until

# Importing them registers their faults.
__all__ = ["FAULTS", "database_faults", "operator_faults", "process_faults", "redis_faults", "storage_faults"]

RECOVERY_SECONDS = 15.0
FAULTS_A_ROUND = 4
# Shares of the round's bytes; some are never applied, for imports are canceled, deleted and damaged.
_BEGIN = (0.02, 0.6)
_TOGETHER = 0.4  # of all faults begin with the one before them

PROGRESS = "SELECT coalesce(sum(applied_bytes), 0) FROM imports WHERE service_id = :service_id"

# What of an import changes when somebody works on it.
STEPS = """
SELECT i.id, i.status, i.applied_bytes, coalesce(sum(b.epoch), 0) AS claims
  FROM imports i LEFT JOIN blocks b ON b.import_id = i.id
 WHERE i.service_id = :service_id
 GROUP BY i.id
"""
_WAITING = {"started", "running", "resumed", "canceling"}


@dataclass(frozen=True)
class Planned:
    """One fault of a round: when it begins, how long it lasts, and what it draws."""

    fault: Fault
    at: float  # of the round's bytes applied
    hold_seconds: float
    seed: float


def a_plan(seed: int, fleet: Fleet, names: Iterable[str] = ()) -> list[Planned]:
    """The same one for the same seed; of the named faults only, each of them once, where there are names."""
    dice = Random(f"plan {seed}")
    faults = [FAULTS[name] for name in names] or [FAULTS[name] for name in sorted(FAULTS)]
    possible = [fault for fault in faults if fault.needs(fleet)]
    chosen = possible if names else dice.sample(possible, min(FAULTS_A_ROUND, len(possible)))
    plan: list[Planned] = []
    for fault in chosen:
        together = plan and dice.random() < _TOGETHER
        at = plan[-1].at if together else dice.uniform(*_BEGIN)
        plan.append(Planned(fault, at, dice.uniform(*fault.hold_seconds), dice.random()))
    return sorted(plan, key=lambda planned: planned.at)


@dataclass
class Felt:
    """What became of one planned fault."""

    planned: Planned
    recovered_seconds: float | None = None  # None: nothing waited when it ended


@dataclass
class _Held:
    felt: Felt
    ends_at: float
    context: ExitStack = field(default_factory=ExitStack)


@dataclass
class _Recovering:
    felt: Felt
    since: float
    waiting: dict[int, tuple[Any, ...]]


class Storm:
    """Lets a plan happen, in the main thread: processes end with the thread that started them."""

    def __init__(self, fleet: Fleet, service_id: int, plan: list[Planned], size_bytes: int) -> None:
        self.felt: list[Felt] = []
        self._fleet = fleet
        self._given = {"service_id": service_id}
        self._due = list(plan)
        self._size_bytes = size_bytes
        self._held: list[_Held] = []
        self._recovering: list[_Recovering] = []
        self._share = 0.0

    @property
    def unmet(self) -> list[str]:
        """Names of the planned faults that never began."""
        return [planned.fault.name for planned in self._due]

    def rage_while(self, goes_on: Callable[[], bool], seconds: float) -> None:
        """Return when nothing goes on and every fault that began has ended. Raises NotInTime."""
        deadline = time.monotonic() + seconds
        while goes_on() or self._held:
            if time.monotonic() > deadline:
                self._end_all()
                raise NotInTime(f"the round is not over after {seconds:g} s")
            self._look()
            self._begin_due()
            self._end_due()
            time.sleep(LOOK_SECONDS)
        self._look()

    def _begin_due(self) -> None:
        targets = {held.felt.planned.fault.target for held in self._held}
        for planned in [planned for planned in self._due if planned.at <= self._share]:
            # One that needs the database to begin waits until another one that keeps it away has ended.
            if planned.fault.target not in targets:
                with suppress(DatabaseUnavailable):
                    self._begin(planned)
                    self._due.remove(planned)
                    return

    def _begin(self, planned: Planned) -> None:
        held = _Held(Felt(planned), 0.0)
        held.context.enter_context(planned.fault.act(self._fleet, Random(planned.seed)))
        held.ends_at = time.monotonic() + planned.hold_seconds
        self._held.append(held)
        self.felt.append(held.felt)

    def _end_due(self) -> None:
        for held in [held for held in self._held if held.ends_at <= time.monotonic()]:
            held.context.close()
            self._held.remove(held)
            if not self._held:
                self._await_recovery(held.felt)

    def _end_all(self) -> None:
        for held in self._held:
            held.context.close()

    def _await_recovery(self, felt: Felt) -> None:
        """Whatever waits now must be worked on soon; with another fault still held, that one's end counts."""
        since = time.monotonic()
        steps = self._steps_when_it_answers()
        waiting = {number: step for number, step in steps.items() if step[0] in _WAITING}
        self._recovering.append(_Recovering(felt, since, waiting))

    def _look(self) -> None:
        """How far the round is, as far as the database tells."""
        try:
            with self._fleet.ground.database.begin() as session:
                applied = session.execute(text(PROGRESS), self._given).scalar_one()
            self._share = max(self._share, applied / self._size_bytes)
            self._note_recoveries()
        except LongshoreError:
            return

    def _note_recoveries(self) -> None:
        if not self._recovering:
            return
        steps = self._steps()
        for recovering in self._recovering:
            waiting = recovering.waiting
            recovering.waiting = {n: step for n, step in waiting.items() if steps.get(n) == step}
            if waiting and not recovering.waiting:
                recovering.felt.recovered_seconds = time.monotonic() - recovering.since
        self._recovering = [recovering for recovering in self._recovering if recovering.waiting]

    def _steps_when_it_answers(self) -> dict[int, tuple[Any, ...]]:
        """A database may take a while until it knows that it must recover, and then until it has."""
        found: list[dict[int, tuple[Any, ...]]] = []

        def ask() -> bool:
            with suppress(LongshoreError):
                found.append(self._steps())
            return bool(found)

        wait_until(ask, START_SECONDS, "the database answers")
        return found[0]

    def _steps(self) -> dict[int, tuple[Any, ...]]:
        with self._fleet.ground.database.begin() as session:
            return {row.id: tuple(row)[1:] for row in session.execute(text(STEPS), self._given)}


def late_recoveries(storm: Storm) -> list[str]:
    """What took longer than promised, in words."""
    return [
        f"{felt.planned.fault.name}: work went on after {felt.recovered_seconds:.1f} s"
        for felt in storm.felt
        if felt.recovered_seconds is not None and felt.recovered_seconds > RECOVERY_SECONDS
    ]
