"""Nudges for what could not be taken when its own nudge came."""

from shared.bounds import Bounds
from shared.db import long_jobs, turns
from shared.ground import Ground
from shared.turns import Job

# Nudges ahead that are looked through: 0.7 ms, where so many wait.
_SOON = 200


def nudge(ground: Ground, job: Job, *, gave_way: bool = False) -> None:
    """Wake a worker for the job; `gave_way`: it is not to give way to a new import again."""
    if job.kind == "import":
        ground.dispatcher.nudge_import(job.id, gave_way=gave_way)
    else:
        ground.dispatcher.nudge_export(job.id, gave_way=gave_way)


def nudge_on(ground: Ground, job: Job) -> None:
    """Wake a worker for what is left of the job, unless it is soon looked at anyway.

    A job whose turns each leave one nudge more than they took would crowd out those that have one.
    """
    if job not in ground.dispatcher.nudged(looks=_SOON):
        nudge(ground, job)


def nudge_for_room(ground: Ground, service_id: int, *, was_long: bool) -> None:
    """A turn of the data service has ended: wake a worker for what there was no room for until then."""
    bounds = Bounds.of(ground.settings)
    if not was_long and bounds.service_workers is None:
        return
    with ground.database.begin() as session:
        found = long_jobs.waiting(session, service_id, bounds) if was_long else []
        if bounds.service_workers is not None:
            first = turns.first_waiting(session, service_id, bounds)
            found += [] if first is None or first in found else [first]
    for job in found:
        # Its own nudge may have told so when there was no room, and is gone.
        nudge(ground, job, gave_way=True)
