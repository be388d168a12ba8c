"""Migrations beside transactions that are in their way, and beside each other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from shared.db.database import Database
from shared.db.migrate import LockPatience, migrate
from shared.db.versions import current_version, is_migrated, newest_version
from shared.errors import SchemaBusy
from shared.ground import Ground
from tests.integration.job_builders import wait_until
from tests.integration.test_held_rows import WAITING

BEFORE, ALTERS_BLOCKS = "0003", "0004"
READ_FOR_LONG = "LOCK TABLE blocks IN ACCESS SHARE MODE"
HASTY = LockPatience(lock_seconds=0.02, pause_seconds=0.02, attempts=2)
PATIENT = LockPatience(lock_seconds=0.02, pause_seconds=0.02, attempts=10_000)


@pytest.fixture
def other(empty: Database, empty_url: str) -> Iterator[Database]:
    """Another process's way to the same database, which has the schema of an earlier release."""
    migrate(empty, to=BEFORE)
    database = Database(empty_url, pool_size=3)
    yield database
    database.close()


def waits_for_a_lock(database: Database) -> bool:
    with database.begin() as session:
        return bool(session.execute(text(WAITING), {"part": "documents"}).scalar_one())


def version_of(database: Database) -> str | None:
    with database.begin() as session:
        return current_version(session)


def test_nobody_waits_behind_a_migration_that_waits(empty: Database, other: Database):
    told: list[str] = []
    with ThreadPoolExecutor() as threads:
        with other.begin() as reader:
            reader.execute(text(READ_FOR_LONG))
            migrating = threads.submit(migrate, empty, to=ALTERS_BLOCKS, patience=PATIENT, report=told.append)
            wait_until(lambda: told != [])

            with other.begin() as passing:
                passing.execute(text("SET LOCAL statement_timeout = '10s'; SELECT count(*) FROM blocks"))
            assert not migrating.done()

        assert migrating.result(timeout=60) == ALTERS_BLOCKS
    assert told == [f"Version {ALTERS_BLOCKS} needs a table that is in use: trying again and again."]


def test_a_migration_that_gets_no_lock_tells_who_is_in_its_way_and_has_done_nothing(
    empty: Database, other: Database
):
    with other.begin() as reader:
        reader.execute(text("SET LOCAL application_name = 'nightly-report'; " + READ_FOR_LONG))

        found = rf"Version {ALTERS_BLOCKS} .* nightly-report \(pid \d+, \d+ s\)"
        with pytest.raises(SchemaBusy, match=found):
            migrate(empty, patience=HASTY)

    assert version_of(empty) == BEFORE
    assert migrate(empty) == newest_version()


def test_the_room_of_documents_is_waited_for_until_a_vacuum_gives_way(empty: Database, other: Database):
    """An autovacuum does when somebody has waited for a second: with others' patience nobody had by then."""
    migrate(other, to="0026")
    once = LockPatience(attempts=1)
    with ThreadPoolExecutor() as threads:
        with empty.begin() as vacuum:
            vacuum.execute(text("LOCK TABLE documents IN SHARE UPDATE EXCLUSIVE MODE"))
            migrating = threads.submit(migrate, other, patience=once)
            wait_until(lambda: waits_for_a_lock(empty))
            vacuum.execute(text("SELECT pg_sleep(1.5)"))
        assert migrating.result(timeout=60) == newest_version()


def test_the_second_of_two_waits_and_finds_nothing_to_do(empty: Database, other: Database):
    """Also where the first makes an index, which waits until nobody has an older snapshot."""
    first_told: list[str] = []
    second_told: list[str] = []
    with ThreadPoolExecutor() as threads:
        with other.begin() as reader:
            reader.execute(text(READ_FOR_LONG))
            first = threads.submit(migrate, empty, patience=PATIENT, report=first_told.append)
            wait_until(lambda: first_told != [])
            second = threads.submit(migrate, other, patience=HASTY, report=second_told.append)
            wait_until(lambda: second_told != [])

        assert first.result(timeout=60) == second.result(timeout=60) == newest_version()
    assert second_told == ["Another process migrates: waiting until it has finished."]


def test_an_index_that_was_cut_off_is_made_anew(empty: Database):
    migrate(empty, to="0006")
    cut_off = """
    CREATE INDEX ix_imports_open ON imports (id);
    UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_imports_open'::regclass
    """
    with empty.begin() as session:
        session.execute(text(cut_off))

    migrate(empty, to="0007")

    made = """
    SELECT indisvalid, pg_get_indexdef(indexrelid) FROM pg_index
     WHERE indexrelid = 'ix_imports_open'::regclass
    """
    with empty.begin() as session:
        is_valid, definition = session.execute(text(made)).one()
    assert is_valid
    assert "(service_id)" in definition


def test_an_interrupted_migration_with_an_index_is_done_again(empty: Database):
    migrate(empty)
    with empty.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0008'"))
        session.execute(text("DROP INDEX ix_imports_kept_blocks"))

    assert migrate(empty, to="0009") == "0009"


def test_a_schema_that_a_later_release_made_is_left_alone_and_good_enough(empty: Database):
    """Else every API of this release would be unready from the moment that the next one's schema is there."""
    migrate(empty)
    with empty.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert migrate(empty) == "9999"
    assert is_migrated(empty)


CHANGED_BY_CHECKPOINTS = {
    "blocks": {
        "checkpoint_offset", "checkpoint_line", "attempts", "suspicions", "failing_since", "leased_until",
    },
    "imports": {
        "created_documents", "updated_documents", "deleted_documents", "skipped_documents",
        "rejected_documents", "unkept_rejections", "applied_bytes", "rendered_items", "rendering_seconds",
    },
    "exports": {"records", "leased_until", "rendered_items", "rendering_seconds", "total_records"},
}  # fmt: skip

# Columns of an index, of its expressions and of its condition.
INDEXED = """
SELECT DISTINCT t.relname, a.attname
  FROM pg_depend d
  JOIN pg_class i ON i.oid = d.objid AND i.relkind = 'i'
  JOIN pg_class t ON t.oid = d.refobjid AND t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
"""


def test_what_a_checkpoint_changes_is_in_no_index(ground: Ground):
    """Such an update stays on its page; the condition of an index counts like its columns."""
    with ground.database.begin() as session:
        indexed = {tuple(row) for row in session.execute(text(INDEXED))}

    changed = {(table, column) for table, columns in CHANGED_BY_CHECKPOINTS.items() for column in columns}
    assert ("exports", "ended_at") in indexed
    assert indexed & changed == set()
