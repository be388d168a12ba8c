"""Nudges for what could not be taken when its own nudge came."""

from shared.db import long_jobs
from shared.ground import Ground
from shared.turns import Job


def nudge(ground: Ground, job: Job) -> None:
    """Wake a worker for the job."""
    if job.kind == "import":
        ground.dispatcher.nudge_import(job.id)
    else:
        ground.dispatcher.nudge_export(job.id)


def nudge_long_jobs(ground: Ground, service_id: int) -> None:
    """A long job of the data service has ended: wake a worker for the ones that waited for that."""
    with ground.database.begin() as session:
        found = long_jobs.waiting(session, service_id, at_once=ground.settings.service_long_jobs)
    for job in found:
        nudge(ground, job)
