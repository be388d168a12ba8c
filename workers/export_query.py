"""The rows of an export that asks by SQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.db.item_types import relations_of
from shared.db.queries.checking import check_query
from shared.db.queries.reader import reader_of
from shared.db.queries.running import QueryLimits, Rows, open_query
from shared.db.queries.talking import Waiting
from shared.ground import Ground


@contextmanager
def rows_of(ground: Ground, service_id: int, query: str, *, waiting: Waiting) -> Iterator[Rows]:
    """What the query gives, as it stands now. `waiting` is called again and again. Raises QueryRefused."""
    database, settings = ground.database, ground.settings
    with database.begin() as session:
        relations = relations_of(session, service_id)
    reader = reader_of(settings.database_url, settings.reader_url)
    with open_query(
        database, reader.url, check_query(query, relations), QueryLimits(), waiting=waiting
    ) as rows:
        yield rows
