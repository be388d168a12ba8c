"""A worker of the first schema: its statements as they were then, kept to be run on every later one.

Never brought up to date: this is what goes on working while a release that it does not know migrates.
"""

from collections.abc import Sequence
from io import BytesIO

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.database import Database
from shared.storage.receipts import StoredBytes

ADD_IMPORT = """
WITH service AS (INSERT INTO data_services (name) VALUES (:name) RETURNING id),
collection AS (
    INSERT INTO collections (service_id, path) SELECT id, '/contacts' FROM service RETURNING id, service_id
)
INSERT INTO imports (service_id, collection_id, strategies)
SELECT service_id, id, '{create,update}' FROM collection
RETURNING id, collection_id
"""

REGISTER_BLOCK = """
WITH numbered AS (
    UPDATE imports SET block_count = block_count + 1, total_bytes = total_bytes + :size_bytes
     WHERE id = :import_id AND status = 'configuring' RETURNING id, block_count
)
INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key)
SELECT id, block_count, :size_bytes, :sha256, :storage_key FROM numbered
"""

MOVE = """
WITH moved AS (
    UPDATE imports
       SET status = :to_status,
           started_at = CASE WHEN :event = 'start' THEN now() ELSE started_at END,
           ran_at = CASE WHEN :event = 'run' THEN coalesce(ran_at, now()) ELSE ran_at END,
           ended_at = CASE WHEN :event = 'complete' THEN now() END
     WHERE id = :import_id AND status = ANY(:sources) RETURNING id
)
INSERT INTO import_events (import_id, event, to_status) SELECT id, :event, :to_status FROM moved
RETURNING id
"""

DUE = """
SELECT i.id
  FROM imports i
  LEFT JOIN LATERAL (
      SELECT number, leased_until, due_at FROM blocks b
       WHERE b.import_id = i.id AND b.finished_at IS NULL
       ORDER BY number LIMIT 1
  ) b ON true
 WHERE i.status IN ('started', 'running', 'resumed')
   AND (b.number IS NULL OR b.due_at <= clock_timestamp())
   AND (b.leased_until IS NULL OR b.leased_until <= clock_timestamp())
 ORDER BY i.id LIMIT 1000
"""

LOCK_IMPORT = """
SELECT id, status, collection_id, strategies, started_at FROM imports
 WHERE id = :import_id AND status = ANY('{started,running,resumed}')
   FOR NO KEY UPDATE
"""

FIRST_UNFINISHED = """
SELECT number, attempts, worker, leased_until IS NOT NULL AS leased,
       leased_until > clock_timestamp() AS held, due_at > clock_timestamp() AS early
  FROM blocks
 WHERE import_id = :import_id AND finished_at IS NULL
 ORDER BY number LIMIT 1
"""

CLAIM = """
UPDATE blocks
   SET epoch = epoch + 1, attempts = attempts + 1, worker = :worker,
       leased_until = clock_timestamp() + interval '1 minute'
 WHERE import_id = :import_id AND number = :number
RETURNING number, epoch, attempts, storage_key, size_bytes, sha256, checkpoint_offset, checkpoint_line
"""

CREATE_STAGED = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    collection_id integer NOT NULL,
    documentid text COLLATE "C" NOT NULL,
    properties jsonb NOT NULL
) ON COMMIT DELETE ROWS
"""

CREATE_AND_UPDATE = """
WITH written AS (
    INSERT INTO documents AS d (collection_id, documentid, properties)
    SELECT collection_id, documentid, properties FROM staged
    ON CONFLICT (collection_id, documentid) DO UPDATE
       SET properties = d.properties || excluded.properties
     WHERE d.properties || excluded.properties IS DISTINCT FROM d.properties
    RETURNING d.xmax = 0 AS created
)
SELECT count(*) FROM written WHERE created
"""

REJECT = """
INSERT INTO rejections
    (import_id, block_number, line_number, line_offset, line_length, documentid, code, reason)
VALUES (:import_id, :number, 99, 0, 1, NULL, 'not_an_object', 'Not a JSON object.')
"""

CHECKPOINT = """
WITH counted AS (
    UPDATE imports
       SET created_documents = created_documents + :created,
           updated_documents = updated_documents + :updated,
           deleted_documents = deleted_documents + :deleted,
           skipped_documents = skipped_documents + :skipped,
           rejected_documents = rejected_documents + :rejected,
           applied_bytes = applied_bytes + :bytes
     WHERE id = :import_id AND status = 'running'
    RETURNING id
)
UPDATE blocks
   SET checkpoint_offset = :offset, checkpoint_line = :line_number, attempts = 0,
       leased_until = CASE WHEN :finished THEN NULL ELSE clock_timestamp() + interval '1 minute' END,
       finished_at = CASE WHEN :finished THEN clock_timestamp() END
  FROM counted
 WHERE import_id = counted.id AND number = :number AND epoch = :epoch
RETURNING number
"""

UNFINISHED = "SELECT 1 FROM blocks WHERE import_id = :import_id AND finished_at IS NULL LIMIT 1"


class EarlierWorker:
    """One worker and the API beside it, on one import."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.import_id = self.collection_id = self._number = self._epoch = self._size_bytes = 0

    def start(self, service_name: str, *blocks: StoredBytes) -> None:
        """A new import with these blocks, started."""
        with self._database.begin() as session:
            added = session.execute(text(ADD_IMPORT), {"name": service_name}).one()
            self.import_id, self.collection_id = added
            for stored in blocks:
                block = {"size_bytes": stored.size_bytes, "sha256": stored.sha256, "storage_key": stored.key}
                session.execute(text(REGISTER_BLOCK), self._with(**block))
            self._move(session, "start", "started", "configuring")

    def claim(self) -> None:
        """Take the next block, as soon as the sweep would nudge for it."""
        with self._database.begin() as session:
            assert self.import_id in session.scalars(text(DUE)).all()
            owner = session.execute(text(LOCK_IMPORT), self._with()).one()
            block = session.execute(text(FIRST_UNFINISHED), self._with()).one()
            assert not block.held
            assert not block.early
            if owner.status != "running":
                self._move(session, "run", "running", "started", "resumed")
            claimed = session.execute(text(CLAIM), self._with(number=block.number, worker="old:1")).one()
            self._number, self._epoch = claimed.number, claimed.epoch
            self._size_bytes = claimed.size_bytes

    def apply(self, documentids: Sequence[str], *, created: int, is_finished: bool, is_direct: bool) -> None:
        """One batch, up to the middle of the block or to its end, where there is a rejection, too.

        The end of the last block completes the import.
        """
        with self._database.begin() as session:
            self._write(session, documentids, is_direct=is_direct)
            if is_finished:
                session.execute(text(REJECT), self._with(number=self._number))
            counted = {"created": created, "updated": len(documentids) - created, "deleted": 0, "skipped": 0}
            half = self._size_bytes // 2
            end = {"offset": self._size_bytes if is_finished else half, "line_number": 1, "bytes": half}
            fence = {"number": self._number, "epoch": self._epoch, "finished": is_finished}
            given = self._with(**counted, **end, **fence, rejected=int(is_finished))
            session.execute(text(CHECKPOINT), given).one()
            if is_finished and session.execute(text(UNFINISHED), self._with()).first() is None:
                self._move(session, "complete", "complete", "running")

    def _write(self, session: Session, documentids: Sequence[str], *, is_direct: bool) -> None:
        table = "documents" if is_direct else "staged"
        session.execute(text(CREATE_STAGED))
        rows = "".join(f'{self.collection_id}\t{documentid}\t{{"a": 1}}\n' for documentid in documentids)
        with session.connection().connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY {table} (collection_id, documentid, properties) FROM STDIN", BytesIO(rows.encode())
            )
        if not is_direct:
            session.execute(text(CREATE_AND_UPDATE)).scalar_one()

    def _move(self, session: Session, event: str, to_status: str, *sources: str) -> None:
        given = self._with(event=event, to_status=to_status, sources=list(sources))
        session.execute(text(MOVE), given).one()

    def _with(self, **given: object) -> dict[str, object]:
        return {"import_id": self.import_id, **given}
