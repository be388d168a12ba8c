"""What a worker does with a block that it has taken: keep it, and note how far it is.

All of it is guarded by the block's epoch and the database's clock. Whoever touches an import and
one of its blocks locks the import first, so that no two transactions wait for each other.
`shared.db.claims` tells how it is taken, `shared.db.giving_back` how it is given back.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.transition import move
from shared.errors import LeaseLost
from shared.instructions import Checkpoint, Tally
from shared.lifecycle import Event
from shared.storage.receipts import StoredBytes
from shared.templates.budget import Spent

# The fence: nothing of a batch is committed unless the import still runs, the epoch is still ours, and the
# block stands where the batch begins. Behind a pooler a worker may outlive a server that lost a batch which
# had not waited for the disk.
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
 WHERE import_id = counted.id AND number = :number AND epoch = :epoch AND checkpoint_offset = :begin
RETURNING number
"""

# Lets COMMIT return before the log is on disk. Safe in the middle of a block: a crash loses documents and
# checkpoint together, and the batch is applied again. What is cut out of a file lies beside the database.
DO_NOT_WAIT = "SET LOCAL synchronous_commit = off;"

# A heartbeat may come after the batch that finished the block: there is nothing left to hold then.
RENEW = """
UPDATE blocks b SET leased_until = CASE WHEN b.finished_at IS NULL THEN clock_timestamp() + :lease END
  FROM imports i
 WHERE b.import_id = :import_id AND b.number = :number AND b.epoch = :epoch
   AND i.id = b.import_id AND i.status = 'running'
RETURNING b.number
"""

UNFINISHED = "SELECT 1 FROM blocks WHERE import_id = :import_id AND finished_at IS NULL LIMIT 1"


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
    request_id: str | None  # of who set the import going
    traceparent: str | None  # of the same request
    uploaded_in: str | None  # the traceparent of the upload

    @property
    def stored(self) -> StoredBytes:
        return StoredBytes(self.storage_key, self.size_bytes, self.sha256)

    def fence(self) -> dict[str, object]:
        """Which block in which epoch, as statements name them."""
        return {"import_id": self.import_id, "number": self.block_number, "epoch": self.epoch}


def renew(session: Session, lease: Lease, *, lease_seconds: float) -> None:
    """Keep the block while a batch takes long. Raises LeaseLost where it may not be applied any longer."""
    given = lease.fence() | {"lease": timedelta(seconds=lease_seconds)}
    if session.execute(text(RENEW), given).first() is None:
        raise LeaseLost(f"Block {lease.block_number} is no longer this worker's to apply.")


def checkpoint(
    session: Session,
    lease: Lease,
    tally: Tally,
    *,
    begin: Checkpoint,
    end: Checkpoint,
    is_finished: bool,
    lease_seconds: float,
) -> None:
    """Note that the block is applied from `begin` to `end`, and count; finish block and import at their ends.

    Belongs into the transaction that applied the batch, as its last statement: it holds the
    import's row until COMMIT. Raises LeaseLost when this worker may no longer commit.
    """
    given = {
        "import_id": lease.import_id,
        "number": lease.block_number,
        "epoch": lease.epoch,
        # A file's checkpoint counts blocks.
        "bytes": end.offset - begin.offset if lease.block_number else 0,
        "begin": begin.offset,
        "offset": end.offset,
        "line_number": end.line_number,
        "finished": is_finished,
        "lease": timedelta(seconds=lease_seconds),
    }
    waits = is_finished or not lease.block_number
    statement = CHECKPOINT if waits else DO_NOT_WAIT + CHECKPOINT
    if session.execute(text(statement), given | asdict(tally)).one_or_none() is None:
        raise LeaseLost(f"Block {lease.block_number} is no longer this worker's to apply.")
    if is_finished and session.execute(text(UNFINISHED), {"import_id": lease.import_id}).first() is None:
        move(session, lease.import_id, Event.COMPLETE)
