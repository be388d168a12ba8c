"""Whoever meets a row that a stranger holds leaves it to later, and goes on with others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, event, text

from api.usecases.collections import find_collection
from api.usecases.imports import delete_import, get_import
from api.usecases.services import Service
from shared.db.models import Block
from shared.errors import ConflictOfTransactions, ImportNotFound
from shared.ground import Ground
from shared.lifecycle import Status
from shared.settings import Settings
from tests.integration.builders import (
    Counts,
    an_import,
    counts,
    let_pauses_pass,
    numbered,
    work,
    work_off,
)
from tests.integration.held_rows import LOCK_COLLECTIONS, LOCK_EXPORTS, LOCK_IMPORTS, held
from tests.integration.job_builders import accounts, an_export, locked_documents, wait_until

SOON_MILLISECONDS = Settings.lease_seconds * 1000 / 2
PATIENCE = "SELECT setting::integer FROM pg_settings WHERE name = 'lock_timeout'"
WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%' || :part || '%'
"""


@contextmanager
def gives_way_soon() -> Iterator[None]:
    """The body does, long before a lease has passed: the server ends its waiting by then."""
    patience: list[int] = []

    def look(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if "FOR NO KEY UPDATE" in statement:
            with connection.connection.cursor() as asking:
                asking.execute(PATIENCE)
                patience.extend(asking.fetchone())

    event.listen(Engine, "before_cursor_execute", look)
    try:
        with pytest.raises(ConflictOfTransactions):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert 0 < max(patience) < SOON_MILLISECONDS


@pytest.fixture
def brief(ground: Ground, settings: Settings) -> Iterator[Ground]:
    """A worker's ground with leases so short that it does not wait for long."""
    opened = Ground.open(replace(settings, lease_seconds=0.2))
    yield opened
    opened.close()


def test_a_worker_leaves_an_import_that_is_held_to_later(ground: Ground, service: Service):
    """One worker after the other came to wait for it, and nothing was done for anybody."""
    import_id = an_import(ground, service, numbered(3))

    with held(ground, LOCK_IMPORTS, import_id), gives_way_soon():
        work(ground, import_id)

    done = work_off(ground, service, import_id)
    assert (done.status, done.failure_count) == (Status.COMPLETE, 0)


def test_a_worker_leaves_an_export_that_is_held_to_later(ground: Ground, service: Service):
    accounts(ground, service)
    job = an_export(ground, service)

    with held(ground, LOCK_EXPORTS, job.export_id), gives_way_soon():
        job.work()

    job.work()
    assert job.status == "Completed"


def test_deleting_an_import_waits_for_nobody_who_writes_to_its_collection(ground: Ground, service: Service):
    """It held the import and wanted the collection. Who wrote an item held that, and waited for a worker's
    batch, which waited for the import."""
    import_id = an_import(ground, service, numbered(3))

    with held(ground, LOCK_COLLECTIONS, find_collection(ground, service, "/contacts")):
        delete_import(ground, service, import_id)

    with pytest.raises(ImportNotFound):
        get_import(ground, service, import_id)


def test_a_batch_whose_documents_are_held_is_a_passing_failure(
    ground: Ground, brief: Ground, service: Service
):
    """It waited for ever, and its import told nothing but that it ran."""
    import_id = an_import(ground, service, numbered(3))

    with locked_documents(ground):
        work(brief, import_id)

    row = get_import(ground, service, import_id)
    assert (row.status, row.failure_count) == (Status.RUNNING, 1)
    assert row.last_error == "Another transaction holds in the database what this one needs."
    let_pauses_pass(ground, import_id)
    assert work_off(ground, service, import_id).failure_count == 1
    assert counts(ground, service, import_id) == Counts(created=3)


def test_a_failure_that_cannot_be_noted_yet_is_noted_as_soon_as_the_import_is_let_go(
    ground: Ground, brief: Ground, service: Service
):
    """Unsaid it would look like the death of a worker, and several of these end an import."""
    import_id = an_import(ground, service, numbered(3))
    with ThreadPoolExecutor() as threads:
        with locked_documents(ground):
            working = threads.submit(work, brief, import_id)
            wait_until(lambda: waits(ground, "documents"))
            with held(ground, LOCK_IMPORTS, import_id):
                wait_until(lambda: waits(ground, "FOR NO KEY UPDATE"))
                wait_until(lambda: not waits(ground, "FOR NO KEY UPDATE"))
        working.result(timeout=20)

    with ground.database.begin() as session:
        block = session.get_one(Block, (import_id, 1))
    assert (block.suspicions, get_import(ground, service, import_id).failure_count) == (0, 1)


def waits(ground: Ground, part: str) -> bool:
    """Whether a statement with these words waits for what somebody holds."""
    with ground.database.begin() as session:
        return bool(session.execute(text(WAITING), {"part": part}).scalar_one())
