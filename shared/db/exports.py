"""Export rows: who works on them, how far they are, and how they end.

An export is not resumed but begun again, since each attempt writes one consistent snapshot. Its epoch keeps
an attempt that lost its lease from saying anything more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared import request_ids, tracing
from shared.bounds import Bounds
from shared.db import maintenance
from shared.db.long_jobs import LOCK_SERVICE_OF_EXPORT
from shared.db.models import Export, ExportFile
from shared.db.takeable import EXPORT_TAKEABLE
from shared.errors import LeaseLost
from shared.links import make_key
from shared.retries import Retries
from shared.templates.budget import Spent

# Attempts that end with their worker say nothing: they are counted when the next one begins.
LAST_ATTEMPT_DIED = """
UPDATE exports
   SET status = 'failed', ended_at = now(), failure_count = failure_count + 1,
       last_error = 'Its worker stopped while it wrote the files.'
 WHERE id = :export_id AND status = 'processing'
   AND suspicions + 1 >= :attempts AND leased_until <= clock_timestamp()
RETURNING id
"""

CLAIM = f"""
UPDATE exports e
   SET status = 'processing', epoch = epoch + 1, attempts = attempts + 1, worker = :worker, records = 0,
       suspicions = suspicions + CASE WHEN leased_until IS NULL THEN 0 ELSE 1 END,
       ran_at = coalesce(ran_at, now()), leased_until = clock_timestamp() + :lease,
       failure_count = failure_count + CASE WHEN leased_until IS NULL THEN 0 ELSE 1 END,
       last_error = CASE WHEN leased_until IS NULL THEN last_error
                         ELSE 'Its worker stopped while it wrote the files.' END
 WHERE id = :export_id AND {EXPORT_TAKEABLE}
RETURNING id, service_id, collection_id, selection, rendering, epoch, cleared_epoch, attempts,
          rendered_items, rendering_seconds, request_id, traceparent
"""  # noqa: S608 - of constants

# Also how a worker learns that it is to stop: an export that is being canceled gives no row. Who gets further
# than all before was not stopped by what stopped them.
PROGRESS = """
UPDATE exports
   SET records = :records, leased_until = clock_timestamp() + :lease,
       furthest_records = greatest(furthest_records, :records),
       attempts = CASE WHEN :records > furthest_records THEN 0 ELSE attempts END,
       suspicions = CASE WHEN :records > furthest_records THEN 0 ELSE suspicions END,
       failing_since = CASE WHEN :records > furthest_records THEN NULL ELSE failing_since END
 WHERE id = :export_id AND epoch = :epoch AND status = 'processing'
RETURNING id
"""

NOTE_CLEARED = """
UPDATE exports SET cleared_epoch = :epoch - 1
 WHERE id = :export_id AND epoch = :epoch AND status = 'processing'
RETURNING id
"""

NOTE_TOTAL = """
UPDATE exports SET total_records = :total
 WHERE id = :export_id AND epoch = :epoch AND status = 'processing'
RETURNING id
"""

RELEASE = """
UPDATE exports SET leased_until = NULL, attempts = 0
 WHERE id = :export_id AND epoch = :epoch AND status = 'processing'
"""

END = """
UPDATE exports
   SET status = :status, ended_at = now(), leased_until = NULL, last_error = coalesce(:reason, last_error),
       records = coalesce(:records, records), expires_at = now() + CAST(:lifetime AS interval)
 WHERE id = :export_id AND epoch = :epoch AND status = 'processing'
RETURNING id
"""

# Without a lease it was said before, and only the answer was lost.
GIVE_UP = """
UPDATE exports
   SET leased_until = NULL, failure_count = failure_count + 1, last_error = :reason,
       attempts = greatest(attempts, 1),
       failing_since = coalesce(failing_since, clock_timestamp()), due_at = clock_timestamp() + :pause
 WHERE id = :export_id AND epoch = :epoch AND status = 'processing' AND leased_until IS NOT NULL
RETURNING suspicions, attempts,
          extract(epoch FROM clock_timestamp() - failing_since)::float8 AS failing_seconds
"""

# Canceled at once where nobody works on it, else as soon as its worker lets go or its lease runs out. A lease
# that an ended export still has is a dead worker's, and may have left files behind.
ASK_TO_CANCEL = """
UPDATE exports
   SET status = CASE WHEN leased_until > clock_timestamp() THEN 'canceling' ELSE 'canceled' END,
       ended_at = CASE WHEN leased_until > clock_timestamp() THEN NULL ELSE now() END
 WHERE id = :export_id AND status IN ('accepted', 'processing')
"""

CANCEL = """
UPDATE exports
   SET status = 'canceled', ended_at = now(),
       leased_until = CASE WHEN epoch = :epoch THEN NULL ELSE leased_until END
 WHERE id = :export_id AND status = 'canceling' AND (epoch = :epoch OR leased_until <= clock_timestamp())
RETURNING id
"""

MAY_WRITE = """
SELECT EXISTS (SELECT FROM exports
                WHERE id = :export_id AND epoch = :epoch AND status IN ('processing', 'canceling'))
"""


@dataclass(frozen=True, slots=True)
class ExportLease:
    """A worker's time-limited claim on an export, and what it is to write."""

    export_id: int
    service_id: int
    collection_id: int
    selection: dict[str, Any]
    rendering: dict[str, Any]
    epoch: int
    cleared_epoch: int  # no attempt up to that one has left files
    attempts: int
    spent: Spent  # by renderings of its template, in all attempts
    request_id: str | None  # of who asked for it
    traceparent: str | None  # of the same request


def add(
    session: Session,
    *,
    service_id: int,
    collection_id: int,
    selection: dict[str, Any],
    rendering: dict[str, Any],
) -> Export:
    """A new export, accepted."""
    row = Export(
        service_id=service_id,
        collection_id=collection_id,
        selection=selection,
        rendering=rendering,
        link_key=make_key(),
        request_id=request_ids.current(),
        traceparent=tracing.traceparent(),
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return row


def fail_if_exhausted(session: Session, export_id: int, *, attempts: int) -> bool:
    """Whether this ended an export whose worker died in the last of so many attempts."""
    given = {"export_id": export_id, "attempts": attempts}
    return session.execute(text(LAST_ATTEMPT_DIED), given).one_or_none() is not None


def claim(
    session: Session, export_id: int, *, worker: str, lease_seconds: float, bounds: Bounds
) -> ExportLease | None:
    """Take the export, if it is free and due and its data service has room for it.

    None where it is not so, and during maintenance.
    """
    maintenance.put_off(session)
    session.execute(text(LOCK_SERVICE_OF_EXPORT), {"export_id": export_id})
    given = asdict(bounds) | {
        "export_id": export_id,
        "worker": worker,
        "lease": timedelta(seconds=lease_seconds),
    }
    claimed = session.execute(text(CLAIM), given).one_or_none()
    if claimed is None:
        return None
    return ExportLease(
        export_id=claimed.id,
        service_id=claimed.service_id,
        collection_id=claimed.collection_id,
        selection=claimed.selection,
        rendering=claimed.rendering,
        epoch=claimed.epoch,
        cleared_epoch=claimed.cleared_epoch,
        attempts=claimed.attempts,
        spent=Spent(claimed.rendered_items, claimed.rendering_seconds),
        request_id=claimed.request_id,
        traceparent=claimed.traceparent,
    )


def note_cleared(session: Session, lease: ExportLease) -> None:
    """Nothing is left of earlier attempts. Raises LeaseLost."""
    _ours(session, NOTE_CLEARED, lease, {})


def note_total(session: Session, lease: ExportLease, total: int) -> None:
    """How many documents there are to write. Raises LeaseLost."""
    _ours(session, NOTE_TOTAL, lease, {"total": total})


def release(session: Session, lease: ExportLease) -> None:
    """Give the export back, due at once: the worker goes home."""
    session.execute(text(RELEASE), _fence(lease))


def note_progress(session: Session, lease: ExportLease, *, records: int, lease_seconds: float) -> None:
    """Renew the lease. Raises LeaseLost where the export is canceled, gone or another worker's."""
    given = {"records": records, "lease": timedelta(seconds=lease_seconds)}
    _ours(session, PROGRESS, lease, given)


def complete(
    session: Session,
    lease: ExportLease,
    files: Iterable[ExportFile],
    *,
    records: int,
    lifetime: timedelta,
) -> None:
    """The export is complete, with these files, for that long. Raises LeaseLost."""
    given = {"status": "completed", "reason": None, "records": records, "lifetime": lifetime}
    _ours(session, END, lease, given)
    session.add_all(files)


def reject(session: Session, lease: ExportLease, reason: str) -> None:
    """The export cannot be done as it was asked for. Raises LeaseLost."""
    given = {"status": "rejected", "reason": reason, "records": None, "lifetime": None}
    _ours(session, END, lease, given)


def give_up(session: Session, lease: ExportLease, reason: str, retries: Retries) -> bool:
    """Note a critical failure; whether the export has failed for good, its retries being over.

    Safe to repeat: an attempt fails once.
    """
    given = _fence(lease) | {"reason": reason, "pause": retries.pause(lease.attempts)}
    failing = session.execute(text(GIVE_UP), given).mappings().one_or_none()
    if failing is None or not retries.are_over(**failing):
        return False
    ended = {"status": "failed", "reason": reason, "records": None, "lifetime": None}
    _ours(session, END, lease, ended)
    return True


def ask_to_cancel(session: Session, export_id: int) -> None:
    """Cancel it, or have its worker do so; nothing for one that has ended."""
    session.execute(text(ASK_TO_CANCEL), {"export_id": export_id})


def cancel(session: Session, export_id: int, *, epoch: int = -1) -> bool:
    """An export that is being canceled is: by the worker of this epoch, or when its lease ran out."""
    given = {"export_id": export_id, "epoch": epoch}
    return session.execute(text(CANCEL), given).one_or_none() is not None


def may_write(session: Session, export_id: int, epoch: int) -> bool:
    """Whether the attempt of this epoch may write. Where its lease ran out, nobody has taken over yet."""
    return bool(session.execute(text(MAY_WRITE), {"export_id": export_id, "epoch": epoch}).scalar_one())


def files(session: Session, export_id: int) -> Sequence[ExportFile]:
    """The export's files in order."""
    found = select(ExportFile).where(ExportFile.export_id == export_id).order_by(ExportFile.number)
    return session.scalars(found).all()


def _ours(session: Session, statement: str, lease: ExportLease, given: Mapping[str, object]) -> None:
    if session.execute(text(statement), {**_fence(lease), **given}).one_or_none() is None:
        raise LeaseLost(f"Export {lease.export_id} is no longer this worker's.")


def _fence(lease: ExportLease) -> dict[str, object]:
    return {"export_id": lease.export_id, "epoch": lease.epoch}
