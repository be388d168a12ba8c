"""Imports with telling defaults, the worker's part played in this process, and a look at what came of it."""

import base64
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import current_thread
from typing import Any

import orjson
import redis
from sqlalchemy import text

from api.usecases.blocks import receive_block
from api.usecases.collections import find_collection
from api.usecases.documents import list_documents
from api.usecases.imports import ImportChanges, create_import, get_import, update_import
from api.usecases.rejections import list_rejections
from api.usecases.services import Service
from shared.bounds import Bounds
from shared.db import claims
from shared.db.leases import Lease
from shared.db.models import Import
from shared.db.volumes import id_of_volume
from shared.dispatch import IMPORTS_QUEUE
from shared.ground import Ground
from shared.lifecycle import RUNNABLE, Status
from shared.storage.mark import VolumeId
from tests.storages import folder_of
from workers.importing import run_import

BOTH = ("create", "update")
CREATE = ("create",)
UPDATE = ("update",)

MANY_DOCUMENTS = 100_000

# What it is called in Redis.
QUEUE = f"longshore:{IMPORTS_QUEUE}"

BOUNDS = Bounds(import_workers=8, service_workers=None, service_long_jobs=1)


def tuned(ground: Ground, **settings: Any) -> Ground:
    """The same ground with some settings changed."""
    return replace(ground, settings=replace(ground.settings, **settings))


def ndjson(*lines: dict[str, Any] | bytes) -> bytes:
    """A block: objects as JSON, bytes as they are, a line feed behind each."""
    return b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines)


def numbered(count: int, **properties: Any) -> bytes:
    """A block of documents with the ids 001, 002 and so on."""
    return ndjson(*({"documentid": f"{n:03}", **properties} for n in range(1, count + 1)))


def an_import(
    ground: Ground,
    service: Service,
    *blocks: bytes,
    strategies: Iterable[str] = BOTH,
    collection: str = "/contacts",
    status: Status = Status.STARTED,
    is_ordered: bool = True,
) -> int:
    """The id of an import with these blocks, started unless told otherwise."""
    made = create_import(ground, service, list(strategies), collection, is_ordered=is_ordered)
    for block in blocks:
        receive_block(ground, service, made.id, [block])
    if status is not Status.CONFIGURING:
        ask(ground, service, made.id, Status.STARTED)
    return made.id


def ask(ground: Ground, service: Service, import_id: int, status: Status) -> Import:
    """What a client's PATCH of the status does."""
    return update_import(ground, service, import_id, ImportChanges(status=status))


def never() -> bool:
    return False


def claim(
    ground: Ground, import_id: int, *, worker: str = "busy", attempts: int = 5, bounds: Bounds = BOUNDS
) -> Lease | None:
    """What a worker does that takes the import's next block, and keeps it for a minute."""
    with ground.database.begin() as session:
        return claims.claim(
            session, import_id, worker=worker, lease_seconds=60, attempts=attempts, bounds=bounds
        )


def work(
    ground: Ground, import_id: int, *, worker: str = "first", should_stop: Callable[[], bool] = never
) -> None:
    """What a worker does for one nudge."""
    run_import(ground, import_id, worker=worker, should_stop=should_stop)


def work_off(ground: Ground, service: Service, import_id: int) -> Import:
    """Play the worker until nothing is left to do, and return the import."""
    for _ in range(get_import(ground, service, import_id).block_count + 1):
        work(ground, import_id)
    done = get_import(ground, service, import_id)
    assert done.status not in RUNNABLE, f"still {done.status}: {done.last_error}"
    return done


def after_batches(count: int, act: Callable[[], object]) -> Callable[[], bool]:
    """A `should_stop` that acts once, after that many batches; True from `act` stops the worker.

    The heartbeat asks, too, after however many.
    """
    applied = iter(range(1, MANY_DOCUMENTS))
    return lambda: current_thread().name != "heartbeat" and next(applied) == count and act() is True


def go_home() -> bool:
    """For `after_batches`: what a worker does that was asked to shut down."""
    return True


@dataclass(frozen=True)
class Counts:
    """An import's counters of lines."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    rejected: int = 0

    @property
    def lines(self) -> int:
        return self.created + self.updated + self.skipped + self.rejected


def counts(ground: Ground, service: Service, import_id: int) -> Counts:
    return counts_of(get_import(ground, service, import_id))


def counts_of(row: Import) -> Counts:
    return Counts(row.created_documents, row.updated_documents, row.skipped_documents, row.rejected_documents)


def documents(ground: Ground, service: Service, collection: str = "/contacts") -> dict[str, dict[str, Any]]:
    """Every document of the collection by its id, in order, numbers as decimals."""
    found: list[bytes] = []
    page = list_documents(ground, service, collection, MANY_DOCUMENTS)
    found += page.documents
    while page.has_next:
        page = list_documents(ground, service, collection, MANY_DOCUMENTS, after=page.last_id)
        found += page.documents
    parsed = [json.loads(document, parse_float=Decimal, parse_int=Decimal) for document in found]
    return {document.pop("documentid"): document for document in parsed}


def rejected_lines(ground: Ground, service: Service, import_id: int) -> list[tuple[int, int, str]]:
    """Block, line and code of each rejection on the first page."""
    return [told[:3] for told in told_of_lines(ground, service, import_id)]


def told_of_lines(ground: Ground, service: Service, import_id: int) -> list[tuple[int, int, str, str]]:
    """The same, each with its reason."""
    page = list_rejections(ground, service, import_id, 1)
    return [(line.block_number, line.line_number, line.code, line.reason) for line in page]


def row_versions(ground: Ground, service: Service, collection: str = "/contacts") -> list[tuple[Any, ...]]:
    """Where each document's row lies and which transaction wrote it: a write changes both."""
    collection_id = find_collection(ground, service, collection)
    found = "SELECT documentid, ctid::text, xmin::text FROM documents WHERE collection_id = :id ORDER BY 1"
    with ground.database.begin() as session:
        return [tuple(row) for row in session.execute(text(found), {"id": collection_id})]


def let_leases_expire(ground: Ground, import_id: int) -> None:
    """Time passes: no worker that holds a block of the import has been heard of."""
    passed = """
    UPDATE blocks SET leased_until = clock_timestamp() WHERE import_id = :id AND leased_until IS NOT NULL
    """
    with ground.database.begin() as session:
        session.execute(text(passed), {"id": import_id})


def let_pauses_pass(ground: Ground, import_id: int) -> None:
    """Time passes: blocks that wait after a critical failure are due."""
    with ground.database.begin() as session:
        session.execute(
            text("UPDATE blocks SET due_at = clock_timestamp() WHERE import_id = :id"), {"id": import_id}
        )


def seconds_until_due(ground: Ground, import_id: int) -> float:
    """How long the import's first unfinished block waits still."""
    found = """
    SELECT extract(epoch FROM due_at - clock_timestamp()) FROM blocks
     WHERE import_id = :id AND finished_at IS NULL ORDER BY number LIMIT 1
    """
    with ground.database.begin() as session:
        return float(session.execute(text(found), {"id": import_id}).scalar_one())


def block_files(ground: Ground, import_id: int) -> list[Path]:
    """What the import has in block storage, unfinished uploads included."""
    folder = storage_folder(ground) / str(import_id)
    return sorted(folder.iterdir()) if folder.exists() else []


def storage_folder(ground: Ground) -> Path:
    """The test is skipped where blocks are in a bucket."""
    return folder_of(ground.settings.storage_url)


def volume_id(ground: Ground) -> VolumeId:
    """Asks the database."""
    return partial(id_of_volume, ground.database)


@contextmanager
def storage_away(ground: Ground) -> Iterator[Path]:
    """The volume of blocks is not mounted; gives the bare folder that is in its place."""
    folder = storage_folder(ground)
    away = folder.rename(folder.with_name(f"{folder.name}-away"))
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        away.rename(folder)


def take_nudges(ground: Ground) -> list[int]:
    """The import ids of all nudges that no worker has taken yet, oldest first, taking them."""
    with redis.Redis.from_url(ground.settings.redis_url) as client:
        sent = client.lpop(QUEUE, MANY_DOCUMENTS) or []
    bodies = [json.loads(base64.b64decode(json.loads(message)["body"])) for message in reversed(sent)]
    return [arguments["import_id"] for _, arguments, _ in bodies if "import_id" in arguments]
