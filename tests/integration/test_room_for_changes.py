"""Pages of documents leave room for the next version of each."""

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.ground import Ground
from tests.integration.builders import Counts, an_import, counts, numbered, work_off

# Those before write to the key when a column is changed that any index has, a BRIN index, too.
OLDEST_MAJOR = 16
MAJOR = "SELECT CAST(current_setting('server_version_num') AS integer) / 10000"
DOCUMENTS = 2_000
TEXT = "x" * 150
KEY_BYTES = "SELECT pg_relation_size('pk_documents')"
ROOM = "SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'documents%' AND relkind = 'r'"
CHOSEN = "ALTER TABLE documents SET (fillfactor = 90)"
PARTITIONED = """
ALTER TABLE documents RENAME TO whole;
CREATE TABLE documents (LIKE whole) PARTITION BY HASH (collection_id);
CREATE TABLE documents_0 PARTITION OF documents
   FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (fillfactor = 70);
CREATE TABLE documents_1 PARTITION OF documents
   FOR VALUES WITH (MODULUS 2, REMAINDER 1) WITH (fillfactor = 90);
DROP TABLE whole
"""


@pytest.fixture
def ground(apart: Ground) -> Ground:
    """With a database of its own: others' documents would have pages of the key, too."""
    return apart


def number(ground: Ground, query: str) -> int:
    with ground.database.begin() as session:
        return int(session.execute(text(query)).scalar_one())


def test_what_is_changed_stays_on_its_page(ground: Ground, service: Service):
    """Most of it went to other pages, the key doubled, and it took half as long again."""
    if number(ground, MAJOR) < OLDEST_MAJOR:
        pytest.skip(f"Only Postgres {OLDEST_MAJOR} and newer leave the key as it is.")
    work_off(ground, service, an_import(ground, service, numbered(DOCUMENTS, text=TEXT)))
    before = number(ground, KEY_BYTES)

    changing = an_import(ground, service, numbered(DOCUMENTS, text=TEXT[:-1]))
    work_off(ground, service, changing)

    assert counts(ground, service, changing) == Counts(updated=DOCUMENTS)
    assert number(ground, KEY_BYTES) == before


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("SELECT 1", {"documents": 50}),
        (CHOSEN, {"documents": 90}),
        (PARTITIONED, {"documents_0": 50, "documents_1": 90}),
    ],
    ids=["as it came", "chosen", "partitioned"],
)
def test_the_room_of_the_release_before_is_made_larger_where_nobody_chose_it(
    empty: Database, was: str, becomes: dict[str, int]
):
    migrate(empty, to="0026")
    with empty.begin() as session:
        session.execute(text(was))

    migrate(empty)

    with empty.begin() as session:
        found = {row.relname: row.reloptions for row in session.execute(text(ROOM))}
    assert found == {name: [f"fillfactor={room}"] for name, room in becomes.items()}
