"""Imports that maintenance pauses, and resumes at its end. What their owners paused is left alone."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db import maintenance
from shared.db.transition import move
from shared.lifecycle import Event

# First those that a worker applies now: nothing happens to the others.
RUNNING = """
SELECT i.id FROM imports i
 WHERE i.status = 'running'
 ORDER BY NOT EXISTS (SELECT FROM blocks b WHERE b.import_id = i.id AND b.leased_until IS NOT NULL
                                             AND b.finished_at IS NULL), i.id
 LIMIT :limit
"""

RUNNING_AND_FREE = f"{RUNNING} FOR NO KEY UPDATE SKIP LOCKED"

# Whoever is at one of them right now moves it himself, or leaves it for the next look.
SUSPENDED = """
SELECT id FROM imports WHERE is_suspended ORDER BY id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
"""


def suspend(session: Session, *, limit: int) -> int:
    """Pause up to so many of the imports that run, for as long as there is maintenance; how many ran.

    Fewer than `limit`: there are no more. One that ends meanwhile is counted, too.
    """
    return _suspend(session, RUNNING, limit)


def suspend_free(session: Session, *, limit: int) -> int:
    """The same for those that nobody holds right now."""
    return _suspend(session, RUNNING_AND_FREE, limit)


def readmit(session: Session, *, limit: int) -> list[int]:
    """Resume up to so many of the imports that maintenance paused; their ids."""
    suspended = list(session.scalars(text(SUSPENDED), {"limit": limit}))
    return [import_id for import_id in suspended if move(session, import_id, Event.READMIT)]


def _suspend(session: Session, statement: str, limit: int) -> int:
    # Whoever ended it meanwhile has resumed what was paused by then.
    if not maintenance.keep_on(session):
        return 0
    running = list(session.scalars(text(statement), {"limit": limit}))
    # In one order, whoever worked on what: the sweep may be at the same imports.
    for import_id in sorted(running):
        move(session, import_id, Event.SUSPEND)
    return len(running)
