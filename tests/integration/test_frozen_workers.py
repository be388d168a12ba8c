"""Processes that are frozen in the middle of something, and keep their connections: who waits for them."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO

import psycopg2
import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.db.database import Database
from shared.db.sessions import application_name
from shared.errors import DatabaseUnavailable
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import (
    Counts,
    an_import,
    ask,
    claim,
    counts,
    documents,
    let_leases_expire,
    numbered,
    tuned,
    work_off,
)

LOCK = "SELECT FROM imports WHERE id = :import_id FOR NO KEY UPDATE"
COPY_DOCUMENTS = "COPY documents (collection_id, documentid, properties) FROM STDIN"
COLLECTION = "SELECT collection_id FROM imports WHERE id = :import_id"
HAS_WRITTEN = """
SELECT count(backend_xid) FROM pg_stat_activity
 WHERE application_name = :name AND wait_event = 'ClientRead'
"""
MANY = 5000
SILENCE_SECONDS = 0.2
DEADLINE_SECONDS = 30.0


def test_a_process_that_is_silent_in_a_transaction_keeps_nobody_waiting_for_long(
    ground: Ground, service: Service
):
    import_id = an_import(ground, service, numbered(3))
    frozen = Database(ground.settings.database_url, pool_size=1, silence_seconds=SILENCE_SECONDS)

    def wake_up_late() -> None:
        with frozen.begin() as session:
            session.execute(text(LOCK), {"import_id": import_id})
            ask(ground, service, import_id, Status.CANCELED)
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        wake_up_late()

    frozen.ping()
    frozen.close()


class Stuck:
    """A file whose end does not come."""

    def __init__(self, beginning: bytes) -> None:
        self._beginning = BytesIO(beginning)
        self.is_over = threading.Event()

    def read(self, size: int) -> bytes:
        piece = self._beginning.read(size)
        if not piece:
            self.is_over.wait(DEADLINE_SECONDS)
        return piece


@contextmanager
def frozen_in_a_copy(ground: Ground, worker: str, rows: bytes) -> Iterator[None]:
    """A worker that is frozen after it has sent the rows, enough of them for the server to begin writing."""
    name, stuck = application_name(worker), Stuck(rows)
    connection = psycopg2.connect(ground.settings.database_url, application_name=name)

    def copy() -> None:
        # Closed also where the server did not end it, so that nobody waits for it for ever.
        with closing(connection), connection.cursor() as cursor, pytest.raises(psycopg2.OperationalError):
            cursor.copy_expert(COPY_DOCUMENTS, stuck)

    thread = threading.Thread(target=copy)
    thread.start()
    wait_until_it_has_written(ground, name)
    yield
    stuck.is_over.set()
    thread.join()


def wait_until_it_has_written(ground: Ground, name: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        with ground.database.begin() as session:
            if session.execute(text(HAS_WRITTEN), {"name": name}).scalar_one():
                return
        assert time.monotonic() < deadline, "it has written"


def test_a_worker_that_is_frozen_in_the_middle_of_a_copy_keeps_no_other_one_from_its_block(
    ground: Ground, service: Service
):
    quick = tuned(ground, lease_seconds=0.01)
    import_id = an_import(ground, service, numbered(MANY, a="good"))
    with ground.database.begin() as session:
        collection_id = session.execute(text(COLLECTION), {"import_id": import_id}).scalar_one()
    assert claim(ground, import_id, worker="worker-f", attempts=5)

    rows = "".join(f"{collection_id}\t{n:03}\t{{}}\n" for n in range(1, MANY + 1))
    with frozen_in_a_copy(ground, "worker-f", rows.encode()):
        let_leases_expire(ground, import_id)
        done = work_off(quick, service, import_id)

    assert done.status == Status.COMPLETE
    assert counts(ground, service, import_id) == Counts(created=MANY)
    assert {document["a"] for document in documents(ground, service).values()} == {"good"}


def test_only_silent_sessions_of_the_lost_worker_are_ended(ground: Ground, service: Service):
    names = ["worker-idle", "worker-other"]
    idle, other = (Database(ground.settings.database_url, pool_size=1, process=name) for name in names)
    import_id = an_import(ground, service, numbered(3))
    assert claim(ground, import_id, worker="worker-idle", attempts=5)
    idle.ping()

    with other.begin() as session:
        session.execute(text("SELECT 1"))
        let_leases_expire(ground, import_id)
        work_off(tuned(ground, lease_seconds=0.01), service, import_id)
        session.execute(text("SELECT 1"))

    with idle.begin() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
    idle.close()
    other.close()
