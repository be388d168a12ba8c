"""How a block is given back before its end: in peace, with its import refused, or after a critical failure.

The import is locked first, as whoever touches it and one of its blocks does (`shared.db.leases`).
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.leases import Lease
from shared.db.retention import end_keeping
from shared.db.transition import move
from shared.errors import LeaseLost
from shared.lifecycle import Event
from shared.retries import Retries

LOCK_IMPORT = "SELECT id FROM imports WHERE id = :import_id FOR NO KEY UPDATE"

COUNT_FAILURE = """
UPDATE imports SET failure_count = failure_count + 1, last_error = :reason WHERE id = :import_id
"""

KEEP_REASON = "UPDATE imports SET last_error = :reason WHERE id = :import_id"

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

# An attempt that reached a checkpoint before it broke counts as the first since then. Without a lease there
# is nothing to give back: what ended the block, or said this before, took effect, and its answer was lost.
GIVE_UP = """
UPDATE blocks
   SET leased_until = NULL, leasing_service_id = NULL, attempts = greatest(attempts, 1),
       suspicions = suspicions + :suspicions,
       failing_since = coalesce(failing_since, clock_timestamp())
 WHERE import_id = :import_id AND number = :number AND epoch = :epoch AND leased_until IS NOT NULL
RETURNING suspicions, attempts,
          extract(epoch FROM clock_timestamp() - failing_since)::float8 AS failing_seconds
"""

WAIT = """
UPDATE blocks SET due_at = clock_timestamp() + :pause
 WHERE import_id = :import_id AND number = :number AND epoch = :epoch
"""


def release(session: Session, lease: Lease) -> None:
    """Give the block back, due at once: the import was paused or canceled, or the worker goes home."""
    session.execute(text(LOCK_IMPORT), {"import_id": lease.import_id})
    session.execute(text(RELEASE), lease.fence())
    given = {"import_id": lease.import_id, "service_id": lease.service_id}
    if session.execute(text(HELD), given).first() is None:
        move(session, lease.import_id, Event.LET_GO)


def reject(session: Session, lease: Lease, reason: str) -> None:
    """The import cannot go on as it was asked for: end it as rejected, and keep nothing of its file.

    Raises LeaseLost.
    """
    session.execute(text(LOCK_IMPORT), {"import_id": lease.import_id})
    if session.execute(text(RELEASE), lease.fence()).first() is None:
        raise LeaseLost(f"Block {lease.block_number} is no longer this worker's to apply.")
    session.execute(text(KEEP_REASON), {"import_id": lease.import_id, "reason": reason})
    if move(session, lease.import_id, Event.REJECT):
        end_keeping(session, lease.import_id)


def give_up(session: Session, lease: Lease, reason: str, retries: Retries, *, is_suspicious: bool) -> None:
    """Give the block back after a critical failure, due after a pause that grows with each attempt.

    Where `retries` are over, the import ends as failed, with the reason kept. A suspicious failure points
    at the block itself; any other at the world around it. Safe to repeat: an attempt fails once.
    """
    session.execute(text(LOCK_IMPORT), {"import_id": lease.import_id})
    given = lease.fence() | {"suspicions": int(is_suspicious)}
    failing = session.execute(text(GIVE_UP), given).mappings().one_or_none()
    if failing is None:
        return
    count_failure(session, lease.import_id, reason)
    if retries.are_over(**failing):
        move(session, lease.import_id, Event.FAIL)
    else:
        session.execute(text(WAIT), lease.fence() | {"pause": retries.pause(failing["attempts"])})


def count_failure(session: Session, import_id: int, reason: str) -> None:
    """Note a critical failure of the import, which the caller holds."""
    session.execute(text(COUNT_FAILURE), {"import_id": import_id, "reason": reason})
