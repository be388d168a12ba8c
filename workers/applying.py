"""One block from its checkpoint to its end, batch by batch.

Each batch is one transaction: documents, rejections, counters and checkpoint, under the block's
epoch. The import's status is looked at in each of these transactions.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from typing import BinaryIO

import structlog

from shared import tracing
from shared.db import leases, rejections, renderings
from shared.db.batches import BatchWriter, Work, Written, prepare
from shared.db.database import Begin, Session
from shared.db.interrupting import interrupter
from shared.db.leases import Lease
from shared.documentids import documentid_maker
from shared.errors import BatchRefused
from shared.formats.batching import Limits, Read, batched
from shared.formats.reading import FileReading, Reader, datastore_reader, file_reader
from shared.ground import Ground
from shared.heartbeat import Heartbeat, Stopped
from shared.instructions import Batch
from shared.metrics import metrics
from shared.retries import despite_conflicts
from shared.storage import reading
from shared.templates.budget import Budget
from workers.ahead import ahead

_log = structlog.get_logger()

# How often a block that gives no batch learns that its import was paused or canceled.
LOOK_SECONDS = 1.0

# What a block may take before others get their turn. Usual ones take a second or two; one of which the
# database refuses each line takes an hour.
TURN_SECONDS = 10.0

ShouldStop = Callable[[], bool]
Write = Callable[[Session, Work], Written]


class BlockRun:
    """The application of one block under one lease."""

    def __init__(self, ground: Ground, lease: Lease, *, turn_seconds: float = TURN_SECONDS) -> None:
        """After `turn_seconds` the block gives way at its next checkpoint."""
        self._ground = ground
        self._lease = lease
        self._turn_seconds = turn_seconds
        self._checkpoint = lease.checkpoint
        self._budget = Budget(ground.settings.template_seconds, lease.spent)
        self._writer = BatchWriter(lease.collection_id)
        self._heartbeat = Heartbeat(self._beat, min(LOOK_SECONDS, ground.settings.lease_seconds / 3))
        self._should_stop: ShouldStop = lambda: False
        self._is_checked = False

    def run(self, should_stop: ShouldStop) -> bool:
        """Apply the block from its checkpoint on; False where it stops or gives way before the end.

        Raises LeaseLost when the import no longer runs or the block is another worker's now, LimitReached
        when its template takes too much, StorageFault and DatabaseUnavailable when the attempt broke.
        """
        self._should_stop = should_stop
        try:
            return self._run()
        finally:
            self._note_renderings()

    def _run(self) -> bool:
        try:
            # Storage may be so slow that the lease would run out while the block is checked.
            with self._heartbeat as heartbeat:
                return self._apply_block(self._opened(heartbeat.check))
        except Stopped:
            return False

    def _opened(self, look: reading.Look) -> reading.OpenedBlock:
        lease = self._lease
        return reading.opened(self._ground.storage, lease.stored, lease.checkpoint.offset, look=look)

    def _apply_block(self, block: reading.OpenedBlock) -> bool:
        with (
            closing(block.file) as file,
            closing(self._batches(file)) as batches,
            ahead(map(self._prepare, batches)) as prepared,
        ):
            # Its first batches are made meanwhile.
            block.check()
            self._is_checked = True
            with self._ground.database.keep() as begin:
                return self._apply_all(prepared, begin)

    def _apply_all(self, prepared: Iterator[Work], begin: Begin) -> bool:
        ends_at = time.monotonic() + self._turn_seconds
        for work in prepared:
            self._apply(work, begin)
            is_over = self._should_stop() or time.monotonic() >= ends_at
            if is_over and self._checkpoint.offset < self._lease.size_bytes:
                return False
        return True

    def _beat(self) -> None:
        # Checkpoints renew the lease, too; a batch may take longer than it lasts, rendered row by row or
        # searched for what the database refuses.
        self._note_renderings()
        self._renew_lease()
        if self._should_stop():
            raise Stopped

    def _renew_lease(self) -> None:
        with self._ground.database.begin() as session:
            leases.renew(session, self._lease, lease_seconds=self._ground.settings.lease_seconds)

    def _note_renderings(self) -> None:
        # Those of rows that nobody gave us do not count.
        if self._is_checked and self._budget.spent != self._lease.spent:
            with self._ground.database.begin() as session:
                renderings.note_of_import(session, self._lease.import_id, self._budget.spent)

    def _batches(self, file: BinaryIO) -> Generator[Batch, None, None]:
        start, settings = self._lease.checkpoint, self._ground.settings
        reader = reader_of(self._lease, self._budget)
        reads = reader.read(reading.lines(file), start)
        if has_template(self._lease):
            reads = self._watched(reads)
        yield from batched(reads, start, Limits(settings.batch_lines, settings.batch_bytes))

    def _watched(self, reads: Iterator[Read]) -> Iterator[Read]:
        for read in reads:
            self._heartbeat.check()
            yield read

    def _prepare(self, batch: Batch) -> Work:
        return prepare(batch, self._lease.collection_id)

    def _apply(self, work: Work, begin: Begin) -> None:
        with tracing.step("apply_batch"):
            try:
                despite_conflicts(partial(self._commit, work, begin, self._write))
            except BatchRefused:
                # Nothing of it was committed. Once more, to find the lines that the database refuses.
                despite_conflicts(partial(self._commit, work, begin, self._write_carefully))

    def _commit(self, work: Work, begin: Begin, write: Write) -> None:
        began = time.monotonic()
        lease, end = self._lease, work.batch.end
        is_finished = end.offset >= lease.size_bytes
        # The batch may wait for documents that others hold, for as long as they do.
        with (
            begin() as session,
            self._heartbeat.interrupting(interrupter(session)),
        ):
            tally, rejected = write(session, work)
            limit = self._ground.settings.rejections_kept
            unkept = rejections.keep(session, lease.import_id, lease.block_number, rejected, limit=limit)
            tally = replace(tally, unkept=unkept)
            leases.checkpoint(
                session,
                lease,
                tally,
                begin=self._checkpoint,
                end=end,
                is_finished=is_finished,
                lease_seconds=self._ground.settings.lease_seconds,
            )
        self._checkpoint = end
        seconds = round(time.monotonic() - began, 4)
        metrics().count_batch(tally, seconds)
        counted = {"line": end.line_number, **asdict(tally), "seconds": seconds}
        tracing.note(**counted)
        _log.info("batch_applied", **counted)

    def _write(self, session: Session, work: Work) -> Written:
        return Written(self._writer.write(session, work), work.batch.rejections)

    def _write_carefully(self, session: Session, work: Work) -> Written:
        return self._writer.write_carefully(session, work.batch, self._heartbeat.check)


def has_template(lease: Lease) -> bool:
    """Whether each of the block's rows may take long to read."""
    return lease.reading is not None and FileReading.from_json(lease.reading).has_template


def reader_of(lease: Lease, budget: Budget) -> Reader:
    """What makes instructions of the block's lines."""
    maker = documentid_maker(lease.import_started_at, lease.import_id, lease.block_number)
    if lease.reading is None:
        return datastore_reader(lease.strategies, maker)
    return file_reader(FileReading.from_json(lease.reading), maker, budget)
