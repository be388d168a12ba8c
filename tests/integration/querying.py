"""Collections with documents, and ways to ask for them as the reader's role does."""

from collections.abc import Mapping
from typing import Any

import orjson
import psycopg2
from psycopg2.extensions import connection
from sqlalchemy import text

from api.usecases.collections import add_collection, find_collection
from api.usecases.services import Service
from shared.db.queries.checking import check_query
from shared.db.queries.reader import Reader, ensure_reader, reader_of
from shared.db.queries.reader_schema import sign
from shared.db.queries.relations import ItemRelation
from shared.db.queries.running import QueryLimits, open_query
from shared.ground import Ground

_INSERT = "INSERT INTO documents VALUES (:collection_id, :documentid, :properties)"


def prepared_reader(ground: Ground) -> Reader:
    """The reader's role of the test session's database, ready."""
    reader = reader_of(ground.settings.database_url)
    with ground.database.begin() as session:
        ensure_reader(session, reader)
    return reader


def a_collection(ground: Ground, service: Service, path: str, documents: Mapping[str, object]) -> int:
    """A new collection with these documents, each a JSON text or what becomes one; returns its id."""
    add_collection(ground, service, path)
    collection_id = find_collection(ground, service, path)
    with ground.database.begin() as session:
        for documentid, properties in documents.items():
            given = properties if isinstance(properties, str) else orjson.dumps(properties).decode()
            values = {"collection_id": collection_id, "documentid": documentid, "properties": given}
            session.execute(text(_INSERT), values)
    return collection_id


def ask(
    ground: Ground, sql: str, relations: Mapping[str, ItemRelation], limits: QueryLimits | None = None
) -> list[Any]:
    """The rows of a checked query."""
    return [orjson.loads(row) for row in ask_texts(ground, sql, relations, limits)]


def ask_texts(
    ground: Ground, sql: str, relations: Mapping[str, ItemRelation], limits: QueryLimits | None = None
) -> list[bytes]:
    """The rows of a checked query as they come."""
    checked = check_query(sql, relations.items())
    url = reader_of(ground.settings.database_url).url
    with open_query(ground.database, url, checked, limits or QueryLimits()) as rows:
        return list(rows)


def signed(ground: Ground, *collection_ids: int) -> str:
    """What shows the reader these collections."""
    with ground.database.begin() as session:
        return sign(session, collection_ids)


def as_reader(reader: Reader, reads: str) -> connection:
    """A bare connection as the reader's role, behind every check that comes before the database."""
    opened = psycopg2.connect(reader.url, options=f"-c longshore.reads={reads}")
    opened.autocommit = True
    return opened
