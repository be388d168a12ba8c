"""A statement that takes long or waits for a lock, ended from outside."""

from collections.abc import Callable
from contextlib import suppress
from typing import cast

import psycopg2
from psycopg2.extensions import connection
from sqlalchemy.orm import Session


def interrupter(session: Session) -> Callable[[], None]:
    """Ends the statement that the session is waiting for, called from another thread.

    The statement raises DatabaseUnavailable then, where that is not replaced by the reason for its end.
    """
    driver = cast("connection", session.connection().connection.driver_connection)

    def interrupt() -> None:
        with suppress(psycopg2.Error):  # the connection is gone, and the statement with it
            driver.cancel()

    return interrupt
