"""Documents of a collection, streamed out as fast as PostgreSQL gives them."""

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Any, cast

from psycopg2.extensions import connection
from sqlalchemy import text
from sqlalchemy.orm import Session

# One documentid and the text of its properties.
Take = Callable[[str, bytes], None]

_HEADER_BYTES = 19
_TRAILER = b"\xff\xff"
_COLUMNS = Struct(">hi").unpack_from  # how many; the first one's length
_LENGTH = Struct(">i").unpack_from
_READ_BYTES = 1 << 18

SELECT = """
SELECT documentid, properties::text FROM documents WHERE collection_id = %(collection_id)s
"""
MATCHING = " AND properties ->> %(field_{number})s = ANY(%(values_{number})s)"
COUNT = "SELECT count(*) FROM ({query}) AS documents"
IN_ORDER = " ORDER BY documentid"


def see_one_snapshot(session: Session) -> None:
    """Let every statement of the transaction see the same documents. Must come first in it."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


def count(session: Session, collection_id: int, filters: Mapping[str, Sequence[str]]) -> int:
    """How many documents `stream` gives."""
    query, given = _query(collection_id, filters)
    with _driver(session).cursor() as cursor:
        cursor.execute(COUNT.format(query=query), given)
        [(found,)] = cursor.fetchall()
        return int(found)


def stream(session: Session, collection_id: int, filters: Mapping[str, Sequence[str]], take: Take) -> None:
    """Hand each document to `take`, in the order of the ids.

    With `filters`, those whose property of that name, as text, is one of the values. What `take`
    raises ends it, and with it the connection, on which the server is still sending.
    """
    query, given = _query(collection_id, filters)
    driver = _driver(session)
    with driver.cursor() as cursor:
        statement = cursor.mogrify(f"COPY ({query}{IN_ORDER}) TO STDOUT (FORMAT binary)", given)
        try:
            cursor.copy_expert(statement.decode(), _Rows(take), _READ_BYTES)
        except BaseException:
            session.invalidate()
            raise


class _Rows:
    """Takes PostgreSQL's binary COPY format, one row a call."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._start = _HEADER_BYTES

    def write(self, data: bytes) -> None:
        if data == _TRAILER:
            return
        start = self._start
        self._start = 0
        if len(data) <= start + len(_TRAILER):
            return
        _, length = _COLUMNS(data, start)
        end = start + 6 + length
        documentid = data[start + 6 : end].decode()
        (length,) = _LENGTH(data, end)
        self._take(documentid, data[end + 4 : end + 4 + length])


def _query(collection_id: int, filters: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, Any]]:
    query, given = SELECT, dict[str, Any](collection_id=collection_id)
    for number, (field, values) in enumerate(filters.items()):
        query += MATCHING.format(number=number)
        given |= {f"field_{number}": field, f"values_{number}": list(values)}
    return query, given


def _driver(session: Session) -> connection:
    return cast(connection, session.connection().connection)
