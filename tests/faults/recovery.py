"""How soon work goes on when faults are over.

Faults that overlap are one spell, and so is one that begins before work went on after another. It is over
when nothing is broken any longer. What waits then must be begun within so many seconds of that moment, and
how long the last of it took is what each fault of the spell is told to have cost. Nor may anything stand
still for that long later, before the next fault or after the last one: however often it is begun, it must
get on.
"""

import time
from collections.abc import Callable, Iterable, Set
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy import text

from shared.errors import LongshoreError
from shared.ground import Ground
from tests.faults.fleet import WORKERS
from tests.faults.foundation import START_SECONDS
from tests.faults.plan import Felt
from tests.faults.standing_notes import notes_of
from tests.faults.waiting import wait_until

RECOVERY_SECONDS = 15.0  # unless somebody asks for another limit
KINDS = ("imports", "exports", "mails")
_LOOKS = (2 / 3, 1.0)  # at what stands, at these shares of the limit

# What waits for a worker: how far it is, and what of it changes, too, when one begins to work on it. What it
# is suspected of is a few steps to its end. A mail that is being handed over waits for nobody.
WAITING = """
SELECT 'imports' AS kind, i.id::text AS id,
       concat_ws('/', i.status, i.applied_bytes, count(b), count(b.finished_at), sum(b.checkpoint_offset),
                 sum(b.suspicions)) AS reached,
       sum(b.epoch) AS begun
  FROM imports i LEFT JOIN blocks b ON b.import_id = i.id
 WHERE i.service_id = :service_id
   AND (i.status IN ('started', 'running', 'resumed', 'canceling') OR i.is_suspended)
 GROUP BY i.id
UNION ALL
SELECT 'exports', e.id::text, concat_ws('/', e.status, e.furthest_records, e.suspicions), e.epoch
  FROM exports e
 WHERE e.service_id = :service_id AND e.ended_at IS NULL
UNION ALL
SELECT 'mails', n.job_id::text, '', n.attempts
  FROM notifications n JOIN batch_jobs j ON j.id = n.job_id
 WHERE j.service_id = :service_id AND n.sent_at IS NULL AND n.given_up_at IS NULL AND n.sending_since IS NULL
"""

# How many workers have something to do: they hold a lease, or are in a transaction, as those are who sweep or
# mail. One that has nothing to do is in none.
BUSY = """
SELECT count(*) FROM (
    SELECT b.worker FROM blocks b JOIN imports i ON i.id = b.import_id
     WHERE i.service_id = :service_id AND b.leased_until > clock_timestamp()
    UNION
    SELECT worker FROM exports
     WHERE service_id = :service_id AND leased_until > clock_timestamp() AND ended_at IS NULL
    UNION
    SELECT substring(application_name FROM '^longshore:(worker-.*)') FROM pg_stat_activity
     WHERE application_name LIKE 'longshore:worker-%' AND datname = current_database()
       AND xact_start IS NOT NULL
) workers
"""


class Step(NamedTuple):
    """Where something is."""

    reached: str
    begun: int  # how often


_Key = tuple[str, str]  # kind and id
_Steps = dict[_Key, Step]


class Recovery:
    """Watches one data service."""

    def __init__(
        self,
        ground: Ground,
        service_id: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        limit_seconds: float = RECOVERY_SECONDS,
        workers: int = WORKERS,
    ) -> None:
        self._ground = ground
        self._limit_seconds = limit_seconds
        self._workers = workers
        self._clock = clock
        self._given = {"service_id": service_id}
        self._spell: list[Felt] = []
        self._is_broken = False
        self._over_at = clock()
        self._waiting: _Steps = {}
        self._looked_at = self._began_at = clock()
        self._free_seconds = 0.0  # in which not all workers were busy
        # It has reached this, or was begun after the faults, by that time.
        self._since: dict[tuple[_Key, str], float] = {}
        self._stood_still: set[_Key] = set()
        self._noted: dict[tuple[_Key, str], int] = {}  # how often since the faults
        self.notes: dict[_Key, list[str]] = {}  # what there was to see of what stood for long

    @property
    def waiting(self) -> list[str]:
        """What has not moved since the faults were over, in words."""
        return [f"{kind} {number}" for kind, number in self._waiting]

    @property
    def holds_workers_up(self) -> bool:
        """Whether one fault of a spell that is not over, or after which something still waits, does."""
        return any(felt.holds_workers_up for felt in self._spell)

    @property
    def standstills(self) -> list[str]:
        """What did not move for too long where nothing was broken, in words."""
        return [f"{kind} {number}: stood still" for kind, number in sorted(self._stood_still)]

    def begin_fault(self, felt: Felt) -> None:
        """Something breaks. What should have moved before is late, whatever comes of it now."""
        if self._waiting and self._clock() - self._over_at > self._limit_seconds:
            self._note({kind for kind, _ in self._waiting})
        self._waiting = {}
        self._is_broken = True
        self._spell.append(felt)

    def end_faults(self) -> None:
        """Nothing is broken any longer: whatever waits now must be worked on soon."""
        self._over_at = self._clock()
        self._since, self._noted = {}, {}
        self._wait_for(self._steps_when_it_answers())
        self._is_broken = False

    def look(self) -> None:
        """Note what has moved, and what has not for too long. Raises DatabaseUnavailable."""
        if not self._is_broken:
            steps = self._steps()
            left = {key: step for key, step in self._waiting.items() if steps.get(key) == step}
            self._watch(steps, begun=self._waiting.keys() - left.keys())
            self._wait_for(left)

    def _watch(self, steps: _Steps, begun: Set[_Key]) -> None:
        """However soon it went on after the faults, or if it began only then: it must not stand still.

        Time in which all workers are busy is none of that; a moment in which they are excuses no more.
        """
        looked_at, self._looked_at = self._looked_at, self._clock()
        if self._busy() < self._workers:
            self._free_seconds += self._looked_at - looked_at
        now = self._free_seconds
        ats = [(key, step.reached) for key, step in steps.items()]
        self._since = {at: now if at[0] in begun else self._since.get(at, now) for at in ats}
        for at, since in self._since.items():
            self._judge(at, now - since)

    def _judge(self, at: tuple[_Key, str], stood_seconds: float) -> None:
        """It stood still when it did so past the limit. What there is to see is noted then, and before."""
        key, reached = at
        if stood_seconds > self._limit_seconds:
            self._stood_still.add(key)
        passed = sum(stood_seconds > share * self._limit_seconds for share in _LOOKS)
        if passed > self._noted.get(at, 0):
            self._noted[at] = passed
            # The one time is of workers that were not all busy, the other one of the clock.
            times = f"for {stood_seconds:.1f} s, {self._clock() - self._began_at:.1f} s of the round"
            head = f"{' '.join(key)} stands at {reached or 'its place'} {times}"
            seen = notes_of(self._ground, self._given["service_id"], *key)
            self.notes.setdefault(key, []).extend([head, *seen])

    def _wait_for(self, left: _Steps) -> None:
        self._note({kind for kind, _ in self._waiting} - {kind for kind, _ in left})
        self._waiting = left
        if not left:
            self._spell = []

    def _note(self, kinds: Iterable[str]) -> None:
        seconds = self._clock() - self._over_at
        for felt in self._spell:
            for kind in kinds:
                felt.recovered_seconds[kind] = max(seconds, felt.recovered_seconds.get(kind, 0.0))

    def _steps_when_it_answers(self) -> _Steps:
        """A database may take a while until it knows that it must recover, and then until it has."""
        found: list[_Steps] = []

        def ask() -> bool:
            with suppress(LongshoreError):
                found.append(self._steps())
            return bool(found)

        wait_until(ask, START_SECONDS, "the database answers")
        return found[0]

    def _busy(self) -> int:
        with self._ground.database.begin() as session:
            return int(session.execute(text(BUSY), self._given).scalar_one())

    def _steps(self) -> _Steps:
        with self._ground.database.begin() as session:
            rows = session.execute(text(WAITING), self._given)
            return {(row.kind, row.id): Step(row.reached, row.begun) for row in rows}


def late_recoveries(felt: Iterable[Felt], limit_seconds: float = RECOVERY_SECONDS) -> list[str]:
    """What took longer than that, in words."""
    return [
        f"{one.name}: {kind} went on after {seconds:.1f} s"
        for one in felt
        for kind, seconds in one.recovered_seconds.items()
        if seconds > limit_seconds
    ]


def late_ends(felt: Iterable[Felt]) -> list[str]:
    """What was to be over by itself sooner, in words."""
    return [
        f"{one.name}: over after {one.held_seconds:.1f} s, {one.ends_within:g} are promised"
        for one in felt
        if one.was_alone and one.ends_within is not None and one.held_seconds > one.ends_within
    ]
