"""A plan of faults and its execution while clients wait for their work."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from threading import Event

import psycopg2
from sqlalchemy import text

from shared.errors import DatabaseUnavailable, LongshoreError
from tests.faults import weather
from tests.faults.fleet import Fleet
from tests.faults.plan import Felt, Planned
from tests.faults.recovery import Recovery
from tests.faults.registry import Met, NotNow
from tests.faults.waiting import LOOK_SECONDS, NotInTime

# A fault lasts so much longer than planned, where nothing of ours has run into it yet.
MEET_SECONDS = 8.0

PROGRESS = "SELECT coalesce(sum(applied_bytes), 0) FROM imports WHERE service_id = :service_id"


@dataclass
class _Held:
    planned: Planned
    felt: Felt
    context: ExitStack = field(default_factory=ExitStack)
    met: Met | None = None  # None: there is no way around it
    began_at: float = 0.0

    def begin(self, fleet: Fleet) -> None:
        self.met = self.context.enter_context(self.planned.fault.act(fleet, Random(self.planned.seed)))
        self.began_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether its time is over."""
        late = time.monotonic() - self.began_at - self.planned.hold_seconds
        return late >= 0 and (self.is_met() or late >= MEET_SECONDS)

    def is_met(self) -> bool:
        with suppress(LongshoreError):  # not to be known now
            return self.met is None or self.met()
        return False

    def end(self) -> None:
        self.felt.was_met = self.is_met()
        self.felt.held_seconds = time.monotonic() - self.began_at
        self.context.close()


class Storm:
    """Lets a plan happen, in the main thread: processes end with the thread that started them."""

    def __init__(self, fleet: Fleet, service_id: int, plan: list[Planned], size_bytes: int) -> None:
        self.felt: list[Felt] = []
        self.is_over = Event()
        self._fleet = fleet
        self._given = {"service_id": service_id}
        self._due = list(plan)
        self._size_bytes = size_bytes
        self._held: list[_Held] = []
        self._recovery = Recovery(fleet.ground, service_id)
        self._share = 0.0

    @property
    def unmet(self) -> list[str]:
        """Names of the planned faults that never began."""
        return [planned.fault.name for planned in self._due]

    def rage_while(self, goes_on: Callable[[], bool], seconds: float) -> None:
        """Return when nothing goes on, every fault that began has ended, and what waited then has moved.

        Raises NotInTime.
        """
        deadline = time.monotonic() + seconds
        try:
            while goes_on() or self._held or self._recovery.waiting:
                if time.monotonic() > deadline:
                    raise NotInTime(f"the round is not over after {seconds:g} s {self._recovery.waiting}")
                self._look()
                self._begin_due()
                self._end_due()
                time.sleep(LOOK_SECONDS)
        finally:
            for held in self._held:
                held.context.close()
            self.is_over.set()

    def _begin_due(self) -> None:
        targets = {held.planned.fault.target for held in self._held}
        for planned in [planned for planned in self._due if planned.at <= self._share]:
            # One that needs the database to begin waits until another one that keeps it away has ended.
            if planned.fault.target not in targets:
                with suppress(DatabaseUnavailable, psycopg2.OperationalError, NotNow):
                    self._begin(planned)
                    self._due.remove(planned)
                    return

    def _begin(self, planned: Planned) -> None:
        held = _Held(planned, Felt(planned.fault.name))
        held.begin(self._fleet)
        self._recovery.begin_fault(held.felt)
        self._held.append(held)
        self.felt.append(held.felt)

    def _end_due(self) -> None:
        for held in [held for held in self._held if held.is_due]:
            held.end()
            self._held.remove(held)
            if not self._held:
                self._recovery.end_faults()
                self._hurry()

    def _hurry(self) -> None:
        """No fault is left that slow work should meet, and waiting for busy workers is no recovery."""
        if not self._due:
            with suppress(DatabaseUnavailable):
                weather.set_pace(self._fleet.ground, 0.0)

    def _look(self) -> None:
        """How far the round is, as far as the database tells."""
        try:
            with self._fleet.ground.database.begin() as session:
                applied = session.execute(text(PROGRESS), self._given).scalar_one()
            self._share = max(self._share, applied / self._size_bytes)
            self._recovery.look()
        except LongshoreError:
            return
