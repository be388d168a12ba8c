"""What a worker of the first schema does while others migrate, and what has to come of it."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from threading import Event
from typing import NamedTuple

from sqlalchemy import text

from shared.db.database import Database
from shared.db.models import Import
from shared.db.versions import current_version
from shared.storage.receipts import StoredBytes
from tests.integration.earlier_worker import EarlierWorker

NOTHING = StoredBytes("key", 100, b"")
BATCH = 20

DOCUMENTS = "SELECT documentid FROM documents WHERE collection_id = :collection_id ORDER BY documentid"


def outcome(database: Database, import_id: int) -> tuple[str, int, int, int, int]:
    """Status, documents created, updated and rejected, and per cent."""
    with database.begin() as session:
        row = session.get_one(Import, import_id)
        return (
            row.status,
            row.created_documents,
            row.updated_documents,
            row.rejected_documents,
            row.percent_complete,
        )


class Expected(NamedTuple):
    """Of one import; one line was rejected, too."""

    import_id: int
    collection_id: int
    documentids: list[str]
    updated: int


class Shift:
    """One worker, its batches one after the other. Raises ConflictOfTransactions where it has to give way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._expected: list[Expected] = []
        self.batches = Counter[str]()  # by the version that the schema had after them

    def import_one(self, name: str, is_last: Callable[[int], bool]) -> None:
        """An import from its making to its end, which comes with the batch of which `is_last` is true."""
        worker = EarlierWorker(self._database)
        worker.start(name, NOTHING)
        worker.claim()
        created: list[str] = []
        updated, is_finished = 0, False
        while not is_finished:
            is_finished = is_last(self.batches.total())
            updated += self._apply(worker, created, is_finished=is_finished)
        self._expected.append(Expected(worker.import_id, worker.collection_id, created, updated))

    def import_many(self, name: str, is_over: Event, *, batches: int) -> None:
        """One import of so many batches after the other."""
        for number in count():
            if is_over.is_set():
                return
            self.import_one(f"{name}-{number}", lambda total: total % batches == batches - 1)

    def assert_exact(self) -> None:
        """All is as if nobody had migrated."""
        for import_id, collection_id, documentids, updated in self._expected:
            told = ("complete", len(documentids), updated, 1, 100)
            assert outcome(self._database, import_id) == told
            with self._database.begin() as session:
                found = session.scalars(text(DOCUMENTS), {"collection_id": collection_id})
                assert found.all() == documentids

    def _apply(self, worker: EarlierWorker, created: list[str], *, is_finished: bool) -> int:
        """How many documents were updated: those of the last batch, in every other one, which is staged."""
        number = len(created) // BATCH
        new = [f"{number:06}-{n:02}" for n in range(BATCH)]
        again = created[-BATCH:] if number % 2 else []
        batch = {"created": BATCH, "is_finished": is_finished, "is_direct": not again}
        worker.apply([*again, *new], **batch)
        created += new
        with self._database.begin() as session:
            self.batches[current_version(session) or ""] += 1
        return len(again)
