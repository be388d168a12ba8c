"""Bytes of ended jobs are removed after their time; what the jobs did is told as before."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from api.usecases.blocks import list_blocks, open_block
from api.usecases.imports import delete_import, get_import
from api.usecases.rejections import list_rejections, stream_rejections
from api.usecases.services import Service
from shared.db import retention, sweeps
from shared.errors import BlockGone, StorageFault
from shared.ground import Ground
from shared.lifecycle import Status
from shared.storage.folder import FolderStorage
from shared.storage.reading import Look
from tests.acceptance.waiting import wait_for
from tests.integration.builders import (
    after_batches,
    an_import,
    ask,
    block_files,
    ndjson,
    numbered,
    storage_folder,
    take_nudges,
    tuned,
    volume_id,
    work,
    work_off,
)
from tests.integration.job_builders import a_file_import, an_item_type
from workers.sweeping import sweep

DAYS = 30.0


@pytest.fixture(autouse=True)
def _nothing_waits(ground: Ground) -> Iterator[None]:
    yield
    take_nudges(ground)


@pytest.fixture
def keeping(ground: Ground) -> Ground:
    """A ground that keeps files of batch imports and blocks of other imports for DAYS."""
    return tuned(ground, upload_days=DAYS, block_days=DAYS)


@pytest.fixture(autouse=True)
def nothing_to_remove(ground: Ground) -> None:
    """A sweep removes so much at most, and other tests have left something."""

    def is_gone() -> bool:
        sweep(ground)
        with ground.database.begin() as session:
            return not sweeps.garbage(session, limit=1)

    wait_for(is_gone)


def let_days_pass(ground: Ground, import_id: int, days: float = DAYS + 1) -> None:
    """Time passes since the import was created and, where it has ended, since its end."""
    passed = """
    UPDATE imports SET ended_at = ended_at - :days * interval '1 day',
                       ran_at = ran_at - :days * interval '1 day',
                       created_at = created_at - :days * interval '1 day' WHERE id = :id
    """
    with ground.database.begin() as session:
        session.execute(text(passed), {"id": import_id, "days": days})


class FailingStorage(FolderStorage):
    """A folder whose removals break after the first file."""

    def remove_group(self, group: str, look: Look = lambda: None) -> None:
        next((self.root / group).iterdir()).unlink()
        raise StorageFault("Block storage could not remove the bytes: Input/output error.")

    @property
    def root(self):
        return self._root


def test_blocks_go_after_their_time_and_what_the_import_did_stays(keeping: Ground, service: Service):
    import_id = an_import(keeping, service, numbered(2), ndjson(b"oops"))
    before = work_off(keeping, service, import_id)
    let_days_pass(keeping, import_id)

    sweep(keeping)

    assert block_files(keeping, import_id) == []
    after = get_import(keeping, service, import_id)
    assert (after.status, after.created_documents) == (before.status, before.created_documents)
    assert list_blocks(keeping, service, import_id, 1) == [1, 2]
    assert [line.code for line in list_rejections(keeping, service, import_id, 1)] == ["invalid_json"]
    with pytest.raises(BlockGone, match="removed at"):
        open_block(keeping, service, import_id, 1)
    with pytest.raises(BlockGone):
        stream_rejections(keeping, service, import_id)


def test_blocks_stay_forever_unless_a_time_is_set(ground: Ground, service: Service):
    """The published API promises them for auditing."""
    import_id = an_import(ground, service, numbered(1))
    work_off(ground, service, import_id)
    let_days_pass(ground, import_id, 10_000)

    sweep(ground)

    assert len(block_files(ground, import_id)) == 1


def test_an_uploaded_file_and_its_blocks_go_after_a_week(ground: Ground, service: Service):
    an_item_type(ground, service)
    job = a_file_import(ground, service, ndjson({"accountId": "1"}, {"name": "no key"}))
    before = job.work_off()
    let_days_pass(ground, job.import_id, 6)
    sweep(ground)
    assert len(block_files(ground, job.import_id)) == 2

    let_days_pass(ground, job.import_id, 2)
    sweep(ground)

    assert block_files(ground, job.import_id) == []
    assert job.shown().view == before.view
    assert job.rejected() == [(2, "invalid_key")]


def test_nothing_of_an_import_that_has_not_ended_is_touched(keeping: Ground, service: Service):
    small = tuned(keeping, batch_lines=1)
    configuring = an_import(small, service, numbered(1), status=Status.CONFIGURING)
    paused = an_import(small, service, numbered(3))
    work(small, paused, should_stop=after_batches(1, lambda: ask(small, service, paused, Status.PAUSED)))
    running = an_import(small, service, numbered(3))
    work(small, running, should_stop=after_batches(1, lambda: True))
    for import_id in (configuring, paused, running):
        let_days_pass(small, import_id, 10_000)

    sweep(small)

    assert all(len(block_files(small, import_id)) == 1 for import_id in (configuring, paused, running))
    assert work_off(small, service, running).status == Status.COMPLETE


def test_a_removal_that_broke_in_the_middle_is_finished_later(keeping: Ground, service: Service):
    import_id = an_import(keeping, service, numbered(1), numbered(1), numbered(1))
    work_off(keeping, service, import_id)
    let_days_pass(keeping, import_id)
    sweep(replace(keeping, storage=FailingStorage(storage_folder(keeping), volume_id(keeping))))
    assert len(block_files(keeping, import_id)) == 2
    with pytest.raises(BlockGone):
        open_block(keeping, service, import_id, 1)

    sweep(keeping)

    assert block_files(keeping, import_id) == []
    with keeping.database.begin() as session:
        assert import_id not in sweeps.garbage(session, limit=1000)


def test_an_import_may_be_deleted_while_its_bytes_wait_to_be_removed(keeping: Ground, service: Service):
    import_id = an_import(keeping, service, numbered(1))
    work_off(keeping, service, import_id)
    let_days_pass(keeping, import_id)
    sweep(replace(keeping, storage=FailingStorage(storage_folder(keeping), volume_id(keeping))))

    delete_import(keeping, service, import_id)
    sweep(keeping)

    with keeping.database.begin() as session:
        assert import_id not in sweeps.garbage(session, limit=1000)


def test_a_sweep_ends_the_keeping_of_so_many_at_most(keeping: Ground, service: Service):
    with keeping.database.begin() as session:
        retention.end_keeping_blocks(session, days=DAYS, limit=1000)  # what others have left
    ids = [an_import(keeping, service) for _ in range(3)]
    for import_id in ids:
        work_off(keeping, service, import_id)
        let_days_pass(keeping, import_id)

    with keeping.database.begin() as session:
        portions = [retention.end_keeping_blocks(session, days=DAYS, limit=2) for _ in range(3)]

    assert [len(portion) for portion in portions] == [2, 1, 0]
    assert sorted(portions[0] + portions[1]) == ids


MANY = 20_000

MANY_ENDED = """
INSERT INTO imports (service_id, collection_id, strategies, reading, status, ended_at, bytes_removed_at)
SELECT :service_id, c.id, '{create}', CASE n % 2 WHEN 0 THEN '{}'::jsonb END, 'complete',
       now() - interval '1 year', CASE WHEN n > 10 THEN now() END
  FROM collections c, generate_series(1, :many) n WHERE c.service_id = :service_id
"""

MANY_EXPORTED = """
INSERT INTO exports (service_id, collection_id, selection, rendering, link_key, status, ended_at, expires_at,
                     files_removed_at)
SELECT :service_id, c.id, '{}', '{}', 'x', 'completed', now() - interval '1 year',
       now() - interval '1 year', CASE WHEN n > 10 THEN now() END
  FROM collections c, generate_series(1, :many) n WHERE c.service_id = :service_id
"""


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        (retention.END_OF_KEEPING_FILES, ["ix_imports_kept_files"]),
        (retention.END_OF_KEEPING_BLOCKS, ["ix_imports_kept_blocks"]),
        (retention.EXPORT_GARBAGE, ["ix_exports_kept_files", "ix_exports_unlinked"]),
    ],
    ids=["files", "blocks", "exports"],
)
def test_what_is_due_is_found_by_an_index_among_many(
    ground: Ground, service: Service, statement: str, indexes: list[str]
):
    given = {"service_id": service.id, "many": MANY}
    with ground.database.begin() as session:
        session.execute(text(MANY_ENDED), given)
        session.execute(text(MANY_EXPORTED), given)
        session.execute(text("ANALYZE imports, exports"))

        asked = {"age": "30 days", "limit": 100, "looks": 10_000}
        plan = "\n".join(session.scalars(text(f"EXPLAIN {statement}"), asked))
        session.rollback()

    assert all(index in plan for index in indexes), plan
    assert "Seq Scan" not in plan, plan
