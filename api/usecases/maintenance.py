"""What an operator may do with the whole service: let it stand still, and go on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from shared.db import jobs, maintenance, suspending
from shared.db.database import Session
from shared.ground import Ground
from shared.retries import despite_conflicts

T = TypeVar("T")

# Imports a transaction: whoever applies one of them waits for its end.
PORTION = 50
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class MaintenanceView:
    """Whether there is maintenance, and what waits for its end."""

    began_at: datetime | None  # None: there is none
    reason: str | None
    now: datetime
    paused_imports: int
    waiting_jobs: int
    at_work: int  # blocks and exports that workers hold


def begin_maintenance(ground: Ground, reason: str | None) -> bool:
    """Let workers begin nothing and pause what runs; whether there was no maintenance before.

    Safe to repeat. Where it breaks off in the middle, the sweep pauses the rest.
    """
    has_begun = _commit(ground, lambda session: maintenance.begin(session, reason))
    while _commit(ground, lambda session: suspending.suspend(session, limit=PORTION)) == PORTION:
        pass
    return has_begun


def end_maintenance(ground: Ground) -> int | None:
    """Resume what maintenance paused, and say how much; None where there was no maintenance.

    What its owner paused stays paused. Safe to repeat. Where it breaks off, the sweep resumes the rest.
    """
    has_ended = _commit(ground, maintenance.end)
    count = 0
    while True:
        resumed = _commit(ground, lambda session: suspending.readmit(session, limit=PORTION))
        for import_id in resumed:
            ground.dispatcher.nudge_import(import_id)
        count += len(resumed)
        if len(resumed) < PORTION:
            return count if has_ended or count else None


def look_at_maintenance(ground: Ground) -> MaintenanceView:
    """How it is now."""
    with ground.database.begin() as session:
        found, tally = maintenance.found(session), maintenance.tally(session)
        return MaintenanceView(
            began_at=found.began_at if found else None,
            reason=found.reason if found else None,
            now=jobs.now(session),
            **tally._asdict(),
        )


def is_on_maintenance(ground: Ground) -> bool:
    """Whether workers may begin nothing."""
    with ground.database.begin() as session:
        return maintenance.is_on(session)


def wait_for_workers(ground: Ground, *, seconds: float) -> MaintenanceView:
    """How it is as soon as no worker holds anything, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (view := look_at_maintenance(ground)).at_work and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return view


def _commit(ground: Ground, act: Callable[[Session], T]) -> T:
    """What `act` gives, in a transaction of its own, also where that has to give way to others."""

    def attempt() -> T:
        with ground.database.begin() as session:
            return act(session)

    return despite_conflicts(attempt)
