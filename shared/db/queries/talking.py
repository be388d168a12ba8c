"""A connection as the reader's role on which nobody waits without being able to give up."""

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, connection, cursor

from shared.db.database import CONNECT_SECONDS
from shared.db.failures import translated
from shared.db.queries.columns import literal
from shared.db.queries.failures import explained
from shared.db.queries.refusals import QueryRefused
from shared.errors import DatabaseUnavailable

_WAIT_SECONDS = 0.5
_MILLISECONDS = 1000

# What the role's own defaults say, said again: they may be out of date. For the transaction and not for the
# session, which a pooler may give to somebody else, and whose startup packet it may not pass on.
SETTINGS = {
    "search_path": "",
    "standard_conforming_strings": "on",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10min",
    "client_connection_check_interval": "2s",
    "cursor_tuple_fraction": "1",
    "jit": "off",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
}

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

Waiting = Callable[[], None]


@contextmanager
def conversation(url: str, reads: str, seconds: float, waiting: Waiting) -> Iterator["Conversation"]:
    """A transaction that sees what `reads` was signed for; its work is broken off at the end of the body."""
    settings = SETTINGS | {"longshore.reads": reads, "statement_timeout": f"{seconds * _MILLISECONDS:.0f}"}
    with translated():
        driver = psycopg2.connect(url, async_=1, application_name="longshore:query", client_encoding="utf8")
    talk = Conversation(driver, waiting)
    try:
        talk.connect()
        talk.allow(seconds)
        talk.run(BEGIN)
        talk.run(";".join(f"SET LOCAL {name} = {literal(value)}" for name, value in settings.items()))
        yield talk
    finally:
        talk.close()


class Conversation:
    """Statements, one after the other."""

    def __init__(self, driver: connection, waiting: Waiting) -> None:
        self._driver = driver
        self._waiting = waiting
        self._seconds = float(CONNECT_SECONDS)  # that are left to wait

    def connect(self) -> None:
        """Wait until there is a connection. Raises DatabaseUnavailable."""
        try:
            with translated():
                self._wait()
        except QueryRefused as too_long:
            raise DatabaseUnavailable("The database gives no connection to the reader's role.") from too_long

    def allow(self, seconds: float) -> None:
        """From now on the database may work for so long."""
        self._seconds = seconds

    def run(self, statement: str) -> cursor:
        """Run a statement. Raises QueryRefused for what is wrong with it, and DatabaseUnavailable."""
        with translated(), explained():
            answer = self._driver.cursor()
            answer.execute(statement)
            self._wait()
            return answer

    def close(self) -> None:
        """End the connection, and what the database is still doing for it."""
        if not self._driver.closed and self._driver.isexecuting():
            # Where it cannot be asked to stop (gone, or not there yet) closing is all there is to do.
            with suppress(psycopg2.Error):
                self._driver.cancel()
        self._driver.close()

    def _wait(self) -> None:
        while (state := self._driver.poll()) != POLL_OK:
            started = time.monotonic()
            is_reading = state == POLL_READ
            awaited = [self._driver]
            ready = select.select(
                awaited if is_reading else [], [] if is_reading else awaited, [], _WAIT_SECONDS
            )
            self._seconds -= time.monotonic() - started
            if self._seconds < 0:
                raise QueryRefused("The SQL takes too long: narrow it down, or use fewer joins.")
            if not any(ready):
                self._waiting()
