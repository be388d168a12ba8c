"""A plan of faults and its execution while clients wait for their work."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from threading import Event

import psycopg2
import redis
from sqlalchemy import text

from shared.errors import DatabaseUnavailable, LongshoreError
from tests.faults import weather
from tests.faults.fleet import Fleet
from tests.faults.plan import Felt, Planned
from tests.faults.recovery import RECOVERY_SECONDS, Recovery, late_ends, late_recoveries
from tests.faults.registry import Met, NotNow
from tests.faults.standing_notes import said_of
from tests.faults.standing_still import StandsStill
from tests.faults.waiting import wait_until

# A fault lasts so much longer than planned, where nothing of ours has run into it yet.
MEET_SECONDS = 12.0

PROGRESS = """
SELECT coalesce(sum(created_documents + updated_documents + deleted_documents + skipped_documents
                    + rejected_documents), 0)
  FROM imports WHERE service_id = :service_id
"""


@dataclass
class _Held:
    planned: Planned
    felt: Felt
    context: ExitStack = field(default_factory=ExitStack)
    met: Met | None = None  # None: there is no way around it
    began_at: float = 0.0
    was_met: bool = False  # at some look

    def begin(self, fleet: Fleet) -> None:
        self.met = self.context.enter_context(self.planned.fault.act(fleet, Random(self.planned.seed)))
        self.began_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether its time is over."""
        late = time.monotonic() - self.began_at - self.planned.hold_seconds
        return late >= 0 and (self.was_met or late >= MEET_SECONDS)

    def look(self) -> None:
        """Whoever ran into it may be out of it again at the next look."""
        with suppress(LongshoreError, redis.RedisError):  # not to be known now
            self.was_met = self.was_met or self.met is None or self.met()

    def end(self) -> None:
        self.felt.was_met = self.was_met
        self.felt.held_seconds = time.monotonic() - self.began_at
        self.context.close()

    def look_back(self) -> None:
        """What came of it after its end."""
        if isinstance(self.met, StandsStill) and self.was_met:
            self.felt.was_refused = self.met.was_refused()


class Storm:
    """Lets a plan happen, in the main thread: processes end with the thread that started them."""

    def __init__(
        self, fleet: Fleet, plan: list[Planned] | None, recovery_seconds: float = RECOVERY_SECONDS
    ) -> None:
        self.felt: list[Felt] = []
        self.is_planned = plan is not None
        self.is_over = Event()
        self._fleet = fleet
        self._recovery_seconds = recovery_seconds
        self._due = list(plan or [])
        self._held: list[_Held] = []
        self._ended: list[_Held] = []
        self._share = 0.0
        self._recovery = self._watching(service_id=0)

    def come(self, service_id: int, line_count: int) -> None:
        """Whose work it is to meet, and how much there is of it."""
        self._given = {"service_id": service_id}
        self._line_count = line_count
        self._recovery = self._watching(service_id)
        if not self.is_planned:
            self.is_over.set()

    def _watching(self, service_id: int) -> Recovery:
        return Recovery(self._fleet.ground, service_id, limit_seconds=self._recovery_seconds)

    @property
    def notes(self) -> list[str]:
        """What there was to see of whatever stood for long, and what was said of it."""
        logs = sorted({member.log for member in self._fleet.members})
        return [
            line
            for (kind, number), seen in self._recovery.notes.items()
            for line in [*seen, *said_of(logs, kind, number)]
        ]

    @property
    def unmet(self) -> list[str]:
        """Names of the planned faults that never began."""
        return [planned.fault.name for planned in self._due]

    @property
    def late(self) -> list[str]:
        """What took longer than promised, in words."""
        recoveries = late_recoveries(self.felt, self._recovery_seconds)
        return [*recoveries, *late_ends(self.felt), *self._recovery.standstills]

    @property
    def unrefused(self) -> list[str]:
        """Workers that came back to what was another's, and were not kept from it, in words."""
        return [f"{felt.name}: it was not refused" for felt in self.felt if felt.was_refused is False]

    def rage_while(self, goes_on: Callable[[], bool], seconds: float) -> None:
        """Return when nothing goes on, every fault that began has ended, and what waited then has moved.

        Raises NotInTime.
        """
        try:
            self.watch_while(
                lambda: goes_on() or bool(self._held or self._recovery.waiting),
                seconds,
                lambda: f"the round is over; {self._recovery.waiting}",
            )
        finally:
            self.is_over.set()
            # Whatever one of them meets, the others are healed.
            with ExitStack() as healed:
                for held in self._held:
                    healed.callback(held.context.close)

    def watch_while(self, goes_on: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
        """Return when nothing goes on, noting meanwhile what stands still. Raises NotInTime."""

        def is_over() -> bool:
            self._look()
            self._begin_due()
            self._end_due()
            return not goes_on()

        wait_until(is_over, seconds, what)

    def look_back(self) -> None:
        """When all is settled: note what faults led to after their end."""
        for held in self._ended:
            held.look_back()

    def _begin_due(self) -> None:
        if self.is_over.is_set():  # nobody would heal it
            return
        if any(held.planned.is_alone for held in self._held):
            return
        targets = {held.planned.fault.target for held in self._held}
        for planned in [planned for planned in self._due if planned.at <= self._share]:
            if planned.is_alone and (self._held or self._recovery.holds_workers_up):
                return
            # One that needs the database, or Redis, to begin waits until another one that keeps it away has
            # ended.
            if planned.fault.target not in targets:
                with suppress(DatabaseUnavailable, psycopg2.OperationalError, redis.RedisError, NotNow):
                    self._begin(planned)
                    self._due.remove(planned)
                    return

    def _begin(self, planned: Planned) -> None:
        fault = planned.fault
        held = _Held(planned, Felt(fault.name, fault.ends_within, holds_workers_up=fault.holds_workers_up))
        held.begin(self._fleet)
        self._tell_company(held)
        self._recovery.begin_fault(held.felt)
        self._held.append(held)
        self.felt.append(held.felt)

    def _tell_company(self, held: _Held) -> None:
        """What a fault left behind that was over at once is company, too."""
        if self._recovery.holds_workers_up:
            held.felt.was_alone = False
        if held.felt.holds_workers_up:
            for other in self._held:
                other.felt.was_alone = False

    def _end_due(self) -> None:
        for held in self._held:
            held.look()
        for held in [held for held in self._held if held.is_due]:
            held.end()
            self._held.remove(held)
            self._ended.append(held)
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
            self._share = max(self._share, applied / self._line_count)
            self._recovery.look()
        except LongshoreError:
            return
