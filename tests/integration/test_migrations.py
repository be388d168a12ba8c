"""The schema that migrations make, and making it twice or by several processes at once."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.orm import Session

from shared.db.database import Database
from shared.db.migrate import current_version, is_migrated, migrate, newest_version
from shared.db.models import Base
from shared.db.server import OLDEST_MAJOR
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
database = Database(sys.argv[1], pool_size=1)
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
