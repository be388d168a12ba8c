"""How often a login has failed lately, by account and by address, and how long the next one has to wait.

Here and not in Redis, so that a flush of Redis does not open the doors to guessing.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# The row stays locked until the transaction ends, so that no failure of many at once goes uncounted.
COUNT = """
INSERT INTO login_failures AS f (subject, failures, last_at, blocked_until)
VALUES (:subject, 1, :now, :now)
ON CONFLICT (subject) DO UPDATE
   SET failures = CASE WHEN f.last_at < :forgotten_before THEN 1 ELSE f.failures + 1 END,
       last_at = :now
RETURNING failures
"""

BLOCKED_UNTIL = """
SELECT max(blocked_until) FROM login_failures
 WHERE subject = ANY(:subjects) AND blocked_until > :now AND blocked_until <= :latest
"""

FORGET = """
DELETE FROM login_failures
 WHERE subject IN (
    SELECT subject FROM login_failures
     WHERE last_at < :before ORDER BY last_at LIMIT :limit
       FOR UPDATE SKIP LOCKED)
"""


def blocked_until(
    session: Session, subjects: Collection[bytes], *, now: datetime, latest: datetime
) -> datetime | None:
    """The moment before which one of the subjects may not try again; None where none has to wait.

    What lies behind `latest` was written by a clock that went wrong, and does not count.
    """
    asked = {"subjects": list(subjects), "now": now, "latest": latest}
    until: datetime | None = session.execute(text(BLOCKED_UNTIL), asked).scalar_one()
    return until


def count(session: Session, subject: bytes, *, now: datetime, forgotten_before: datetime) -> int:
    """Note one more failure and return how many there are; older ones than the given moment do not count."""
    counted = {"subject": subject, "now": now, "forgotten_before": forgotten_before}
    failures: int = session.execute(text(COUNT), counted).scalar_one()
    return failures


def block(session: Session, subject: bytes, until: datetime) -> None:
    """Let the subject wait."""
    blocked = text("UPDATE login_failures SET blocked_until = :until WHERE subject = :subject")
    session.execute(blocked, {"subject": subject, "until": until})


def forgive(session: Session, subject: bytes) -> None:
    """The subject has proved itself: its failures do not count any more."""
    session.execute(text("DELETE FROM login_failures WHERE subject = :subject"), {"subject": subject})


def forget(session: Session, before: datetime, *, limit: int) -> None:
    """Remove up to `limit` subjects that have not failed since that moment, longest ago first."""
    session.execute(text(FORGET), {"before": before, "limit": limit})
