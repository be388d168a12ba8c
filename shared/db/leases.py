"""Who works on which block: claim, checkpoint, release.

All of it is guarded by the block's epoch and the database's clock. Whoever touches an import and
one of its blocks locks the import first, so that no two transactions wait for each other.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.db import long_jobs, maintenance, sessions
from shared.db.retention import end_keeping
from shared.db.transition import move
from shared.errors import LeaseLost
from shared.instructions import Checkpoint, Tally
from shared.lifecycle import RUNNABLE, Event, Status
from shared.retries import Retries
from shared.templates.budget import Spent

_log = structlog.get_logger()

LOCK_IMPORT = """
SELECT id, service_id, status, collection_id, strategies, reading, started_at,
       rejected_documents, unkept_rejections, rendered_items, rendering_seconds
  FROM imports
 WHERE id = :import_id AND status = ANY(:runnable) AND NOT EXISTS (SELECT FROM maintenance)
   FOR NO KEY UPDATE
"""

LOCK_ANY_IMPORT = "SELECT id FROM imports WHERE id = :import_id FOR NO KEY UPDATE"

# Blocks are applied in order: only the first unfinished one may be claimed.
FIRST_UNFINISHED = """
SELECT number, size_bytes, suspicions, worker, leased_until IS NOT NULL AS leased,
       leased_until > clock_timestamp() AS held, due_at > clock_timestamp() AS early
  FROM blocks
 WHERE import_id = :import_id AND finished_at IS NULL
 ORDER BY number LIMIT 1
"""

CLAIM = """
UPDATE blocks
   SET epoch = epoch + 1, attempts = attempts + 1, worker = :worker,
       suspicions = suspicions + CASE WHEN leased_until IS NULL THEN 0 ELSE 1 END,
       leased_until = clock_timestamp() + :lease, leasing_service_id = :service_id
 WHERE import_id = :import_id AND number = :number
RETURNING number, epoch, attempts, storage_key, size_bytes, sha256, checkpoint_offset, checkpoint_line
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

COUNT_FAILURE = """
UPDATE imports SET failure_count = failure_count + 1, last_error = :reason WHERE id = :import_id
"""

KEEP_REASON = "UPDATE imports SET last_error = :reason WHERE id = :import_id"

# The fence: nothing of a batch is committed unless the import still runs and the epoch is still ours.
CHECKPOINT = """
WITH counted AS (
    UPDATE imports
       SET created_documents = created_documents + :created,
           updated_documents = updated_documents + :updated,
           deleted_documents = deleted_documents + :deleted,
           skipped_documents = skipped_documents + :skipped,
           rejected_documents = rejected_documents + :rejected,
           unkept_rejections = unkept_rejections + :unkept,
           applied_bytes = applied_bytes + :bytes
     WHERE id = :import_id AND status = 'running'
    RETURNING id
)
UPDATE blocks
   SET checkpoint_offset = :offset, checkpoint_line = :line_number,
       attempts = 0, suspicions = 0, failing_since = NULL,
       leased_until = CASE WHEN :finished THEN NULL ELSE clock_timestamp() + :lease END,
       leasing_service_id = CASE WHEN NOT :finished THEN leasing_service_id END,
       finished_at = CASE WHEN :finished THEN clock_timestamp() END
  FROM counted
 WHERE import_id = counted.id AND number = :number AND epoch = :epoch
RETURNING number
"""

# A heartbeat may come after the batch that finished the block: there is nothing left to hold then.
RENEW = """
UPDATE blocks b SET leased_until = CASE WHEN b.finished_at IS NULL THEN clock_timestamp() + :lease END
  FROM imports i
 WHERE b.import_id = :import_id AND b.number = :number AND b.epoch = :epoch
   AND i.id = b.import_id AND i.status = 'running'
RETURNING b.number
"""

UNFINISHED = "SELECT 1 FROM blocks WHERE import_id = :import_id AND finished_at IS NULL LIMIT 1"

RELEASE = """
UPDATE blocks
   SET leased_until = NULL, leasing_service_id = NULL, attempts = 0
 WHERE import_id = :import_id AND number = :number AND epoch = :epoch
RETURNING number
"""

# An attempt that reached a checkpoint before it broke counts as the first since then.
GIVE_UP = """
UPDATE blocks
   SET leased_until = NULL, leasing_service_id = NULL, attempts = greatest(attempts, 1),
       suspicions = suspicions + :suspicions,
       failing_since = coalesce(failing_since, clock_timestamp())
 WHERE import_id = :import_id AND number = :number AND epoch = :epoch
RETURNING suspicions, attempts,
          extract(epoch FROM clock_timestamp() - failing_since)::float8 AS failing_seconds
"""

WAIT = """
UPDATE blocks SET due_at = clock_timestamp() + :pause
 WHERE import_id = :import_id AND number = :number AND epoch = :epoch
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's time-limited claim on a block, and what it needs to apply it."""

    import_id: int
    service_id: int
    collection_id: int
    strategies: tuple[str, ...]
    reading: dict[str, Any] | None  # how lines become instructions; None: the Datastore API's NDJSON
    import_started_at: datetime
    rejected_before: int  # lines of the import, in the blocks and batches applied so far
    unkept_before: int  # of these, the ones that are not kept
    block_number: int  # from 1; 0 is a file to be cut into blocks
    epoch: int
    attempts: int  # this one included, since the last checkpoint
    storage_key: str
    size_bytes: int
    sha256: bytes
    checkpoint: Checkpoint
    spent: Spent  # by renderings of the import's template, whoever had them done


def claim(
    session: Session,
    import_id: int,
    *,
    worker: str,
    lease_seconds: float,
    attempts: int,
    long_jobs_at_once: int,
) -> Lease | None:
    """Take the import's next block, if it has one that is free and due.

    A large file is left while its data service has `long_jobs_at_once` long jobs at work.

    Effects: the import runs from now on; completes when no block is left; fails when as many workers
    as `attempts` died over the block without reaching a checkpoint. Calling twice is safe: the second
    caller finds the block held. During maintenance there is nothing to take.
    """
    maintenance.put_off(session)
    owner = session.execute(
        text(LOCK_IMPORT), {"import_id": import_id, "runnable": sorted(RUNNABLE)}
    ).one_or_none()
    if owner is None:
        return None
    block = session.execute(text(FIRST_UNFINISHED), {"import_id": import_id}).one_or_none()
    if block is None:
        _run(session, owner)
        move(session, import_id, Event.COMPLETE)
        return None
    if not _is_free(session, block, owner.service_id, long_jobs_at_once):
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


def _run(session: Session, owner: Row[Any]) -> None:
    if owner.status == Status.RESUMED:
        session.execute(text(BEGIN_PATIENCE), {"import_id": owner.id})
    if owner.status != Status.RUNNING:
        move(session, owner.id, Event.RUN)


def _give_up_worker(session: Session, import_id: int, block: Row[Any], *, silence_seconds: float) -> None:
    _log.warning("worker_lost", import_id=import_id, block=block.number, worker=block.worker)
    sessions.end_silent(session, block.worker, silence_seconds=silence_seconds)
    _count_failure(session, import_id, f"Its worker stopped while it held block {block.number}.")


def _lease(owner: Row[Any], claimed: Row[Any]) -> Lease:
    return Lease(
        import_id=owner.id,
        service_id=owner.service_id,
        collection_id=owner.collection_id,
        strategies=tuple(owner.strategies),
        reading=owner.reading,
        import_started_at=owner.started_at,
        rejected_before=owner.rejected_documents,
        unkept_before=owner.unkept_rejections,
        block_number=claimed.number,
        epoch=claimed.epoch,
        attempts=claimed.attempts,
        storage_key=claimed.storage_key,
        size_bytes=claimed.size_bytes,
        sha256=bytes(claimed.sha256),
        checkpoint=Checkpoint(claimed.checkpoint_offset, claimed.checkpoint_line),
        spent=Spent(owner.rendered_items, owner.rendering_seconds),
    )


def _is_free(session: Session, block: Row[Any], service_id: int, long_jobs_at_once: int) -> bool:
    if block.held or block.early:
        return False
    if not long_jobs.is_long(block.number, block.size_bytes):
        return True
    return long_jobs.make_sure_of_room(session, service_id, at_once=long_jobs_at_once)


def commit_without_waiting(session: Session) -> None:
    """Let COMMIT return before the log is on disk.

    Safe for a batch in the middle of a block: a crash loses documents and checkpoint together, and
    the batch is applied again.
    """
    session.execute(text("SET LOCAL synchronous_commit = off"))


def renew(session: Session, lease: Lease, *, lease_seconds: float) -> None:
    """Keep the block while a batch takes long. Raises LeaseLost where it may not be applied any longer."""
    given = _fence(lease) | {"lease": timedelta(seconds=lease_seconds)}
    if session.execute(text(RENEW), given).first() is None:
        raise LeaseLost(f"Block {lease.block_number} is no longer this worker's to apply.")


def checkpoint(
    session: Session,
    lease: Lease,
    tally: Tally,
    *,
    end: Checkpoint,
    applied_bytes: int,
    is_finished: bool,
    lease_seconds: float,
) -> None:
    """Note that the block is applied up to `end`, and count; finish block and import at their ends.

    Belongs into the transaction that applied the batch, as its last statement: it holds the
    import's row until COMMIT. Raises LeaseLost when this worker may no longer commit.
    """
    given = {
        "import_id": lease.import_id,
        "number": lease.block_number,
        "epoch": lease.epoch,
        "bytes": applied_bytes,
        "offset": end.offset,
        "line_number": end.line_number,
        "finished": is_finished,
        "lease": timedelta(seconds=lease_seconds),
    }
    if session.execute(text(CHECKPOINT), given | asdict(tally)).one_or_none() is None:
        raise LeaseLost(f"Block {lease.block_number} is no longer this worker's to apply.")
    if is_finished and session.execute(text(UNFINISHED), {"import_id": lease.import_id}).first() is None:
        move(session, lease.import_id, Event.COMPLETE)


def release(session: Session, lease: Lease) -> None:
    """Give the block back, due at once: the import was paused or canceled, or the worker goes home."""
    session.execute(text(LOCK_ANY_IMPORT), {"import_id": lease.import_id})
    session.execute(text(RELEASE), _fence(lease))
    move(session, lease.import_id, Event.LET_GO)


def reject(session: Session, lease: Lease, reason: str) -> None:
    """The import cannot go on as it was asked for: end it as rejected, and keep nothing of its file.

    Raises LeaseLost.
    """
    session.execute(text(LOCK_ANY_IMPORT), {"import_id": lease.import_id})
    if session.execute(text(RELEASE), _fence(lease)).first() is None:
        raise LeaseLost(f"Block {lease.block_number} is no longer this worker's to apply.")
    session.execute(text(KEEP_REASON), {"import_id": lease.import_id, "reason": reason})
    if move(session, lease.import_id, Event.REJECT):
        end_keeping(session, lease.import_id)


def give_up(session: Session, lease: Lease, reason: str, retries: Retries, *, is_suspicious: bool) -> None:
    """Give the block back after a critical failure, due after a pause that grows with each attempt.

    Where `retries` are over, the import ends as failed, with the reason kept. A suspicious failure points
    at the block itself; any other at the world around it.
    """
    session.execute(text(LOCK_ANY_IMPORT), {"import_id": lease.import_id})
    given = _fence(lease) | {"suspicions": int(is_suspicious)}
    failing = session.execute(text(GIVE_UP), given).mappings().one_or_none()
    if failing is None:
        return
    _count_failure(session, lease.import_id, reason)
    if retries.are_over(**failing):
        move(session, lease.import_id, Event.FAIL)
    else:
        session.execute(text(WAIT), _fence(lease) | {"pause": retries.pause(failing["attempts"])})


def _fence(lease: Lease) -> dict[str, object]:
    return {"import_id": lease.import_id, "number": lease.block_number, "epoch": lease.epoch}


def _count_failure(session: Session, import_id: int, reason: str) -> None:
    session.execute(text(COUNT_FAILURE), {"import_id": import_id, "reason": reason})
