"""Batch jobs with telling defaults, the worker's part played in this process, and what came of them."""

import gzip
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, event, select, text

from api.usecases.arrivals import FileArrival
from api.usecases.collections import ItemField, add_collection, find_collection
from api.usecases.exports import ExportOrder, submit_export
from api.usecases.jobs import JobDescription, ShownJob, cancel_job, get_job, list_rejected_items
from api.usecases.readings import ImportOrder
from api.usecases.services import Service
from shared.db import jobs, sessions
from shared.db.models import Export, ExportFile, Import, Notification
from shared.ground import Ground
from shared.storage.folder import FolderStorage, FolderWriter
from shared.storage.reading import Chunks
from tests.integration.builders import never, storage_folder, volume_id
from workers.exporting import run_export
from workers.importing import run_import

KEY = "accountId"
EMAIL = "joe@example.com"


def an_item_type(
    ground: Ground,
    service: Service,
    name: str = "Account",
    *,
    key: str | None = KEY,
    fields: dict[str, str] | None = None,
) -> str:
    """A new item type; `fields` are its schema."""
    schema = None if fields is None else [ItemField(*field) for field in fields.items()]
    add_collection(ground, service, f"/{name}", key=key, fields=schema)
    return name


@dataclass(frozen=True)
class Job:
    """A job of a data service, and the import or export behind it."""

    ground: Ground
    service: Service
    id: UUID

    @property
    def import_id(self) -> int:
        return self._found("import_id")

    @property
    def export_id(self) -> int:
        return self._found("export_id")

    @property
    def kind(self) -> str:
        """`import` or `export`."""
        return self.shown().job.kind

    def _found(self, name: str) -> int:
        with self.ground.database.begin() as session:
            found = jobs.find(session, self.service.id, self.id)
        assert found is not None
        return int(getattr(found.job, name))

    def shown(self) -> ShownJob:
        """What its owner sees."""
        return get_job(self.ground, self.service, str(self.id))

    @property
    def status(self) -> str:
        return self.shown().view.status

    @property
    def reason(self) -> str:
        return self.shown().view.reason

    def cancel(self) -> str:
        """Ask for its end; returns the status then."""
        return cancel_job(self.ground, self.service, str(self.id)).view.status

    def work(self, *, worker: str = "first", should_stop: Callable[[], bool] = never) -> None:
        """What a worker does for one nudge."""
        with self.ground.database.begin() as session:
            found = jobs.find(session, self.service.id, self.id)
        assert found is not None
        run, number = (
            (run_import, found.job.import_id)
            if found.job.kind == "import"
            else (run_export, found.job.export_id)
        )
        run(self.ground, number, worker=worker, should_stop=should_stop)

    def work_off(self) -> ShownJob:
        """Play the worker until the job has ended."""
        for _ in range(200):
            if (shown := self.shown()).view.is_final:
                return shown
            self.work()
        raise AssertionError(f"still {self.status}: {self.reason}")

    def rejected(self) -> list[tuple[int, str]]:
        """Line and code of each rejection on the first page."""
        found = list_rejected_items(self.ground, self.service, str(self.id), 1)
        return [(item.line, item.code) for item in found.items]

    def import_row(self) -> Import:
        with self.ground.database.begin() as session:
            return session.get_one(Import, self.import_id)

    def export_row(self) -> Export:
        with self.ground.database.begin() as session:
            return session.get_one(Export, self.export_id)

    def mails(self) -> list[Notification]:
        with self.ground.database.begin() as session:
            return list(session.scalars(select(Notification).where(Notification.job_id == self.id)))


def a_file_import(
    ground: Ground,
    service: Service,
    content: bytes | Iterable[bytes],
    *,
    item_type: str = "Account",
    email: str | None = EMAIL,
    is_csv: bool = False,
    **order: Any,
) -> Job:
    """An accepted import of a file."""
    described = JobDescription(job_name="in", item_type=item_type, notification_email=email)
    with FileArrival(ground, service) as arrival:
        arrival.store([content] if isinstance(content, bytes) else content, described)
        shown = arrival.start(described, ImportOrder(is_csv=is_csv, **order))
    return Job(ground, service, shown.job.id)


def an_export(
    ground: Ground,
    service: Service,
    *,
    item_type: str = "Account",
    email: str | None = EMAIL,
    is_csv: bool = False,
    **order: Any,
) -> Job:
    """An accepted export."""
    described = JobDescription(job_name="out", item_type=item_type, notification_email=email)
    shown = submit_export(ground, service, described, ExportOrder(is_csv=is_csv, **order))
    return Job(ground, service, shown.job.id)


def exported(ground: Ground, service: Service, **order: Any) -> Job:
    """A completed export."""
    job = an_export(ground, service, **order)
    shown = job.work_off()
    assert shown.view.status == "Completed", shown.view.reason
    return job


TWO: dict[str, object] = {
    "A1": {"accountId": "A1", "name": "Ann", "address": {"city": "Hull"}, "tags": ["a"]},
    "A2": {"accountId": "A2", "name": "=Bo", "age": 41},
}


def accounts(ground: Ground, service: Service, stored: dict[str, object] | None = None, **known: Any) -> None:
    """The item type with these documents, or two."""
    an_item_type(ground, service, **known)
    with_documents(ground, service, TWO if stored is None else stored)


def with_documents(
    ground: Ground, service: Service, documents: dict[str, object], item_type: str = "Account"
) -> None:
    """Put documents into an item type."""
    insert = """
    INSERT INTO documents (collection_id, documentid, properties)
    SELECT :collection_id, key, value FROM jsonb_each(CAST(:documents AS jsonb))
    """
    given = {
        "collection_id": find_collection(ground, service, f"/{item_type}"),
        "documents": json.dumps(documents),
    }
    with ground.database.begin() as session:
        session.execute(text(insert), given)


def with_many(ground: Ground, service: Service, count: int, item_type: str = "Account") -> None:
    """Put numbered documents into an item type."""
    insert = """
    INSERT INTO documents (collection_id, documentid, properties)
    SELECT :collection_id, lpad(n::text, 8, '0'),
           jsonb_build_object('accountId', lpad(n::text, 8, '0'), 'name', 'Person ' || n, 'n', n)
      FROM generate_series(1, :count) n
    """
    given = {"collection_id": find_collection(ground, service, f"/{item_type}"), "count": count}
    with ground.database.begin() as session:
        session.execute(text(insert), given)


def file_rows(job: Job) -> Sequence[ExportFile]:
    found = select(ExportFile).where(ExportFile.export_id == job.export_id).order_by(ExportFile.number)
    with job.ground.database.begin() as session:
        return session.scalars(found).all()


def files_of(job: Job) -> list[bytes]:
    """What an export wrote, unpacked."""
    contents = [b"".join(Chunks(job.ground.storage.open(row.storage_key))) for row in file_rows(job)]
    return [gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content for content in contents]


def items_of(job: Job) -> list[dict[str, Any]]:
    """Every item that an export wrote as JSON, each file read by itself."""
    files = [json.loads(content, parse_float=Decimal) for content in files_of(job)]
    return [item for items in files for item in items]


def stored_paths(job: Job) -> list[Path]:
    """What block storage keeps of an export, whichever attempt it is of."""
    return sorted(storage_folder(job.ground).glob(f"export-{job.export_id}-*/*"))


def let_lease_expire(job: Job) -> None:
    """Time passes: the worker that had the export is not heard of any longer."""
    _execute(
        job, "UPDATE exports SET leased_until = clock_timestamp() WHERE leased_until IS NOT NULL AND id = :id"
    )


def let_pause_pass(job: Job) -> None:
    """Time passes: the export, which waits after a failure, is due."""
    _execute(job, "UPDATE exports SET due_at = clock_timestamp() WHERE id = :id")


def let_links_expire(job: Job) -> None:
    """Time passes: the links to an export's files have ended."""
    _execute(job, "UPDATE exports SET expires_at = clock_timestamp() WHERE id = :id")


def _execute(job: Job, statement: str) -> None:
    with job.ground.database.begin() as session:
        session.execute(text(statement), {"id": job.export_id})


class WatchedStorage(FolderStorage):
    """A folder that calls `on_write` before each write; what that raises, the write raises."""

    def __init__(self, ground: Ground, on_write: Callable[[], object]) -> None:
        super().__init__(storage_folder(ground), volume_id(ground))
        self._on_write = on_write

    @contextmanager
    def create(self, group: str) -> Iterator[Any]:
        with super().create(group) as writer:
            yield _WatchedWriter(writer, self._on_write)


class _WatchedWriter:
    def __init__(self, writer: FolderWriter, on_write: Callable[[], object]) -> None:
        self._writer = writer
        self._on_write = on_write

    @property
    def size_bytes(self) -> int:
        return self._writer.size_bytes

    def write(self, chunk: bytes) -> None:
        self._on_write()
        self._writer.write(chunk)

    @property
    def key(self) -> str:
        return self._writer.key


def watched(ground: Ground, on_write: Callable[[], object]) -> Ground:
    """The same ground, with a look at each write to block storage."""
    return replace(ground, storage=WatchedStorage(ground, on_write))


def at_write(number: int, act: Callable[[], object]) -> Callable[[], object]:
    """For `watched`: acts at that write only, counted from 1."""
    writes = count(1)
    return lambda: act() if next(writes) == number else None


_END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


@contextmanager
def at_statement(part: str, act: Callable[[], object], *, number: int = 1) -> Iterator[None]:
    """While the body runs: acts before the first statement of this process that has this part, or another."""
    found = count(1)

    def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if part in statement and next(found) == number:
            act()

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", look)


@contextmanager
def sessions_ended_at(ground: Ground, part: str) -> Iterator[None]:
    """While the body runs: all sessions of the database end once, before a statement that has this part."""

    def end_others() -> None:
        with ground.database.begin() as session:
            session.execute(text(_END_OTHERS))

    with at_statement(part, end_others):
        yield


def lose_the_answer_to_the_next_commit() -> None:
    """The next transaction of this process takes effect, but its connection breaks before that is said."""
    event.listen(Engine, "commit", _commit_and_hang_up, once=True)


# A simple query: https://www.postgresql.org/docs/current/protocol-message-formats.html
_COMMIT = b"Q\0\0\0\x0bCOMMIT\0"


def _commit_and_hang_up(connection: Connection) -> None:
    """The server gets a COMMIT; the driver's own meets a connection that is closed."""
    descriptor = connection.connection.fileno()  # type: ignore[attr-defined]
    os.write(descriptor, _COMMIT)
    near, far = socket.socketpair()
    far.close()
    with near:
        os.dup2(near.fileno(), descriptor)


@contextmanager
def locked(ground: Ground, table: str) -> Iterator[None]:
    """While the body runs, whoever reads or writes the table waits."""
    with ground.database.begin() as session:
        sessions.be_patient(session)
        session.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield


def locked_documents(ground: Ground) -> AbstractContextManager[None]:
    return locked(ground, "documents")


def wait_until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so in time"
        Event().wait(0.02)
