"""Mails that wait, and a look at what became of them. Time passes by moving what the rows remember."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from api.usecases.services import Service
from shared.db import notifications
from shared.db.models import BatchJob, Notification
from shared.ground import Ground
from tests.integration.builders import never
from tests.mails import a_report
from workers.notifying import notify


def a_due_mail(
    ground: Ground,
    service: Service,
    *,
    recipient: str = "joe@example.com",
    content: Any = None,
    **report: Any,
) -> UUID:
    """The id of a job that has ended and whose mail waits."""
    job_id = uuid4()
    with ground.database.begin() as session:
        session.add(BatchJob(id=job_id, service_id=service.id, kind="import"))
        session.flush()
        told = a_report(**report).as_json() if content is None else content
        assert notifications.add(session, job_id, recipient=recipient, content=told)
    return job_id


def run(ground: Ground) -> None:
    """What a worker does for one nudge."""
    notify(ground, should_stop=never)


def row(ground: Ground, job_id: UUID) -> Notification:
    with ground.database.begin() as session:
        return session.get_one(Notification, job_id)


def fate(ground: Ground, job_id: UUID) -> str:
    """Where the mail is, in a word."""
    found = row(ground, job_id)
    if found.sent_at is not None:
        return "sent"
    if found.given_up_at is not None:
        return "given up"
    return "being handed over" if found.sending_since is not None else "waiting"


def seconds_until_due(ground: Ground, job_id: UUID) -> float:
    found = "SELECT extract(epoch FROM due_at - clock_timestamp()) FROM notifications WHERE job_id = :job_id"
    with ground.database.begin() as session:
        return float(session.execute(text(found), {"job_id": job_id}).scalar_one())


def let_waits_pass(ground: Ground) -> None:
    """Time passes: every wait and lease is over."""
    _execute(ground, "UPDATE notifications SET due_at = clock_timestamp()")


def let_hours_pass(ground: Ground, hours: float) -> None:
    """Mails have been there that much longer, and every wait and lease is over."""
    _execute(ground, f"UPDATE notifications SET created_at = created_at - interval '{hours} hours'")
    let_waits_pass(ground)


def empty(ground: Ground) -> None:
    """No mail of an earlier test waits."""
    _execute(ground, "DELETE FROM notifications")


def delete_job(ground: Ground, job_id: UUID) -> None:
    with ground.database.begin() as session:
        session.execute(text("DELETE FROM batch_jobs WHERE id = :job_id"), {"job_id": job_id})


def _execute(ground: Ground, statement: str) -> None:
    with ground.database.begin() as session:
        session.execute(text(statement))
