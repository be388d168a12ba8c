"""Documents of a collection, streamed out as fast as PostgreSQL gives them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from io import BufferedWriter, RawIOBase
from typing import TYPE_CHECKING, Any, cast

from psycopg2.extensions import connection, cursor
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db import sessions
from shared.db.queries.hints import hint
from shared.db.queries.refusals import QueryRefused
from shared.formats.flattening import path_of
from shared.formats.portions import BETWEEN, StoredDocuments

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# Takes some documents.
Take = Callable[[StoredDocuments], None]

# Handed over at a time: a call for each document would cost more than the document. What a socket holds, some
# 200 KB, is more, so that the server goes on meanwhile: with 256 KiB an export ran at 0.75 instead of 0.83 of
# COPY's speed (two cores, 200,000 documents of 206 bytes, 2026-11-25).
PORTION_BYTES = 1 << 15

SELECT = """
SELECT documentid, properties FROM documents WHERE collection_id = %(collection_id)s
"""
NAMED = " AND documentid = ANY(%(values_{number})s)"
MATCHING = " AND properties #>> %(field_{number})s = ANY(%(values_{number})s)"
# Looking into each document for a text and then for a number took 1.6 times as long as for a text alone. The
# first condition, which all that match fulfil and few others, brings it to 1.1; where nearly all match, 1.5
# (counting, one process, 300,000 documents of about 200 bytes, two cores, 2026-11-25).
EQUALING = """
   AND split_part(properties #>> %(field_{number})s, '.', 1) = ANY(%(heads_{number})s)
   AND (properties #>> %(field_{number})s = ANY(%(values_{number})s)
        OR properties #> %(field_{number})s = ANY(%(equals_{number})s::jsonb[]))
"""
# Without a schema nothing else tells that a name is none. A null is a field, too.
UNKNOWN = """
SELECT FROM collections
 WHERE id = %(collection_id)s AND coalesce(fields, '[]') = '[]'
   AND EXISTS (SELECT FROM documents WHERE collection_id = %(collection_id)s)
   AND NOT EXISTS (SELECT FROM documents
                    WHERE collection_id = %(collection_id)s AND properties #> %(field)s IS NOT NULL)
"""
NAMES = """
SELECT DISTINCT jsonb_object_keys(properties) FROM (
    SELECT properties FROM documents WHERE collection_id = %(collection_id)s ORDER BY documentid LIMIT 100
) AS documents
"""
COUNT = "SELECT count(*) FROM ({query}) AS documents"
COPY = f"COPY ({{query}} ORDER BY documentid) TO STDOUT (DELIMITER '{BETWEEN.decode()}')"

# Shorter than PostgreSQL's longest: it fails on longer ones.
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,999})(\.\d{1,999})?([eE][+-]?\d{1,3})?", re.ASCII)
_BOOLEANS = {"True": "true", "False": "false"}


@dataclass(frozen=True)
class Selection:
    """Documents of a collection: those whose property of each name is one of the values.

    Values are texts, and so are properties to them. A number is also each other spelling of itself, 1.5 what
    1.50 is, and True and False are booleans, too.
    """

    collection_id: int
    key: str  # the property that is the documentid
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)


def see_one_snapshot(session: Session) -> None:
    """Let every statement of the transaction see the same documents. Must come first in it."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    sessions.be_patient(session)


def count(session: Session, selection: Selection) -> int:
    """How many documents `stream` gives. Raises QueryRefused where no document has a field of the filters."""
    query, given = _query(selection)
    with _driver(session).cursor() as asking:
        asking.execute(COUNT.format(query=query), given)
        [(found,)] = asking.fetchall()
        if not found:
            _require_fields(asking, selection)
        return int(found)


def stream(session: Session, selection: Selection, take: Take) -> None:
    """Hand the documents to `take`, a portion at a time, in the order of the ids.

    What `take` raises ends it, and with it the connection, on which the server is still sending.
    """
    query, given = _query(selection)
    with _driver(session).cursor() as cursor, closing(_Lines(take)) as lines:
        statement = cursor.mogrify(COPY.format(query=query), given)
        gathered = BufferedWriter(lines, PORTION_BYTES)
        try:
            cursor.copy_expert(statement.decode(), gathered)
            gathered.flush()
        except BaseException:
            session.invalidate()
            raise


class _Lines(RawIOBase):
    """Takes PostgreSQL's text COPY format, many lines a call."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._begun = b""  # a line whose end comes with the next call

    def writable(self) -> bool:
        return True

    def write(self, written: "ReadableBuffer", /) -> int:
        self._begun += bytes(written)
        end = self._begun.rfind(b"\n") + 1
        if end:
            self._take(StoredDocuments(self._ended(end)))
        return memoryview(written).nbytes

    def _ended(self, end: int) -> bytes:
        """The lines that end before `end`, which nobody else holds on to: one may have megabytes."""
        lines, self._begun = self._begun[:end], self._begun[end:]
        # Nothing else is escaped in what holds no control characters.
        return lines.replace(rb"\\", b"\\") if b"\\" in lines else lines


def _require_fields(asking: cursor, selection: Selection) -> None:
    given: dict[str, Any] = {"collection_id": selection.collection_id}
    for name in selection.filters:
        if name == selection.key:
            continue
        path = path_of(name)
        asking.execute(UNKNOWN, given | {"field": list(path)})
        if asking.rowcount:
            asking.execute(NAMES, given)
            meant = hint(name, (known for (known,) in asking.fetchall())) if len(path) == 1 else ""
            raise QueryRefused(f"No item has a field {name!r} to filter by.{meant}")


def _query(selection: Selection) -> tuple[str, dict[str, Any]]:
    query, given = SELECT, dict[str, Any](collection_id=selection.collection_id)
    for number, (name, values) in enumerate(selection.filters.items()):
        equals = _equals(values)
        query += _condition(name == selection.key, bool(equals)).format(number=number)
        given |= {
            f"field_{number}": list(path_of(name)),
            f"values_{number}": list(values),
            f"equals_{number}": equals,
            f"heads_{number}": _heads([*values, *map(_as_stored, equals)]),
        }
    return query, given


def _condition(is_key: bool, has_equals: bool) -> str:
    if is_key:
        return NAMED
    return EQUALING if has_equals else MATCHING


def _equals(values: Sequence[str]) -> list[str]:
    """JSON of the values that are more than their texts."""
    return [_BOOLEANS.get(value, value) for value in values if value in _BOOLEANS or _NUMBER.fullmatch(value)]


def _as_stored(value: str) -> str:
    """A number without exponent, as the database writes it, but for zeros at its end; a boolean as it is."""
    if value in _BOOLEANS.values():
        return value
    number = Decimal(value)
    return f"{number:f}" if number else "0"


def _heads(texts: Iterable[str]) -> list[str]:
    """What stands before the first point of each, once."""
    return sorted({text.partition(".")[0] for text in texts})


def _driver(session: Session) -> connection:
    return cast(connection, session.connection().connection)
