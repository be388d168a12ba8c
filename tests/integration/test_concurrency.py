"""Imports that write the same documents at the same time."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from api.usecases.imports import delete_import, get_import
from api.usecases.services import Service
from shared.errors import ImportNotFound
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import (
    BOTH,
    CREATE,
    Counts,
    an_import,
    counts,
    documents,
    ndjson,
    tuned,
    work,
    work_off,
)

pytestmark = pytest.mark.usefixtures("write_path")

DEADLINE_SECONDS = 30
DOCUMENTS = 400
IDS = [f"{n:03}" for n in range(DOCUMENTS)]


def block(ids: list[str], **properties: Any) -> bytes:
    return ndjson(*({"documentid": documentid, **properties} for documentid in ids))


def run_together(ground: Ground, service: Service, import_ids: list[int]) -> None:
    with ThreadPoolExecutor(len(import_ids)) as workers:
        for done in workers.map(lambda import_id: work_off(ground, service, import_id), import_ids):
            assert (done.status, done.failure_count) == (Status.COMPLETE, 0)


def test_two_imports_that_update_the_same_documents_lose_no_property(ground: Ground, service: Service):
    batches = tuned(ground, batch_lines=50)
    forward = an_import(ground, service, block(IDS, a=1))
    backward = an_import(ground, service, block(IDS[::-1], b=2))

    run_together(batches, service, [forward, backward])

    assert documents(ground, service) == {documentid: {"a": 1, "b": 2} for documentid in IDS}
    both = [counts(ground, service, import_id) for import_id in (forward, backward)]
    assert sum(each.created for each in both) == DOCUMENTS
    assert [each.lines for each in both] == [DOCUMENTS, DOCUMENTS]


def test_of_imports_that_create_the_same_documents_each_is_created_once(ground: Ground, service: Service):
    batches = tuned(ground, batch_lines=50)
    imports = {an_import(ground, service, block(IDS, by=n), strategies=CREATE): n for n in range(3)}

    run_together(batches, service, list(imports))

    winners = [document["by"] for document in documents(ground, service).values()]
    for import_id, n in imports.items():
        created = winners.count(n)
        assert counts(ground, service, import_id) == Counts(created=created, skipped=DOCUMENTS - created)
    assert len(winners) == DOCUMENTS


def test_many_workers_on_one_import_apply_each_line_once(ground: Ground, service: Service):
    batches = tuned(ground, batch_lines=20)
    blocks = [block(IDS[first : first + 100], of=first) for first in range(0, DOCUMENTS, 50)]
    import_id = an_import(ground, service, *blocks, strategies=BOTH)

    deadline = time.monotonic() + DEADLINE_SECONDS

    def keep_working(worker: int) -> None:
        while get_import(ground, service, import_id).status != Status.COMPLETE:
            assert time.monotonic() < deadline
            work(batches, import_id, worker=f"worker-{worker}")

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(keep_working, range(4)))

    assert counts(ground, service, import_id) == Counts(created=DOCUMENTS, updated=350)
    assert get_import(ground, service, import_id).failure_count == 0
    assert all(
        document["of"] == n // 50 * 50 for n, document in enumerate(documents(ground, service).values())
    )


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def test_who_deletes_an_import_waits_for_its_worker_and_not_the_other_way(ground: Ground, service: Service):
    """A worker's rejections share the import's row, and its checkpoint then wants more of it."""
    import_id = an_import(ground, service, block(IDS))
    given = {"id": import_id}

    with ThreadPoolExecutor(1) as others, ground.database.begin() as worker:
        worker.execute(text("SELECT FROM imports WHERE id = :id FOR KEY SHARE"), given)
        deleted = others.submit(delete_import, ground, service, import_id)
        wait_until_somebody_waits(ground)
        counted = worker.execute(text("UPDATE imports SET applied_bytes = 1 WHERE id = :id"), given)
        assert counted.rowcount == 1
        worker.commit()
        deleted.result(DEADLINE_SECONDS)

    with pytest.raises(ImportNotFound):
        get_import(ground, service, import_id)


def wait_until_somebody_waits(ground: Ground) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        with ground.database.begin() as session:
            if session.execute(text(WAITING)).scalar_one():
                return
        assert time.monotonic() < deadline
