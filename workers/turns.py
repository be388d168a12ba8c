"""Whose turn it is. A nudge names a job and wakes a worker; fairness decides what the worker does.

While one data service has a thousand nudges waiting, the nudge of another one need not come up: the first
of the thousand does its work.
"""

from typing import NamedTuple, assert_never

import structlog

from shared.bounds import Bounds
from shared.db import turns
from shared.db.database import Session
from shared.ground import Ground
from shared.turns import Job, in_turn
from workers.applying import ShouldStop
from workers.exporting import run_export
from workers.importing import run_import
from workers.nudging import nudge

_log = structlog.get_logger()


class Choice(NamedTuple):
    """Whose turn it is."""

    job: Job
    gave_way: bool  # the nudged job, to a new import of its data service, now or before


class Turns:
    """The turns of one worker process."""

    def __init__(self) -> None:
        self._last_service_id = 0
        self._gave_way_to_new = False

    def take(
        self, ground: Ground, nudged: Job, *, worker: str, should_stop: ShouldStop, gave_way: bool = False
    ) -> None:
        """Do one turn of the nudged job, of one whose data service has fewer workers, or of a new import.

        The nudge is sent on then. `gave_way` is what it tells. Safe to call at any time and any number of
        times.
        """
        job, gave_way = self.choose(ground, nudged, gave_way=gave_way)
        if job != nudged:
            _log.debug("gave_way", **{f"{nudged.kind}_id": nudged.id})
            nudge(ground, nudged, gave_way=gave_way)
            if _run(ground, job, worker, should_stop):
                return
            # Another worker was faster.
        _run(ground, nudged, worker, should_stop)

    def choose(self, ground: Ground, nudged: Job, *, gave_way: bool = False) -> Choice:
        """The job whose turn it is; the nudged one, too, where it has nothing to do now."""
        bounds = Bounds.of(ground.settings)
        with ground.database.begin() as session:
            own = turns.service_of(session, nudged, bounds)
            if own is None:
                return Choice(nudged, gave_way)
            held = turns.held(session)
            others = turns.unfinished_services(session, after=self._last_service_id, beside=len(held))
            for service_id in in_turn([own, *others], held, after=self._last_service_id):
                if service_id == own:
                    self._last_service_id = own
                    return self._of_own(session, own, Choice(nudged, gave_way), bounds)
                waiting = turns.first_waiting(session, service_id, bounds)
                if waiting is not None:
                    self._last_service_id = service_id
                    return Choice(waiting, gave_way)
        return Choice(nudged, gave_way)

    def _of_own(self, session: Session, service_id: int, nudged: Choice, bounds: Bounds) -> Choice:
        """Every second or third turn goes to a new import: a short one is done then, behind no long one.

        The others are those of the jobs in their order, so that new ones do not keep them waiting for ever. A
        job gives way once at most: its nudge comes behind all others then, and the worker that takes it may
        be one that is to give way again.
        """
        is_in_order = nudged.gave_way or self._gave_way_to_new
        new = None if is_in_order else turns.new_import(session, service_id, bounds)
        self._gave_way_to_new = new is not None and new != nudged.job
        return nudged if new is None or new == nudged.job else Choice(new, gave_way=True)


def _run(ground: Ground, job: Job, worker: str, should_stop: ShouldStop) -> bool:
    """Whether there was something to do."""
    match job.kind:
        case "import":
            return run_import(ground, job.id, worker=worker, should_stop=should_stop)
        case "export":
            return run_export(ground, job.id, worker=worker, should_stop=should_stop)
    assert_never(job.kind)
