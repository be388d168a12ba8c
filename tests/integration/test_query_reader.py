"""The last wall: SQL that got past every check, sent by the reader's role itself, still finds nothing."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest
from psycopg2.extensions import connection
from sqlalchemy import create_engine, make_url, text

from api.usecases.services import Service, add_service
from shared.db.migrate import migrate
from shared.db.queries.allowed import FUNCTIONS
from shared.db.queries.reader import Reader, ensure_reader
from shared.db.queries.refusals import ReaderRefused
from shared.db.queries.relations import ItemRelation
from shared.ground import Ground
from tests.integration.querying import a_collection, as_reader, ask, prepared_reader, signed

DOCUMENTS = "SELECT documentid FROM longshore_reader.documents"


@pytest.fixture
def reader(ground: Ground) -> Reader:
    return prepared_reader(ground)


@pytest.fixture
def owner(ground: Ground) -> str:
    """The role that owns the documents."""
    return str(make_url(ground.settings.database_url).username)


@pytest.fixture
def mine(ground: Ground, service: Service) -> int:
    return a_collection(ground, service, "/mine", {"mine": {}})


@pytest.fixture
def theirs(ground: Ground, service: Service) -> int:
    """A collection of another data service."""
    other, _ = add_service(ground, f"other-than-{service.name}")
    return a_collection(ground, other, "/theirs", {"theirs": {}})


@pytest.fixture
def hostile(ground: Ground, reader: Reader, mine: int, theirs: int) -> Iterator[connection]:
    """A session as the reader's role for somebody who may read `mine`."""
    opened = as_reader(reader, signed(ground, mine))
    yield opened
    opened.close()


def rows(session: connection, sql: str) -> list[tuple[object, ...]]:
    with session.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_the_view_shows_what_was_signed_for(hostile: connection):
    assert rows(hostile, DOCUMENTS) == [("mine",)]


def test_a_session_without_signature_sees_nothing(reader: Reader, mine: int):
    session = as_reader(reader, "")

    assert rows(session, DOCUMENTS) == []
    session.close()


FORGERIES = {
    "no signature": "{theirs}",
    "an empty signature": "{theirs}:",
    "a signature of another list": "{theirs}:{signature}",
    "one more in the list": "{mine},{theirs}:{signature}",
    "the list twice": "{mine}:{signature}:{theirs}",
    "nonsense": "x:{signature}",
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_list_that_was_not_signed_shows_nothing_of_others(
    ground: Ground, hostile: connection, mine: int, theirs: int, forged: str
):
    signature = signed(ground, mine).split(":")[1]

    rows(hostile, f"SELECT set_config('longshore.reads', '{forged}', false)".format(
        mine=mine, theirs=theirs, signature=signature
    ))  # fmt: skip

    assert ("theirs",) not in rows(hostile, DOCUMENTS)


LEAKS = {
    "a division": "10 / (length(documentid) - length('theirs')) < 0",
    "a cast": "(CASE documentid WHEN 'mine' THEN '1' ELSE documentid END)::int = 1",
    "a cast to JSON": "(CASE documentid WHEN 'mine' THEN '1' ELSE documentid END)::json IS NOT NULL",
    "a pattern": "'x' !~ (CASE documentid WHEN 'mine' THEN 'y' ELSE '(' || documentid END)",
    "a subquery": "(SELECT 1 / length(replace(documentid, 'theirs', ''))) = 0",
    "a setting": "set_config('longshore.seen', documentid, false) = 'mine'",
}


@pytest.mark.parametrize("condition", LEAKS.values(), ids=LEAKS.keys())
def test_a_condition_sees_no_row_that_it_must_not_see(hostile: connection, condition: str):
    assert rows(hostile, f"{DOCUMENTS} WHERE {condition}") == [("mine",)]
    assert rows(hostile, "SELECT current_setting('longshore.seen', true)") in ([("mine",)], [(None,)])


def test_statistics_show_nothing_of_the_documents(ground: Ground, hostile: connection):
    with ground.database.begin() as session:
        session.execute(text("ANALYZE documents"))

    assert (
        rows(hostile, "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE attname = 'documentid'")
        == []
    )
    assert rows(hostile, "SELECT * FROM pg_stats_ext") == []


def test_the_owners_statements_are_not_seen(ground: Ground, hostile: connection):
    with ground.database.begin() as session:
        session.execute(text("SELECT 'a secret of the owner'"))

        seen = rows(hostile, "SELECT query FROM pg_stat_activity")

    assert seen
    assert not any("secret of the owner" in str(query) for (query,) in seen)


TABLES = (
    "alembic_version", "blocks", "collections", "data_services", "documents", "exports", "imports",
    "notifications", "oauth_tokens", "rejections", "service_usage", "signing_secrets", "users",
)  # fmt: skip

ATTEMPTS = {
    "the key": "SELECT key FROM longshore_reader.signing_key",
    "signing": "SELECT longshore_reader.signature('1')",
    "writing through the view": "INSERT INTO longshore_reader.documents VALUES (1, 'x', '{}')",
    "deleting through the view": "DELETE FROM longshore_reader.documents",
    "becoming the owner": "SET ROLE the_owner",
    "logging in as the owner": "SET SESSION AUTHORIZATION the_owner",
    "a role of its own": "CREATE ROLE mighty SUPERUSER",
    "more rights": "ALTER ROLE CURRENT_USER SUPERUSER",
    "rights on the documents": "GRANT SELECT ON public.documents TO CURRENT_USER",
    "a table": "CREATE TABLE public.mine (a int)",
    "a table in its schema": "CREATE TABLE longshore_reader.mine (a int)",
    "a function": "CREATE FUNCTION longshore_reader.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a file": "SELECT pg_read_file('/etc/passwd')",
    "a folder": "SELECT pg_ls_dir('.')",
    "an imported file": "SELECT lo_import('/etc/passwd')",
    "a program": "COPY (SELECT 1) TO PROGRAM 'id'",
    "a file to write": "COPY (SELECT 1) TO '/tmp/x'",
    "a file to read": "COPY longshore_reader.documents FROM '/etc/passwd'",
    "passwords": "SELECT rolpassword FROM pg_authid",
    "a lock on the documents": "BEGIN; LOCK TABLE public.documents",
    "a query in a string": "SELECT query_to_xml('SELECT * FROM public.documents', true, true, '')",
    "a temporary table": "CREATE TEMP TABLE mine (a int)",
    "a temporary copy": "SELECT * INTO TEMP mine FROM longshore_reader.documents",
    "a large object": "SELECT lo_from_bytea(0, 'x')",
    "an empty large object": "SELECT lo_create(0)",
    "an exported large object": "SELECT lo_export(1, '/tmp/x')",
    "large objects of others": "SELECT data FROM pg_largeobject",
    "statistics that show values": "SELECT * FROM pg_statistic",
    "users' mappings": "SELECT * FROM pg_user_mapping",
    "settings of roles with their secrets": "SELECT * FROM pg_hba_file_rules",
    "a function in a language that reaches out": (
        "CREATE FUNCTION longshore_reader.f() RETURNS int LANGUAGE c AS '/tmp/x.so'"
    ),
    "the view's definition": "CREATE OR REPLACE VIEW longshore_reader.documents AS SELECT 1",
    "locking rows": "SELECT * FROM longshore_reader.documents FOR UPDATE",
    "a trigger": "CREATE TRIGGER t BEFORE INSERT ON public.documents EXECUTE FUNCTION f()",
    "a publication": "CREATE PUBLICATION p FOR TABLE public.documents",
    "another database's connection limit": "ALTER DATABASE postgres CONNECTION LIMIT 1",
    "the server's settings": "ALTER SYSTEM SET work_mem = '1GB'",
    "a setting of the server": "SET temp_file_limit = -1",
    "ending the owner's sessions": (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'the_owner'"
    ),
} | {f"the table {table}": f"SELECT * FROM public.{table}" for table in TABLES}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_the_role_may_do_nothing_else(hostile: connection, owner: str, attempt: str):
    with hostile.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")

        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(attempt.replace("the_owner", owner))


def test_the_role_starts_read_only_and_without_a_search_path(hostile: connection):
    assert rows(hostile, "SHOW default_transaction_read_only") == [("on",)]
    assert rows(hostile, "SHOW search_path") == [('""',)]
    assert rows(hostile, "SHOW temp_file_limit") == [("4GB",)]


def test_sessions_of_the_role_do_not_see_each_others_statements(reader: Reader, hostile: connection):
    other = as_reader(reader, "")
    rows(other, "SELECT 'a secret of another tenant'")

    seen = rows(hostile, "SELECT query FROM pg_stat_activity WHERE query LIKE '%of another tenant%'")

    assert seen == []
    other.close()


NEWER_THAN_THE_OLDEST_SERVER = {"any_value": 160000}


def test_allowed_functions_are_built_in_and_without_effects(ground: Ground):
    with ground.database.begin() as session:
        version = int(session.execute(text("SHOW server_version_num")).scalar_one())
        found = session.execute(
            text(
                "SELECT proname, bool_and(provolatile <> 'v') FROM pg_proc"
                " WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY (:names) GROUP BY 1"
            ),
            {"names": sorted(FUNCTIONS)},
        ).all()

    missing = {name for name, since in NEWER_THAN_THE_OLDEST_SERVER.items() if version < since}
    assert {name for name, _ in found} == FUNCTIONS - missing
    assert {name for name, is_without_effects in found if not is_without_effects} == {"random"}


def test_making_the_reader_again_changes_nothing(ground: Ground, mine: int):
    before = signed(ground, mine)

    prepared_reader(ground)

    assert signed(ground, mine) == before


def test_a_schema_in_which_everybody_may_sign_is_not_used_and_made_anew(
    ground: Ground, reader: Reader, mine: int
):
    """`pg_restore --no-privileges` gave the reader the right to sign for itself."""
    with ground.database.begin() as session:
        session.execute(text("GRANT EXECUTE ON FUNCTION longshore_reader.signature TO PUBLIC"))

    with pytest.raises(ReaderRefused, match="longshore migrate"):
        signed(ground, mine)
    prepared_reader(ground)

    with closing(as_reader(reader, signed(ground, mine))) as session:
        assert rows(session, DOCUMENTS) == [("mine",)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(session, "SELECT longshore_reader.signature('1')")


def test_a_password_is_kept_as_a_verifier(ground: Ground):
    reader = Reader("longshore_reader_with_password", "a password", "")

    with ground.database.begin() as session:
        ensure_reader(session, reader)
        kept = session.execute(
            text("SELECT rolpassword FROM pg_authid WHERE rolname = :role"), {"role": reader.role}
        ).scalar_one()
        session.rollback()

    assert kept.startswith("SCRAM-SHA-256$")


def test_a_role_that_may_do_more_is_refused(ground: Ground, owner: str):
    with (
        ground.database.begin() as session,
        pytest.raises(ReaderRefused, match="may do more than read"),
    ):
        ensure_reader(session, Reader(owner, None, ""))


def test_an_owner_who_may_not_make_roles_is_told_what_to_do(ground: Ground):
    with ground.database.begin() as session:
        session.execute(text("CREATE ROLE poor_owner; SET LOCAL ROLE poor_owner"))

        with pytest.raises(ReaderRefused, match='have an administrator run CREATE ROLE "missing" LOGIN'):
            ensure_reader(session, Reader("missing", None, ""))
        session.rollback()


@pytest.fixture
def modest_url(ground: Ground) -> Iterator[str]:
    """A database whose owner is no superuser, but may make roles."""
    url = make_url(ground.settings.database_url)
    own = url.set(username="modest", password="modest's own", database="modest")
    server = create_engine(url.set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")
    with server.connect() as connected:
        connected.exec_driver_sql("CREATE ROLE modest LOGIN CREATEROLE PASSWORD 'modest''s own'")
        connected.execute(text("CREATE DATABASE modest OWNER modest"))
        try:
            yield own.render_as_string(hide_password=False)
        finally:
            connected.execute(text("DROP DATABASE modest WITH (FORCE)"))
            connected.execute(text("DROP ROLE IF EXISTS longshore_reader_modest; DROP ROLE modest"))
    server.dispose()


@pytest.fixture
def modest(ground: Ground, modest_url: str) -> Iterator[Ground]:
    """That database, migrated."""
    opened = Ground.open(replace(ground.settings, database_url=modest_url))
    migrate(opened.database)
    yield opened
    opened.close()


def test_an_owner_needs_not_be_a_superuser(modest: Ground):
    prepared_reader(modest)
    reader = prepared_reader(modest)
    service, _ = add_service(modest, "modest")
    collection_id = a_collection(modest, service, "/thing", {"1": {"name": "x"}})

    assert ask(modest, "SELECT name FROM thing", {"thing": ItemRelation(collection_id)}) == [{"name": "x"}]
    with closing(as_reader(reader, "")) as session:
        assert rows(session, "SHOW search_path") == [('""',)]
