"""Rows into PostgreSQL's binary COPY format: no escaping, so no text can be mistaken for another.

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from struct import Struct
from typing import cast

from psycopg2.extensions import connection
from sqlalchemy.orm import Session

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_HEAD = Struct(">hiii").pack  # three columns; the first: its length, its value; the second: its length
_JSONB_HEAD = Struct(">ib").pack  # the third column: its length, its format's version
_JSONB_VERSION = 1


class _Packed(dict[int, bytes]):
    """What is packed for a length, made once for each: documents of a batch have few."""

    def __init__(self, pack: Callable[[int], bytes]) -> None:
        self._pack = pack

    def __missing__(self, length: int) -> bytes:
        packed = self[length] = self._pack(length)
        return packed


def encode(collection_id: int, rows: Iterable[tuple[str, bytes]]) -> bytes:
    """Documents (documentid, properties as JSON text) of a collection, ready for `copy`."""
    heads = _Packed(lambda length: _HEAD(3, 4, collection_id, length))
    jsonb_heads = _Packed(lambda length: _JSONB_HEAD(length + 1, _JSONB_VERSION))
    pieces = [_HEADER]
    for documentid, properties in rows:
        name = documentid.encode()
        pieces += (heads[len(name)], name, jsonb_heads[len(properties)], properties)
    pieces.append(_TRAILER)
    return b"".join(pieces)


def copy(session: Session, table: str, encoded: bytes) -> None:
    """Send encoded documents into `table`, which has the columns of `documents`."""
    statement = f"COPY {table} (collection_id, documentid, properties) FROM STDIN (FORMAT binary)"
    driver = cast("connection", session.connection().connection)
    with driver.cursor() as cursor:
        # All at once: each piece would have to wait for the interpreter, which the parser holds.
        cursor.copy_expert(statement, BytesIO(encoded), len(encoded))
