"""Workers of an earlier release go on while the schema is brought further, and beside workers of this one."""

from shared.db.database import Database
from shared.db.migrate import migrate
from shared.db.models import Import
from shared.db.versions import newest_version
from shared.ground import Ground
from shared.storage.receipts import StoredBytes
from tests.integration.builders import let_leases_expire, numbered, work
from tests.integration.earlier_worker import EarlierWorker

NOTHING = StoredBytes("key", 100, b"")


def outcome(database: Database, import_id: int) -> tuple[str, int, int, int, int]:
    with database.begin() as session:
        row = session.get_one(Import, import_id)
        return (
            row.status,
            row.created_documents,
            row.updated_documents,
            row.rejected_documents,
            row.percent_complete,
        )


def test_a_worker_of_the_first_schema_goes_on_through_every_migration(empty: Database):
    """It holds a block all the time, and applies a batch of it between any two migrations."""
    migrate(empty, to="0001")
    worker = EarlierWorker(empty)
    worker.start("one", NOTHING, NOTHING)
    worker.claim()
    versions = [f"{n:04}" for n in range(2, int(newest_version()) + 1)]

    for version in versions:
        migrate(empty, to=version)
        worker.apply([version], created=1, is_finished=version == versions[-1], is_direct=True)
    worker.claim()
    worker.apply([*versions, "new"], created=1, is_finished=True, is_direct=False)

    assert outcome(empty, worker.import_id) == ("complete", len(versions) + 1, len(versions), 2, 100)


def test_an_import_may_be_begun_by_a_worker_of_the_first_schema_and_ended_by_one_of_today(apart: Ground):
    stored = apart.storage.write(1, [numbered(2)])
    worker = EarlierWorker(apart.database)
    worker.start("one", stored)
    worker.claim()
    worker.apply(["001"], created=1, is_finished=False, is_direct=True)
    let_leases_expire(apart, worker.import_id)

    work(apart, worker.import_id)

    assert outcome(apart.database, worker.import_id) == ("complete", 2, 0, 0, 100)
