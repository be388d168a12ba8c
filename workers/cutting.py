"""An uploaded file into the blocks of its import, each as soon as it is cut."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import chain

import structlog

from shared.db import blocks, leases, quotas
from shared.db.database import Session
from shared.db.leases import Lease
from shared.formats.cutting import FileCutter, Part
from shared.formats.reading import FileReading
from shared.ground import Ground
from shared.heartbeat import Heartbeat, Stopped
from shared.instructions import Checkpoint, Tally
from shared.storage import reading
from shared.storage.faults import storage_faults
from shared.storage.receipts import StoredBytes
from shared.storage.registering import removed_if_refused
from workers.ahead import ahead
from workers.applying import LOOK_SECONDS, ShouldStop

_log = structlog.get_logger()


class CutRun:
    """The cutting of one file under one lease. Its checkpoint counts blocks instead of bytes.

    It counts no lines: nothing goes on at one, and a file may have more than the column holds.
    """

    def __init__(self, ground: Ground, lease: Lease) -> None:
        self._ground = ground
        self._lease = lease
        self._done = lease.checkpoint
        self._should_stop: ShouldStop = lambda: False

    def run(self, should_stop: ShouldStop) -> bool:
        """Cut the file from where it was left; False where it was told to stop before the end.

        Raises FileRefused, QuotaReached, LeaseLost, StorageFault.
        """
        if self._lease.reading is None:
            raise ValueError("Only an import of a file has a file to cut.")
        self._should_stop = should_stop
        try:
            return self._run(FileCutter(FileReading.from_json(self._lease.reading)))
        except Stopped:
            return False

    def _run(self, cutter: FileCutter) -> bool:
        # A large file is checked and read for longer than a lease lasts before there is a block to keep.
        every_seconds = min(LOOK_SECONDS, self._ground.settings.lease_seconds / 3)
        with (
            Heartbeat(self._beat, every_seconds) as heartbeat,
            closing(self._parts(cutter, heartbeat.check)) as parts,
            # A part is cut while the one before it is stored.
            ahead(parts) as made,
        ):
            for number, block in enumerate(_blocks(made, heartbeat.check)):
                # Cutting is the same each time, so what is there already is passed over.
                if number < self._done.offset:
                    deque(block, maxlen=0)
                else:
                    self._keep(block, cutter)
                if self._should_stop():
                    return False
        self._finish()
        return True

    def _parts(self, cutter: FileCutter, look: Callable[[], None]) -> Generator[Part, None, None]:
        storage, lease = self._ground.storage, self._lease
        file = reading.verified(storage, lease.stored, look=look)
        with file as source, storage_faults("read"):
            yield from cutter.cut(source)

    def _beat(self) -> None:
        with self._ground.database.begin() as session:
            leases.renew(session, self._lease, lease_seconds=self._ground.settings.lease_seconds)
        if self._should_stop():
            raise Stopped

    def _keep(self, block: "_Block", cutter: FileCutter) -> None:
        stored = self._ground.storage.write(self._lease.import_id, block)
        with removed_if_refused(self._ground.storage, stored):
            self._register(stored, block, cutter.reading)
        _log.info("block_cut", lines=block.lines, size_bytes=stored.size_bytes)

    def _register(self, stored: StoredBytes, block: "_Block", known: FileReading) -> None:
        done = Checkpoint(self._done.offset + 1, 0)
        with self._ground.database.begin() as session:
            self._checkpoint(session, done, is_finished=False)
            blocks.append(
                session,
                self._lease.import_id,
                stored,
                lines_before=block.lines_before,
                reading=known.as_json(),
                limit=self._ground.settings.import_blocks,
            )
            quotas.admit_stored(session, self._lease.service_id, self._ground.settings.stored_bytes)
        self._done = done

    def _finish(self) -> None:
        with self._ground.database.begin() as session:
            self._checkpoint(session, self._done, is_finished=True)

    def _checkpoint(self, session: Session, done: Checkpoint, *, is_finished: bool) -> None:
        leases.checkpoint(
            session,
            self._lease,
            Tally(),
            begin=self._done,
            end=done,
            is_finished=is_finished,
            lease_seconds=self._ground.settings.lease_seconds,
        )


class _Block:
    """The parts of one block as they come, and how many lines they are once they have been used up."""

    def __init__(self, first: Part, others: Iterator[Part], look: Callable[[], None]) -> None:
        self.lines_before = first.lines_before
        self.lines = 0
        self._parts = chain([first], others)
        self._look = look

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self._look()
            self.lines += part.lines
            yield part.body
            if part.ends_block:
                return


def _blocks(parts: Iterator[Part], look: Callable[[], None]) -> Iterator[_Block]:
    """Each to be used up before the next one. `look` is called at each part, and may raise."""
    return (_Block(first, parts, look) for first in parts)
