"""The one translator of driver errors: what happened in the caller's terms, by SQLSTATE."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import BatchRefused, ConflictOfTransactions, DatabaseUnavailable, LongshoreError

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_GIVE_WAY = {"40001", "40P01"}
_WAITED_TOO_LONG = "55P03"
_DATA_CLASSES = {"22", "23", "54"}  # data, constraint, program limit: one row may be to blame
_INTERNAL = "XX000"  # one row may be to blame for that, too; what the server says of it is not for clients
_OUT_OF_ORDER = {
    "25006",  # writes are not allowed now: a standby
    "25P03",  # the session was ended, having been silent in the middle of a transaction
    "XX001",  # data corrupted
    "XX002",  # an index corrupted
}

_LOST_BEFORE = "8s2b"  # SQLAlchemy's: the connection was lost earlier in the transaction
_AWAY = "The database cannot be reached or refuses to work now."


@contextmanager
def translated() -> Iterator[None]:
    """Raise driver errors of the body as DatabaseUnavailable, ConflictOfTransactions or BatchRefused.

    What is none of these (wrong SQL, missing rights) is our own fault and rises as it is.
    """
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("All connections to the database are in use.") from error
    except PendingRollbackError as error:
        # The connection is gone, which a heartbeat met and its body did not ask about before the COMMIT.
        if error.code != _LOST_BEFORE:
            raise
        raise DatabaseUnavailable(_AWAY) from error
    except DBAPIError as error:
        meaning = _meaning(error.orig) if isinstance(error.orig, psycopg2.Error) else None
        if meaning is None:
            raise
        raise meaning from error
    except psycopg2.Error as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: psycopg2.Error) -> LongshoreError | None:
    state = error.pgcode
    if state in _GIVE_WAY:
        return ConflictOfTransactions("The transaction had to give way to another one.")
    if state == _WAITED_TOO_LONG:
        return ConflictOfTransactions("Another transaction holds in the database what this one needs.")
    if state is not None and state[:2] in _DATA_CLASSES:
        return BatchRefused((error.diag.message_primary or "The database refused a row.").strip())
    if state == _INTERNAL:
        return BatchRefused("The database cannot process it")
    is_away = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    # The driver has no class for a server that closes the connection in a COMMIT, and says nothing.
    if is_away or state in _OUT_OF_ORDER or (state is None and type(error) is psycopg2.DatabaseError):
        return DatabaseUnavailable(_AWAY)
    return None
