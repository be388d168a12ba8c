"""The outbox: one mail a job, who is sending it, and what became of it.

A mail is taken in two steps. `claim` makes it due again only when the lease has run out, so a
sender that dies before the mail server was given anything loses nothing. That lease may be shorter
than a mail server is slow: while the sender lives, its turn keeps others away. `begin_handing_over`
comes right before the mail itself: from then on nobody else may send it, because a sender that
dies now may have died after the server's yes. Such a mail is given up as unknown rather than sent
twice. `attempts` grows with each claim: a sender that holds an older number can change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Notification
from shared.errors import LeaseLost

_SENDING_LOCK = 7_205_759_405

UNKNOWN = "A worker stopped while it handed the mail over: the mail server may have taken it or not."

CLAIM = """
UPDATE notifications
   SET attempts = attempts + 1, due_at = clock_timestamp() + :lease
 WHERE job_id = (
       SELECT job_id FROM notifications
        WHERE sent_at IS NULL AND given_up_at IS NULL AND sending_since IS NULL
          AND due_at <= clock_timestamp()
        ORDER BY due_at, job_id LIMIT 1
          FOR UPDATE SKIP LOCKED)
RETURNING job_id, recipient, content, created_at, attempts
"""

BEGIN_HANDING_OVER = """
UPDATE notifications SET sending_since = clock_timestamp(), due_at = clock_timestamp() + :lease
 WHERE job_id = :job_id AND attempts = :attempts AND sent_at IS NULL AND given_up_at IS NULL
RETURNING job_id
"""

# The server's yes counts also where the mail was given up meanwhile, by somebody who could not know.
MARK_SENT = """
UPDATE notifications
   SET sent_at = clock_timestamp(), given_up_at = NULL, last_error = NULL
 WHERE job_id = :job_id AND attempts = :attempts AND sent_at IS NULL
"""

# Due again at the end of the day at the latest, to be given up then. That it was not taken counts, as the yes
# does, also where somebody gave the mail up meanwhile who could not know: `sending_since` stayed then.
POSTPONE = """
UPDATE notifications
   SET sending_since = NULL, given_up_at = NULL, last_error = :reason,
       due_at = greatest(clock_timestamp(),
                         least(clock_timestamp() + :wait, created_at + :patience))
 WHERE job_id = :job_id AND attempts = :attempts AND sent_at IS NULL
   AND (given_up_at IS NULL OR sending_since IS NOT NULL)
"""

GIVE_UP = """
UPDATE notifications SET given_up_at = clock_timestamp(), sending_since = NULL, last_error = :reason
 WHERE job_id = :job_id AND attempts = :attempts AND sent_at IS NULL
   AND (given_up_at IS NULL OR sending_since IS NOT NULL)
"""

# What nobody tried in a day is tried once still.
GIVE_UP_OVERDUE = """
UPDATE notifications
   SET given_up_at = clock_timestamp(),
       last_error = CASE WHEN sending_since IS NULL THEN last_error ELSE :unknown END
 WHERE job_id IN (
       SELECT job_id FROM notifications
        WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= clock_timestamp()
          AND (sending_since IS NOT NULL
               OR (attempts > 0 AND created_at + :patience <= clock_timestamp()))
        ORDER BY due_at, job_id LIMIT :limit
          FOR UPDATE SKIP LOCKED)
RETURNING job_id
"""


ARE_DUE = """
SELECT 1 FROM notifications
 WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= clock_timestamp() LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A mail that this worker may send, until its lease runs out."""

    job_id: UUID
    recipient: str = field(repr=False)
    content: dict[str, Any] = field(repr=False)
    created_at: datetime
    attempts: int  # this one included


def add(session: Session, job_id: UUID, *, recipient: str, content: Mapping[str, Any]) -> bool:
    """Note the mail about a job's end, due at once; False where the job has one, which stays as it is."""
    given = insert(Notification).values(job_id=job_id, recipient=recipient, content=dict(content))
    added = session.execute(given.on_conflict_do_nothing().returning(Notification.job_id))
    return added.first() is not None


def take_turn(session: Session) -> bool:
    """Whether nobody else sends mails now; holds the turn until the transaction ends.

    Guards workers, not mails: a mail server that answers slowly keeps one worker busy, not all.
    """
    took = session.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _SENDING_LOCK})
    return bool(took.scalar_one())


def are_due(session: Session) -> bool:
    """Whether a mail waits for being sent or given up."""
    return session.execute(text(ARE_DUE)).first() is not None


def claim(session: Session, *, lease_seconds: float) -> ClaimedMail | None:
    """Take the mail that has been due longest; None where none is."""
    claimed = session.execute(text(CLAIM), _spans(lease=lease_seconds))
    row = claimed.one_or_none()
    return None if row is None else ClaimedMail(**row._mapping)


def begin_handing_over(session: Session, mail: ClaimedMail, *, lease_seconds: float) -> None:
    """From the commit on, nobody else sends the mail. Raises LeaseLost where somebody else does."""
    begun = session.execute(text(BEGIN_HANDING_OVER), _of(mail) | _spans(lease=lease_seconds))
    if begun.first() is None:
        raise LeaseLost(f"The mail about job {mail.job_id} is no longer this worker's to send.")


def mark_sent(session: Session, mail: ClaimedMail) -> None:
    """The mail server took it."""
    session.execute(text(MARK_SENT), _of(mail))


def postpone(
    session: Session, mail: ClaimedMail, reason: str, *, wait_seconds: float, patience_seconds: float
) -> None:
    """It was not handed over: due again after the wait."""
    given = _of(mail) | {"reason": reason} | _spans(wait=wait_seconds, patience=patience_seconds)
    session.execute(text(POSTPONE), given)


def give_up(session: Session, mail: ClaimedMail, reason: str) -> None:
    """The mail will never be taken."""
    session.execute(text(GIVE_UP), _of(mail) | {"reason": reason})


def give_up_overdue(session: Session, *, patience_seconds: float, limit: int) -> list[UUID]:
    """Give up mails tried in vain for that long, and those cut off while being handed over.

    Returns the jobs they are about, at most `limit`.
    """
    given = {"unknown": UNKNOWN, "limit": limit} | _spans(patience=patience_seconds)
    return list(session.scalars(text(GIVE_UP_OVERDUE), given))


def _of(mail: ClaimedMail) -> dict[str, Any]:
    return {"job_id": mail.job_id, "attempts": mail.attempts}


def _spans(**seconds: float) -> dict[str, Any]:
    return {name: timedelta(seconds=value) for name, value in seconds.items()}
