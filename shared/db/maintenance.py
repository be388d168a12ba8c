"""Maintenance: while its row is there, workers begin nothing, also those that come up in the middle of it.

Imports that run are paused (`shared.db.suspending`), and others wait as they do for a free worker. Exports
are given back and begun again.
"""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.models import Maintenance

_MAINTENANCE_LOCK = 7_205_759_406

PUT_OFF = "SELECT pg_advisory_xact_lock_shared(:lock)"

HOLD = "SELECT pg_advisory_xact_lock(:lock)"

BEGIN = """
INSERT INTO maintenance AS m (reason) VALUES (:reason)
ON CONFLICT (is_on) DO UPDATE SET reason = coalesce(EXCLUDED.reason, m.reason)
RETURNING xmax = 0 AS has_begun
"""

KEEP_ON = "SELECT FROM maintenance FOR SHARE"

END = "DELETE FROM maintenance RETURNING began_at"

TALLY = """
SELECT (SELECT count(*) FROM imports WHERE is_suspended) AS paused_imports,
       (SELECT count(*) FROM imports WHERE status IN ('resumed', 'running', 'started'))
     + (SELECT count(*) FROM exports WHERE ended_at IS NULL) AS waiting_jobs,
       (SELECT count(*) FROM blocks
         WHERE leasing_service_id IS NOT NULL AND leased_until > clock_timestamp())
     + (SELECT count(*) FROM exports
         WHERE status IN ('canceling', 'processing') AND leased_until > clock_timestamp()) AS at_work
"""


class JobTally(NamedTuple):
    """How many jobs are where."""

    paused_imports: int  # by maintenance, not by their owners
    waiting_jobs: int  # imports and exports that a worker could take, or has
    at_work: int  # blocks and exports that workers hold


def put_off(session: Session) -> None:
    """Maintenance does not begin before this transaction ends: who claims something is seen by it."""
    session.execute(text(PUT_OFF), {"lock": _MAINTENANCE_LOCK})


def is_on(session: Session) -> bool:
    """Whether workers may begin nothing."""
    return found(session) is not None


def keep_on(session: Session) -> bool:
    """Whether workers may begin nothing; if so, that does not end before this transaction does."""
    return session.execute(text(KEEP_ON)).one_or_none() is not None


def found(session: Session) -> Maintenance | None:
    """The maintenance that there is."""
    return session.get(Maintenance, True, populate_existing=True)


def begin(session: Session, reason: str | None) -> bool:
    """Let nothing begin from COMMIT on; whether this changed anything. A newer reason replaces the last."""
    session.execute(text(HOLD), {"lock": _MAINTENANCE_LOCK})
    return bool(session.execute(text(BEGIN), {"reason": reason}).scalar_one())


def end(session: Session) -> bool:
    """Let everything begin again; whether this changed anything."""
    return session.execute(text(END)).one_or_none() is not None


def tally(session: Session) -> JobTally:
    """How many jobs are where."""
    return JobTally(*session.execute(text(TALLY)).one())
