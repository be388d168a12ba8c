"""What a worker does with a block that it has taken: keep it, note how far it is, give it back.

All of it is guarded by the block's epoch and the database's clock. Whoever touches an import and
one of its blocks locks the import first, so that no two transactions wait for each other.
`shared.db.claims` tells how it is taken.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.retention import end_keeping
from shared.db.transition import move
from shared.errors import LeaseLost
from shared.instructions import Checkpoint, Tally
from shared.lifecycle import Event
from shared.retries import Retries
from shared.templates.budget import Spent

LOCK_ANY_IMPORT = "SELECT id FROM imports WHERE id = :import_id FOR NO KEY UPDATE"

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

# Of an import whose order does not matter, other workers may hold other blocks.
HELD = """
SELECT 1 FROM blocks
 WHERE leasing_service_id = :service_id AND import_id = :import_id AND leased_until > clock_timestamp()
 LIMIT 1
"""

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
    is_ordered: bool  # nobody else has a block of the import; else others may
    reading: dict[str, Any] | None  # how lines become instructions; None: the Datastore API's NDJSON
    import_started_at: datetime
    block_number: int  # from 1; 0 is a file to be cut into blocks
    epoch: int
    attempts: int  # this one included, since the last checkpoint
    storage_key: str
    size_bytes: int
    sha256: bytes
    checkpoint: Checkpoint
    spent: Spent  # by renderings of the import's template, whoever had them done


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
    given = {"import_id": lease.import_id, "service_id": lease.service_id}
    if session.execute(text(HELD), given).first() is None:
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
    count_failure(session, lease.import_id, reason)
    if retries.are_over(**failing):
        move(session, lease.import_id, Event.FAIL)
    else:
        session.execute(text(WAIT), _fence(lease) | {"pause": retries.pause(failing["attempts"])})


def count_failure(session: Session, import_id: int, reason: str) -> None:
    """Note a critical failure of the import, which the caller holds."""
    session.execute(text(COUNT_FAILURE), {"import_id": import_id, "reason": reason})


def _fence(lease: Lease) -> dict[str, object]:
    return {"import_id": lease.import_id, "number": lease.block_number, "epoch": lease.epoch}
