"""The schema that migrations make, and making it twice or by several processes at once."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.orm import Session

from shared.db import quotas
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.db.models import Base
from shared.db.server import OLDEST_MAJOR
from shared.db.versions import current_version, is_migrated, newest_version
from shared.errors import DatabaseUnusable

PROCESSES = 4
DEADLINE_SECONDS = 60


def differences(session: Session) -> list[object]:
    """What the models say and the database does not, or the other way round."""
    options = {
        "include_object": lambda _, name, kind, *__: (kind, name) != ("table", "documents"),
        "compare_server_default": True,
    }
    return list(
        compare_metadata(MigrationContext.configure(session.connection(), opts=options), Base.metadata)
    )


def constraints(session: Session) -> dict[str, list[str]]:
    """Names of the check constraints of each table."""
    look = inspect(session.connection())
    return {
        table: sorted(str(check["name"]) for check in look.get_check_constraints(table))
        for table in Base.metadata.tables
    }


def test_a_fresh_database_is_what_the_models_say(empty: Database):
    migrate(empty)

    with empty.begin() as session:
        assert differences(session) == []


def test_check_constraints_are_the_models_too(empty: Database):
    migrate(empty)
    with empty.begin() as session:
        migrated = constraints(session)
        session.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        Base.metadata.create_all(session.connection())

        assert constraints(session) == migrated


def test_an_empty_database_is_not_migrated(empty: Database):
    assert not is_migrated(empty)


def test_migrating_twice_is_migrating_once(empty: Database):
    assert migrate(empty) == migrate(empty) == newest_version()

    assert is_migrated(empty)


# What the database says of itself, to those who do not ask for pg_catalog by name.
PRETEND = """
CREATE FUNCTION public.current_setting(name text) RETURNS text LANGUAGE sql AS $body$
    SELECT coalesce(CAST('{claims}' AS jsonb) ->> name, pg_catalog.current_setting(name))
$body$;
ALTER DATABASE {database} SET search_path = public, pg_catalog
"""

UNUSABLE = {
    "too old": (
        '{"server_version_num": "140018", "server_version": "14.18"}',
        "is PostgreSQL 14.18; expected is 15",
    ),
    "another encoding": ('{"server_encoding": "LATIN1"}', "keeps text as LATIN1; expected is UTF8"),
}


def pretend(empty_url: str, claims: str) -> None:
    url = make_url(empty_url)
    engine = create_engine(url.set(drivername="postgresql+psycopg2"))
    with engine.begin() as connection:
        connection.exec_driver_sql(PRETEND.format(claims=claims, database=url.database))
    engine.dispose()


@pytest.mark.parametrize(("claims", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_server_that_will_not_do_is_refused_and_left_alone(
    empty: Database, empty_url: str, claims: str, reason: str
):
    pretend(empty_url, claims)

    with pytest.raises(DatabaseUnusable, match=reason):
        migrate(empty)

    with empty.begin() as session:
        assert current_version(session) is None


def test_the_oldest_server_that_will_do_is_migrated(empty: Database, empty_url: str):
    pretend(empty_url, f'{{"server_version_num": "{OLDEST_MAJOR}0000"}}')

    assert migrate(empty) == newest_version()


MIGRATE_ON_COMMAND = """
import sys
from shared.db.database import Database
from shared.db.migrate import migrate
database = Database(sys.argv[1], pool_size=2)
database.ping()
print("ready", flush=True)
sys.stdin.readline()
print(migrate(database))
"""


def test_several_processes_may_migrate_at_once(empty: Database, empty_url: str):
    running = [_start(MIGRATE_ON_COMMAND, empty_url) for _ in range(PROCESSES)]
    assert all(process.stdout.readline() == "ready\n" for process in running)

    for process in running:
        process.stdin.write("now\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=DEADLINE_SECONDS) for process in running]

    assert [output for output, _ in ended] == [f"{newest_version()}\n"] * PROCESSES, ended
    with empty.begin() as session:
        assert current_version(session) == newest_version()
        assert differences(session) == []


def _start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


STORED_BY_THE_RELEASE_BEFORE = """
INSERT INTO data_services (id, name) VALUES (1, 'one'), (2, 'two');
INSERT INTO collections (id, service_id, path) VALUES (1, 1, '/a'), (2, 2, '/a');
INSERT INTO imports (id, service_id, collection_id, strategies)
VALUES (1, 1, 1, '{create}'), (2, 1, 1, '{create}'), (3, 2, 2, '{create}');
INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key)
VALUES (1, 1, 10, '', ''), (1, 2, 20, '', ''), (2, 1, 40, '', ''), (3, 1, 5, '', '');
INSERT INTO exports (id, service_id, collection_id, selection, rendering, link_key)
VALUES (1, 1, 1, '{}', '{}', '');
INSERT INTO export_files (export_id, number, name, media_type, size_bytes, storage_key)
VALUES (1, 1, '', '', 100, '')
"""

WRITTEN_BY_IT_STILL = """
INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key) VALUES (2, 2, 7, '', '');
DELETE FROM imports WHERE id = 1;
DELETE FROM export_files WHERE export_id = 1
"""


def test_stored_bytes_are_counted_once_and_then_whatever_process_writes(empty: Database):
    migrate(empty, to="0009")
    with empty.begin() as session:
        session.execute(text(STORED_BY_THE_RELEASE_BEFORE))

    migrate(empty)
    with empty.begin() as session:
        assert [quotas.stored_bytes(session, service_id) for service_id in (1, 2, 3)] == [170, 5, 0]

    with empty.begin() as session:
        session.execute(text(WRITTEN_BY_IT_STILL))
        assert [quotas.stored_bytes(session, service_id) for service_id in (1, 2)] == [47, 5]
        session.execute(text("DELETE FROM exports; DELETE FROM imports WHERE service_id = 1"))
        assert quotas.stored_bytes(session, 1) == 0
