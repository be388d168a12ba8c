"""A process's way to the database: a pool of connections and transactions on it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import cast

from psycopg2.extensions import connection as DriverConnection  # noqa: N812
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from shared import tracing
from shared.db.failures import translated
from shared.db.sessions import application_name
from shared.metrics import metrics

__all__ = ["Begin", "Database", "Session"]

# A setting of ours that means nothing: a server that has it got the others, too.
_ARRIVED = {"longshore.options": "arrived"}
_IN_USE = "is_in_use"

Begin = Callable[[], AbstractContextManager[Session]]

CONNECT_SECONDS = 5
SILENCE_SECONDS = 60.0

# A server that is gone without a word (its host replaced, a firewall that forgot the connection) is found in
# about ten seconds; left to the kernel it would take from a quarter of an hour to two hours.
_FIND_THE_DEAD = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Database:
    """Opens no connection until the first transaction; must not be shared across a fork."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        process: str | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        wait_seconds: float | None = None,
    ) -> None:
        """`pool_size` connections are kept, and no more are opened.

        `process` names them in the server's views. The server ends one that is silent for `silence_seconds`
        in the middle of a transaction, and a transaction that waits for `wait_seconds` for what another one
        holds has to give way; None: it may wait for ever.
        """
        self._pool_size = pool_size
        asked = _asked(silence_seconds, wait_seconds or 0)
        self._engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg2"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,
            # That which was used last: what the server holds for it, its staging table above all, is at hand.
            # Imports ran a tenth faster than with all in turn (two cores, 2026-11-26).
            pool_use_lifo=True,
            hide_parameters=True,  # of statements that fail: there are secrets among them
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": application_name(process or str(os.getpid())),
                "client_encoding": "utf8",
                "options": " ".join(f"-c {name}={value}" for name, value in (asked | _ARRIVED).items()),
                **_FIND_THE_DEAD,
            },
        )
        _insist(self._engine, asked)
        _count_connections(self._engine, pool_size)
        self._sessions = sessionmaker(expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction: committed at the end of the body, rolled back when it raises.

        Raises DatabaseUnavailable, ConflictOfTransactions or BatchRefused for the driver's errors.
        """
        with self._begin(self._engine) as session:
            yield session

    @contextmanager
    def keep(self) -> Iterator[Begin]:
        """A connection for transactions that follow each other closely, each begun and ended as by `begin`.

        Whether the server is still there is asked once instead of before each of them.
        """
        with self.connect() as connection:
            yield partial(self._begin, connection)

    @contextmanager
    def _begin(self, bind: Engine | Connection) -> Iterator[Session]:
        with translated(), self._sessions(bind=bind) as session, session.begin():
            yield session
            if session.in_transaction():  # the body may have rolled it back
                with tracing.step("COMMIT"):
                    session.commit()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection on which the body begins each transaction itself: not everything can be in one.

        Raises the same as `begin`.
        """
        with translated(), self._engine.connect() as connection:
            yield connection

    def ping(self) -> None:
        """Raises DatabaseUnavailable unless the database answers."""
        with self.begin() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()
        metrics().database_pool.dec(self._pool_size)


def _count_connections(engine: Engine, pool_size: int) -> None:
    counted = metrics()
    counted.database_pool.inc(pool_size)

    @event.listens_for(engine, "checkout")
    def take(_: DriverConnection, record: ConnectionPoolEntry, *_others: object) -> None:
        _of(record)[_IN_USE] = True
        counted.database_connections.inc()

    @event.listens_for(engine, "checkin")
    def give_back(_: DriverConnection | None, record: ConnectionPoolEntry) -> None:
        # What could not connect is given back as well, and nobody had it.
        if _of(record).pop(_IN_USE, False):
            counted.database_connections.dec()


def _of(record: ConnectionPoolEntry) -> dict[str, bool]:
    """What is kept of a place in the pool, whichever connection is in it."""
    return cast("dict[str, bool]", record.record_info)


def _asked(silence_seconds: float, wait_seconds: float) -> dict[str, str]:
    """Settings of a session, times in milliseconds."""
    return {
        "timezone": "UTC",
        "idle_in_transaction_session_timeout": str(max(1, round(silence_seconds * 1000))),
        "lock_timeout": str(round(wait_seconds * 1000)),
    }


def _insist(engine: Engine, asked: Mapping[str, str]) -> None:
    """Ask again in each transaction where a pooler keeps from the server what its connection asked for."""
    again = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in asked.items())

    @event.listens_for(engine, "connect")
    def look(driver: DriverConnection, record: ConnectionPoolEntry) -> None:
        with driver.cursor() as cursor:
            cursor.execute("SELECT current_setting(%s, true)", list(_ARRIVED))
            record.info["is_pooled"] = cursor.fetchone() != tuple(_ARRIVED.values())
        driver.rollback()

    @event.listens_for(engine, "begin")
    def ask_again(connection: Connection) -> None:
        if connection.info["is_pooled"]:
            connection.exec_driver_sql(again)
