"""How often logins were tried lately without success, and how long the next one has to wait.

A try is counted before the password is looked at, so that of many at once none goes uncounted.

Here and not in Redis, so that a flush of Redis does not open the doors to guessing.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

# Compares and sets: nothing comes back while the subject has to wait. What lies behind `latest` was written
# by a clock that went wrong, and does not count. The row stays locked until the transaction ends.
TAKE = """
INSERT INTO login_failures AS f (subject, failures, last_at, blocked_until)
VALUES (:subject, 1, :now, :now)
ON CONFLICT (subject) DO UPDATE
   SET failures = CASE WHEN f.last_at < :forgotten_before THEN 1 ELSE f.failures + 1 END,
       decided = CASE WHEN f.last_at < :forgotten_before THEN 0 ELSE f.decided END,
       last_at = :now
 WHERE NOT (f.blocked_until > :now AND f.blocked_until <= :latest)
RETURNING failures
"""

GIVE_BACK = """
UPDATE login_failures SET failures = failures - 1, blocked_until = :now
 WHERE subject = :subject AND failures > 0
"""

FORGET = """
DELETE FROM login_failures
 WHERE subject IN (
    SELECT subject FROM login_failures
     WHERE last_at < :before ORDER BY last_at LIMIT :limit
       FOR UPDATE SKIP LOCKED)
"""


class Wait(NamedTuple):
    """Why a subject is not let in."""

    until: datetime
    is_undecided: bool  # some of what counts as failed is still being judged


def take(
    session: Session, subject: bytes, *, now: datetime, latest: datetime, forgotten_before: datetime
) -> int | None:
    """Count one more try as failed and return how many there are by now; None where the subject has to wait.

    Older ones than `forgotten_before` do not count, nor does a wait until after `latest`.
    """
    given = {"subject": subject, "now": now, "latest": latest, "forgotten_before": forgotten_before}
    failures: int | None = session.execute(text(TAKE), given).scalar_one_or_none()
    return failures


def wait(session: Session, subject: bytes) -> Wait:
    """The wait of a subject that was not let in just now, in the same transaction."""
    wanted = text("SELECT blocked_until, failures > decided FROM login_failures WHERE subject = :subject")
    until, is_undecided = session.execute(wanted, {"subject": subject}).one()
    return Wait(until, is_undecided)


def block(session: Session, subject: bytes, until: datetime) -> None:
    """Let the subject wait."""
    blocked = text("UPDATE login_failures SET blocked_until = :until WHERE subject = :subject")
    session.execute(blocked, {"subject": subject, "until": until})


def decide(session: Session, subject: bytes) -> None:
    """One of the subject's tries was a failure indeed."""
    session.execute(
        text("UPDATE login_failures SET decided = decided + 1 WHERE subject = :subject"), {"subject": subject}
    )


def forgive(session: Session, subject: bytes) -> None:
    """The subject has proved itself: its failures do not count any more."""
    session.execute(text("DELETE FROM login_failures WHERE subject = :subject"), {"subject": subject})


def give_back(session: Session, subject: bytes, now: datetime) -> None:
    """One of the subject's tries was no failure."""
    session.execute(text(GIVE_BACK), {"subject": subject, "now": now})


def forget(session: Session, before: datetime, *, limit: int) -> None:
    """Remove up to `limit` subjects that have not failed since that moment, longest ago first."""
    session.execute(text(FORGET), {"before": before, "limit": limit})
