"""Transactions, and a database that is not there."""

import socket
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url, text

from api.usecases.services import add_service, find_service
from shared.db import services
from shared.db.database import Database
from shared.db.failures import translated
from shared.db.sessions import break_silence
from shared.errors import BatchRefused, ConflictOfTransactions, DatabaseUnavailable, ServiceNotFound
from shared.ground import Ground
from shared.metrics import metrics
from shared.settings import Settings
from tests.integration.job_builders import wait_until
from tests.tls import front

LOCK_SERVICES = "LOCK TABLE data_services IN ACCESS EXCLUSIVE MODE"


def test_a_database_that_answers_is_reached(ground: Ground):
    ground.database.ping()


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path):
    database = Database(f"postgresql://nobody:pass-word@/nothing?host={tmp_path}", pool_size=1)

    with pytest.raises(DatabaseUnavailable) as away:
        database.ping()

    database.close()
    assert "pass-word" not in str(away.value)


def test_a_connection_that_broke_is_replaced(ground: Ground):
    database = Database(ground.settings.database_url, pool_size=1)
    with database.begin() as session:
        process = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with ground.database.begin() as session:
        session.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})

    database.ping()

    database.close()


class Way:
    """To the same database, and may be barred."""

    def __init__(self, url: str) -> None:
        self.is_barred = False
        self._given = make_url(url)

    def connect(self) -> socket.socket:
        if self.is_barred:
            raise ConnectionRefusedError
        port, folder = self._given.port or 5432, self._given.query.get("host")
        if folder is None:
            return socket.create_connection((self._given.host or "localhost", port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{folder}/.s.PGSQL.{port}")
        return server

    def url(self, port: int) -> str:
        behind = self._given.difference_update_query(["host"]).set(host="127.0.0.1", port=port)
        return behind.render_as_string(hide_password=False)


def connections_in_use() -> float:
    return metrics().registry.get_sample_value("longshore_database_connections_in_use") or 0.0


def test_what_cannot_connect_is_no_connection_given_back(ground: Ground):
    """While the database was away, each request took one off those in use, for good."""
    way = Way(ground.settings.database_url)
    with front(way.connect) as port, closing(Database(way.url(port), pool_size=1)) as database:
        with database.begin() as session:
            process = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        before = connections_in_use()
        with ground.database.begin() as session:
            session.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})

        way.is_barred = True
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                database.ping()
        way.is_barred = False
        with database.begin() as session:
            session.execute(text("SELECT 1"))
            during = connections_in_use()

    assert (during, connections_in_use()) == (before + 1, before)


def test_a_transaction_that_was_silent_for_too_long_finds_no_database(ground: Ground):
    database = Database(ground.settings.database_url, pool_size=1, silence_seconds=0.001)

    def be_silent() -> None:
        with database.begin() as session:
            process = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            wait_until(lambda: not _is_there(ground, process))
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        be_silent()

    database.close()


def _is_there(ground: Ground, process: int) -> bool:
    with ground.database.begin() as session:
        found = text("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :process)")
        return bool(session.execute(found, {"process": process}).scalar_one())


def test_a_transaction_that_lost_its_connection_before_its_end_finds_no_database(ground: Ground):
    """As where a heartbeat met it, and the body asked nothing more of it."""

    def lose_and_end() -> None:
        with ground.database.begin() as session:
            process = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with ground.database.begin() as another:
                another.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})
            with suppress(DatabaseUnavailable):
                break_silence(session)

    with pytest.raises(DatabaseUnavailable):
        lose_and_end()


def test_transactions_on_a_kept_connection_are_each_committed_or_undone(ground: Ground):
    process = text("SELECT pg_backend_pid()")
    with ground.database.keep() as begin:
        with begin() as session:
            first = session.execute(process).scalar_one()
            services.add(session, "kept")
        with suppress(LookupError), begin() as session:
            services.add(session, "undone")
            raise LookupError
        with begin() as session:
            assert session.execute(process).scalar_one() == first

        assert find_service(ground, "kept")
        with pytest.raises(ServiceNotFound):
            find_service(ground, "undone")


def test_a_kept_connection_that_breaks_is_a_database_unavailable_once(ground: Ground):
    with ground.database.keep() as begin:
        with begin() as session:
            process = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with ground.database.begin() as session:
            session.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})
        with pytest.raises(DatabaseUnavailable), begin() as session:
            session.execute(text("SELECT 1"))

        with begin() as session:
            assert session.execute(text("SELECT 1")).scalar_one() == 1


def test_a_connection_that_breaks_in_a_transaction_is_a_database_unavailable(ground: Ground):
    broken = "SELECT pg_terminate_backend(pg_backend_pid())"

    with pytest.raises(DatabaseUnavailable), ground.database.begin() as session:
        session.execute(text(broken))

    ground.database.ping()


def test_a_process_has_its_sessions_ended_that_are_silent_for_longer_than_a_lease(settings: Settings):
    """Who is frozen in the middle of a transaction held its locks for ever."""
    opened = Ground.open(replace(settings, lease_seconds=7.0))

    with opened.database.begin() as session:
        silence = session.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()

    opened.close()
    assert silence == "7s"


def test_nobody_waits_for_longer_than_a_lease_for_what_a_stranger_holds(settings: Settings, ground: Ground):
    """A forgotten transaction kept every connection of an API that clients asked for its row."""
    quick = Ground.open(replace(settings, lease_seconds=0.2))

    with ground.database.begin() as stranger:
        stranger.execute(text(LOCK_SERVICES))
        with pytest.raises(ConflictOfTransactions, match="holds in the database"):
            add_service(quick, "never-added")

    quick.close()


def test_what_raises_in_a_transaction_leaves_nothing_of_it(ground: Ground):
    def break_off() -> None:
        with ground.database.begin() as session:
            services.add(session, "half-done")
            raise LookupError

    with pytest.raises(LookupError):
        break_off()

    with pytest.raises(ServiceNotFound):
        find_service(ground, "half-done")


@pytest.mark.parametrize(
    ("sqlstate", "meaning"),
    [
        ("40001", ConflictOfTransactions),
        ("40P01", ConflictOfTransactions),
        ("55P03", ConflictOfTransactions),
        ("22003", BatchRefused),
        ("23514", BatchRefused),
        ("54000", BatchRefused),
        ("XX000", BatchRefused),
        ("53100", DatabaseUnavailable),
        ("53300", DatabaseUnavailable),
        ("57P01", DatabaseUnavailable),
        ("08006", DatabaseUnavailable),
        ("25P03", DatabaseUnavailable),
    ],
)
def test_what_the_driver_raises_is_said_in_our_terms(ground: Ground, sqlstate: str, meaning: type[Exception]):
    failing = f"DO $$ BEGIN RAISE EXCEPTION 'a test' USING ERRCODE = '{sqlstate}'; END $$"

    with pytest.raises(meaning), ground.database.begin() as session:
        session.execute(text(failing))


def test_a_database_that_takes_no_writes_is_unavailable(ground: Ground):
    """A standby, or one whose disk is nearly full."""

    def write() -> None:
        with ground.database.begin() as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            services.add(session, "never-there")

    with pytest.raises(DatabaseUnavailable):
        write()


def test_a_server_that_closes_the_connection_without_a_word_is_away():
    with pytest.raises(DatabaseUnavailable), translated():
        raise psycopg2.DatabaseError("server closed the connection unexpectedly")
