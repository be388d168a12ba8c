"""The reader's role as a login of its own, with its password, on a server that asks for it."""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from sqlalchemy import make_url, text

from api.usecases.services import Service
from shared.db.queries.checking import check_query
from shared.db.queries.reader import Reader, ensure_reader
from shared.db.queries.relations import ItemRelation
from shared.db.queries.running import QueryLimits, open_query
from shared.errors import DatabaseUnavailable
from shared.ground import Ground
from tests.acceptance.waiting import wait_for
from tests.integration.querying import a_collection
from tests.services import Services

ROLE = "longshore_reader_asked"

# Rules are read from the first one on. The odd signs keep COPY from quoting what is in them.
READ_RULES = "SELECT pg_read_file(current_setting('hba_file'))"
WRITE_RULES = """
DO $body$ BEGIN EXECUTE format(
    $copy$COPY (SELECT line FROM unnest(string_to_array(%L, E'\\n')) AS line WHERE line <> '')
          TO %L (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')$copy$,
    {rules}, current_setting('hba_file')
); END $body$;
SELECT pg_reload_conf()
"""


def write_rules(ground: Ground, rules: str) -> None:
    with ground.database.begin() as session:
        quoted = "'{}'".format(rules.replace("'", "''"))
        session.connection().exec_driver_sql(WRITE_RULES.format(rules=quoted).replace("%", "%%"))


def is_let_in(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError as error:
        if "authentication failed" not in str(error):
            raise
        return False
    return True


def with_password(url: str, password: str) -> str:
    return make_url(url).set(password=password).render_as_string(hide_password=False)


@pytest.fixture
def reader(ground: Ground) -> Iterator[Reader]:
    """A reader with a password."""
    own = make_url(ground.settings.database_url).set(username=ROLE, password="its own password")
    made = Reader(ROLE, own.password, own.render_as_string(hide_password=False))
    with ground.database.begin() as session:
        ensure_reader(session, made)
    yield made
    with ground.database.begin() as session:
        session.execute(text(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}"))


@pytest.fixture
def asked(ground: Ground, services: Services, reader: Reader) -> Iterator[Reader]:
    """The same, on a server that asks it for its password."""
    wrong = with_password(reader.url, "a guess")
    if services.kind != "embedded":
        if is_let_in(wrong):
            pytest.skip("This server asks for no passwords.")
        yield reader
        return
    with ground.database.begin() as session:
        before = str(session.execute(text(READ_RULES)).scalar_one())
    write_rules(ground, f"local all {ROLE} scram-sha-256\n{before}")
    try:
        wait_for(lambda: not is_let_in(wrong))
        yield reader
    finally:
        write_rules(ground, before)


def test_the_role_logs_in_with_its_password_and_reads_what_was_signed_for(
    ground: Ground, service: Service, asked: Reader
):
    thing = ItemRelation(a_collection(ground, service, "/thing", {"1": {"name": "x"}}))
    query = check_query("SELECT name FROM thing", [("thing", thing)])

    with open_query(ground.database, asked.url, query, QueryLimits()) as rows:
        assert list(rows) == [b'{"name":"x"}']


def test_a_guessed_password_is_no_way_in(ground: Ground, asked: Reader):
    guessed = with_password(asked.url, "its own passw0rd")

    with (
        pytest.raises(DatabaseUnavailable),
        open_query(ground.database, guessed, check_query("SELECT 1", []), QueryLimits()),
    ):
        pass


WAYS_BACK = ("RESET ROLE", "RESET SESSION AUTHORIZATION", "SET ROLE NONE", "DISCARD ALL", "RESET ALL")


@pytest.mark.parametrize("statement", WAYS_BACK)
def test_there_is_no_role_behind_it_to_go_back_to(asked: Reader, statement: str):
    with closing(psycopg2.connect(asked.url)) as session, session.cursor() as cursor:
        session.autocommit = True
        cursor.execute(statement)

        cursor.execute("SELECT session_user, current_user")
        assert cursor.fetchall() == [(ROLE, ROLE)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT * FROM public.documents")
