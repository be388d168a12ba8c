"""Who takes which block of an import next.

A claim holds the import's row, so that of two at once the second finds what the first has taken.
"""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.bounds import Bounds
from shared.db import giving_back, long_jobs, maintenance, sessions
from shared.db.committing import on_commit
from shared.db.leases import Lease
from shared.db.takeable import IMPORT_TAKEABLE, LOCK_SERVICE, NEXT_BLOCK
from shared.db.transition import move
from shared.instructions import Checkpoint
from shared.lifecycle import RUNNABLE, Event, Status
from shared.metrics import metrics
from shared.templates.budget import Spent

_log = structlog.get_logger()

LOCK_IMPORT = """
SELECT id, service_id, status, collection_id, strategies, is_ordered, reading, started_at,
       rendered_items, rendering_seconds, request_id, traceparent
  FROM imports
 WHERE id = :import_id AND status = ANY(:runnable)
   FOR NO KEY UPDATE
"""

NEXT = f"""
SELECT b.number, b.size_bytes, b.suspicions, b.worker, b.leased_until IS NOT NULL AS leased
  FROM imports i
  {NEXT_BLOCK}
 WHERE i.id = :import_id AND {IMPORT_TAKEABLE}
"""  # noqa: S608 - of constants

CLAIM = """
UPDATE blocks
   SET epoch = epoch + 1, attempts = attempts + 1, worker = :worker,
       suspicions = suspicions + CASE WHEN leased_until IS NULL THEN 0 ELSE 1 END,
       leased_until = clock_timestamp() + :lease, leasing_service_id = :service_id
 WHERE import_id = :import_id AND number = :number
RETURNING number, epoch, attempts, storage_key, size_bytes, sha256, checkpoint_offset, checkpoint_line,
          traceparent
"""

# That of a worker that died, when nobody is to follow it.
FORGET_LEASE = """
UPDATE blocks SET leased_until = NULL, leasing_service_id = NULL
 WHERE import_id = :import_id AND number = :number
"""

# The time for which an import was paused is no time for which it failed.
BEGIN_PATIENCE = """
UPDATE blocks SET failing_since = NULL, attempts = 0
 WHERE import_id = :import_id AND finished_at IS NULL AND failing_since IS NOT NULL
"""


def claim(
    session: Session, import_id: int, *, worker: str, lease_seconds: float, attempts: int, bounds: Bounds
) -> Lease | None:
    """Take the import's next block, if it has one that is free and due, and there is room for it.

    Effects: the import runs from now on; completes when no block is left; fails when as many workers
    as `attempts` died over the block without reaching a checkpoint. Calling twice is safe: the second
    caller finds the block held. During maintenance there is nothing to take.
    """
    maintenance.put_off(session)
    owner = session.execute(
        text(LOCK_IMPORT), {"import_id": import_id, "runnable": sorted(RUNNABLE)}
    ).one_or_none()
    block = None if owner is None else _next(session, owner, bounds)
    if owner is None or block is None:
        return None
    if block.number is None:
        _run(session, owner)
        move(session, import_id, Event.COMPLETE)
        return None
    if block.leased:
        _give_up_worker(session, import_id, block, silence_seconds=lease_seconds / 2)
    if block.suspicions + int(block.leased) >= attempts:
        session.execute(text(FORGET_LEASE), {"import_id": import_id, "number": block.number})
        move(session, import_id, Event.FAIL)
        return None
    _run(session, owner)
    given = {
        "import_id": import_id,
        "number": block.number,
        "service_id": owner.service_id,
        "worker": worker,
        "lease": timedelta(seconds=lease_seconds),
    }
    return _lease(owner, session.execute(text(CLAIM), given).one())


def _next(session: Session, owner: Row[Any], bounds: Bounds) -> Row[Any] | None:
    given = asdict(bounds) | {"import_id": owner.id}
    found = session.execute(text(NEXT), given).one_or_none()
    if found is None or not _needs_room_in_service(found, bounds):
        return found
    session.execute(text(LOCK_SERVICE), {"service_id": owner.service_id})
    return session.execute(text(NEXT), given).one_or_none()


def _needs_room_in_service(block: Row[Any], bounds: Bounds) -> bool:
    if block.number is None:
        return False
    return bounds.service_workers is not None or long_jobs.is_long(block.number, block.size_bytes)


def _run(session: Session, owner: Row[Any]) -> None:
    if owner.status == Status.RESUMED:
        session.execute(text(BEGIN_PATIENCE), {"import_id": owner.id})
    if owner.status != Status.RUNNING:
        move(session, owner.id, Event.RUN)


def _give_up_worker(session: Session, import_id: int, block: Row[Any], *, silence_seconds: float) -> None:
    _log.warning("worker_lost", import_id=import_id, block=block.number, worker=block.worker)
    on_commit(session, metrics().leases_lost.inc)
    sessions.end_silent(session, block.worker, silence_seconds=silence_seconds)
    giving_back.count_failure(session, import_id, f"Its worker stopped while it held block {block.number}.")


def _lease(owner: Row[Any], claimed: Row[Any]) -> Lease:
    return Lease(
        import_id=owner.id,
        service_id=owner.service_id,
        collection_id=owner.collection_id,
        strategies=tuple(owner.strategies),
        is_ordered=owner.is_ordered,
        reading=owner.reading,
        import_started_at=owner.started_at,
        block_number=claimed.number,
        epoch=claimed.epoch,
        attempts=claimed.attempts,
        storage_key=claimed.storage_key,
        size_bytes=claimed.size_bytes,
        sha256=bytes(claimed.sha256),
        checkpoint=Checkpoint(claimed.checkpoint_offset, claimed.checkpoint_line),
        spent=Spent(owner.rendered_items, owner.rendering_seconds),
        request_id=owner.request_id,
        traceparent=owner.traceparent,
        uploaded_in=claimed.traceparent,
    )
