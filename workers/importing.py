"""One block of an import from its checkpoint to its end, batch by batch.

Each batch is one transaction: documents, rejections, counters and checkpoint, under the block's
epoch. The import's status is looked at in each of these transactions.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import NamedTuple

import structlog

from shared.db import documents, leases, rejections
from shared.db.copying import encode
from shared.db.database import Session
from shared.db.leases import Lease
from shared.documentids import documentid_maker
from shared.errors import BatchRefused, ConflictOfTransactions, LeaseLost, LongshoreError
from shared.folding import fold
from shared.formats import ndjson
from shared.ground import Ground
from shared.instructions import Batch, Strategy, Tally
from shared.storage import reading
from workers.ahead import ahead

_log = structlog.get_logger()

CONFLICT_RETRIES = 5

ShouldStop = Callable[[], bool]


def run_import(ground: Ground, import_id: int, *, worker: str, should_stop: ShouldStop) -> None:
    """Apply the import's next block, then nudge for the one after it.

    Safe to call at any time and any number of times: without a block to take it does nothing.
    """
    with ground.database.begin() as session:
        lease = leases.claim(
            session,
            import_id,
            worker=worker,
            lease_seconds=ground.settings.lease_seconds,
            attempts=ground.settings.attempts,
        )
    if lease is None:
        return
    with structlog.contextvars.bound_contextvars(import_id=import_id, block=lease.block_number):
        _run_block(ground, lease, should_stop)


def _run_block(ground: Ground, lease: Lease, should_stop: ShouldStop) -> None:
    _log.info("block_claimed", epoch=lease.epoch, attempts=lease.attempts, line=lease.checkpoint.line_number)
    try:
        applied = BlockRun(ground, lease).apply(should_stop)
    except LeaseLost as lost:
        _log.info("block_left", reason=str(lost))
        # Paused, canceled, deleted, or taken over. If it is ours still, it is free from now on; if
        # the import was resumed meanwhile, that nudge met our lease and needs another.
        applied = False
    except LongshoreError as error:
        _log.error("block_failed", error=str(error), attempts=lease.attempts)
        with ground.database.begin() as session:
            leases.give_up(
                session,
                lease,
                str(error),
                attempts=ground.settings.attempts,
                retry_seconds=ground.settings.retry_seconds,
            )
        return
    if not applied:
        with ground.database.begin() as session:
            leases.release(session, lease)
    ground.dispatcher.nudge_import(lease.import_id)


class BlockRun:
    """The application of one block under one lease."""

    def __init__(self, ground: Ground, lease: Lease) -> None:
        self._ground = ground
        self._lease = lease
        self._checkpoint = lease.checkpoint
        # Copying straight into the collection is fastest while documents are new.
        self._direct = Strategy.CREATE in lease.operations

    def apply(self, should_stop: ShouldStop) -> bool:
        """Apply the block from its checkpoint on; False where it was told to stop before the end.

        Raises LeaseLost when the import no longer runs or the block is another worker's now,
        StorageFault and DatabaseUnavailable when the attempt broke.
        """
        reading.verify(self._ground.storage, self._lease.storage_key, self._lease.sha256)
        with closing(ahead(map(self._prepare, self._batches()))) as prepared:
            for work in prepared:
                self._apply(work)
                if should_stop() and self._checkpoint.offset < self._lease.size_bytes:
                    return False
        return True

    def _batches(self) -> Iterator[Batch]:
        lease = self._lease
        maker = documentid_maker(lease.import_started_at, lease.import_id, lease.block_number)
        return ndjson.read_batches(
            reading.lines(self._ground.storage.open(lease.storage_key, lease.checkpoint.offset)),
            lease.checkpoint,
            make_documentid=maker if Strategy.CREATE in lease.operations else None,
            max_lines=self._ground.settings.batch_lines,
            max_bytes=self._ground.settings.batch_bytes,
        )

    def _prepare(self, batch: Batch) -> "Work":
        rows, repeated = fold(batch.instructions, self._lease.operations)
        return Work(batch, encode(self._lease.collection_id, rows), len(rows), repeated)

    def _apply(self, work: "Work") -> None:
        """Apply the batch; a line that the database refuses is found by halving and rejected alone."""
        batch = work.batch
        try:
            self._apply_patiently(work)
        except BatchRefused as refusal:
            if not batch.instructions:
                raise
            if len(batch.instructions) == 1:
                smaller = [batch.with_its_instruction_rejected("refused_by_database", f"{refusal}.")]
            else:
                smaller = [*batch.halves()]
            for part in smaller:
                self._apply(self._prepare(part))

    def _apply_patiently(self, work: "Work") -> None:
        for retries_left in reversed(range(CONFLICT_RETRIES)):
            try:
                return self._commit(work)
            except ConflictOfTransactions:
                if not retries_left:
                    raise
        return None

    def _commit(self, work: "Work") -> None:
        began = time.monotonic()
        lease, batch = self._lease, work.batch
        with self._ground.database.begin() as session:
            if batch.end.offset < lease.size_bytes:
                leases.commit_without_waiting(session)
            tally = tally_of(batch, lease.operations, self._write(session, work))
            rejections.add(session, lease.import_id, lease.block_number, batch.rejections)
            leases.checkpoint(
                session,
                lease,
                tally,
                start=self._checkpoint,
                end=batch.end,
                lease_seconds=self._ground.settings.lease_seconds,
            )
        self._checkpoint = batch.end
        seconds = round(time.monotonic() - began, 4)
        _log.info("batch_applied", line=batch.end.line_number, **asdict(tally), seconds=seconds)

    def _write(self, session: Session, work: "Work") -> int:
        operations = self._lease.operations
        if not work.rows:
            return 0
        if self._direct and documents.create_directly(session, work.encoded):
            return work.rows
        affected = documents.write(session, work.encoded, operations=operations, repeated=work.repeated)
        # Straight in again as soon as a batch meets no existing document.
        self._direct = Strategy.CREATE in operations and affected == work.rows
        return affected


class Work(NamedTuple):
    """A batch and what it sends to the database, made while the batch before it is being applied."""

    batch: Batch
    encoded: bytes
    rows: int
    repeated: list[str]


def tally_of(batch: Batch, operations: frozenset[Strategy], affected: int) -> Tally:
    """The outcome of each line; `affected` is what `documents.write` returns."""
    rejected, others = len(batch.rejections), len(batch.instructions) - affected
    if Strategy.CREATE not in operations:
        return Tally(updated=affected, skipped=others, rejected=rejected)
    if Strategy.UPDATE in operations:
        return Tally(created=affected, updated=others, rejected=rejected)
    return Tally(created=affected, skipped=others, rejected=rejected)
