"""Documents in bulk: a batch's rows in, pages out.

Properties are kept without `documentid`, which is a column; reading puts it back. Whoever writes takes
the lock of `ANNOUNCE` in an earlier statement: see `shared.db.updates`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import psycopg2
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.copying import copy
from shared.instructions import Operation

ANNOUNCE = "LOCK TABLE documents IN ROW EXCLUSIVE MODE"

# In one message, and without a release, which COMMIT implies: a batch takes milliseconds.
BEGIN_DIRECT = f"SAVEPOINT direct; {ANNOUNCE}"
UNDO_DIRECT = "ROLLBACK TO SAVEPOINT direct"

CREATE_STAGED = f"""
{ANNOUNCE};
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    collection_id integer NOT NULL,
    documentid text COLLATE "C" NOT NULL,
    properties jsonb NOT NULL
) ON COMMIT DELETE ROWS
"""

# Of a batch that is searched for what the database refuses, the parts share a transaction.
EMPTY_STAGED = "DELETE FROM staged"

# Rows that exist already are left alone.
CREATE = """
INSERT INTO documents (collection_id, documentid, properties)
SELECT collection_id, documentid, properties FROM staged
ON CONFLICT (collection_id, documentid) DO NOTHING
"""

# What tells a row that a statement inserted from one that it updated. A partitioned table tells no xmax.
_IS_NEW_BY_OLD_ROW = "old.documentid IS NULL"
_IS_NEW_BY_XMAX = "d.xmax = 0"
OLD_ROWS_SINCE = (18,)

# Rows that would not change are not written. Which of the two `is_new` is, the server decides.
_UPSERT = """
WITH asked AS (
    {asked}
),
written AS (
    INSERT INTO documents AS d (collection_id, documentid, properties)
    SELECT collection_id, documentid, properties FROM asked
    ON CONFLICT (collection_id, documentid) DO UPDATE
       SET properties = {made}, updated_at = DEFAULT
     WHERE {changes}
    RETURNING {{is_new}} AS created
)
SELECT count(*) FILTER (WHERE created) AS created, count(*) AS written FROM written
"""

# Whoever would insert a row that is there locks it, and so writes, before it looks whether the row changes at
# all. Where most do not, it is quicker to look first: 2.5 instead of 4.1 microseconds of the server for a row
# that stays as it is, and 1 to 2 more for one that does not (two cores, 200-byte documents, 2026-11-25).
_CHANGING = """
    SELECT s.collection_id, s.documentid, s.properties
      FROM staged s LEFT JOIN documents d USING (collection_id, documentid)
     WHERE d.properties IS NULL OR {changes}
"""
_ALL = "SELECT collection_id, documentid, properties FROM staged"

# Whether properties change those of d. Containment is quicker, by a sixth of a whole update, since nothing is
# made to be compared. It means the same where every property given is a scalar: of lists it passes over
# order and repetition, of objects over what is missing.
_CHANGES = "d.properties || {given} IS DISTINCT FROM d.properties"
_SCALARS_CHANGE = "NOT d.properties @> {given}"
_REPLACES = "{given} IS DISTINCT FROM d.properties"


def _upsert(made: str, changes: str, *, looks_first: bool) -> str:
    asked = _CHANGING.format(changes=changes.format(given="s.properties")) if looks_first else _ALL
    return _UPSERT.format(asked=asked, made=made, changes=changes.format(given="excluded.properties"))


_MERGED, _REPLACED = "d.properties || excluded.properties", "excluded.properties"
# By whether they look first; merges also by whether all properties given are scalars.
MERGE = {
    (looks_first, are_scalars): _upsert(
        _MERGED, _SCALARS_CHANGE if are_scalars else _CHANGES, looks_first=looks_first
    )
    for looks_first in (False, True)
    for are_scalars in (False, True)
}
REPLACE = {
    looks_first: _upsert(_REPLACED, _REPLACES, looks_first=looks_first) for looks_first in (False, True)
}

# One statement, so that what is counted and what is updated come from one snapshot. `repeated` are
# lines that were folded into a row.
_UPDATE = """
WITH existing AS MATERIALIZED (
    SELECT s.collection_id, s.documentid, s.properties
      FROM staged s
      JOIN documents d USING (collection_id, documentid)
),
written AS (
    UPDATE documents d
       SET properties = d.properties || e.properties, updated_at = DEFAULT
      FROM existing e
     WHERE d.collection_id = e.collection_id AND d.documentid = e.documentid
       AND {changes}
)
SELECT (SELECT count(*) FROM existing)
     + (SELECT count(*) FROM unnest(CAST(:repeated AS text[])) r (documentid)
          JOIN existing USING (documentid))
"""
# By whether all properties given are scalars.
UPDATE = {
    are_scalars: _UPDATE.format(changes=changes.format(given="e.properties"))
    for are_scalars, changes in ((False, _CHANGES), (True, _SCALARS_CHANGE))
}

# A temporary table has no statistics, and a join to it was planned as a hash of the whole collection.
PIN_TO_INDEX_LOOKUPS = """
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_seqscan = off
"""


def create_directly(session: Session, encoded: bytes) -> bool:
    """Copy the documents straight in; False, with nothing done, where one of them exists already."""
    session.execute(text(BEGIN_DIRECT))
    try:
        copy(session, "documents", encoded)
    except psycopg2.errors.UniqueViolation:
        session.execute(text(UNDO_DIRECT))
        return False
    return True


class Effect(NamedTuple):
    """What became of a batch's documents."""

    affected: (
        int  # created where creating is asked for; else lines, repeated ones included, that found theirs
    )
    written: int  # created or changed; of operations that do not tell, as many as are affected


def write(
    session: Session,
    encoded: bytes,
    *,
    operation: Operation,
    repeated: Iterable[str],
    looks_first: bool = False,
    are_scalars: bool = False,
) -> Effect:
    """Apply the documents by `operation`, which is any but deleting.

    `looks_first` is quicker where most documents are as they are asked to be. `are_scalars` where no
    property given is a list or an object.
    """
    session.execute(text(f"{CREATE_STAGED};{EMPTY_STAGED}"))
    copy(session, "staged", encoded)
    if operation is Operation.CREATE:
        created: int = session.execute(text(CREATE)).rowcount  # type: ignore[attr-defined]
        return Effect(created, created)
    if looks_first or operation is Operation.UPDATE:
        session.execute(text(PIN_TO_INDEX_LOOKUPS))
    if operation is Operation.UPDATE:
        found = int(session.execute(text(UPDATE[are_scalars]), {"repeated": list(repeated)}).scalar_one())
        return Effect(found, found)
    merges = operation is Operation.MERGE
    statement = MERGE[looks_first, are_scalars] if merges else REPLACE[looks_first]
    return Effect(*session.execute(text(statement.format(is_new=_is_new(session)))).one())


def _is_new(session: Session) -> str:
    version = cast("tuple[int, ...]", session.connection().dialect.server_version_info)
    return _IS_NEW_BY_OLD_ROW if version >= OLD_ROWS_SINCE else _IS_NEW_BY_XMAX


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it is kept."""

    documentid: str
    properties: str  # a JSON object's text, every digit as it was given


GET = """
SELECT documentid, properties::text FROM documents
 WHERE collection_id = :collection_id AND documentid = :documentid
"""

GET_SOME = """
SELECT documentid, properties::text FROM documents
 WHERE collection_id = :collection_id AND documentid = ANY(:documentids)
"""

PAGE_CHARACTERS = 8 * 1024 * 1024
_FETCH_ROWS = 10

# Pages go by the primary key in both directions, so that page 10,000 costs what page 1 costs.
LIST_AFTER = """
SELECT documentid, properties::text FROM documents
 WHERE collection_id = :collection_id AND documentid > :edge
 ORDER BY documentid LIMIT :size
"""
LIST_BEFORE = """
SELECT documentid, properties::text FROM documents
 WHERE collection_id = :collection_id AND documentid < :edge
 ORDER BY documentid DESC LIMIT :size
"""


def get(session: Session, collection_id: int, documentid: str) -> StoredDocument | None:
    """The document, or None."""
    found = session.execute(text(GET), {"collection_id": collection_id, "documentid": documentid}).first()
    return None if found is None else StoredDocument(*found)


def some(session: Session, collection_id: int, documentids: Sequence[str]) -> dict[str, str]:
    """The properties' text of the documents that are there, by their ids."""
    given = {"collection_id": collection_id, "documentids": list(documentids)}
    rows = session.execute(text(GET_SOME), given)
    return {row.documentid: row.properties for row in rows}


def after(session: Session, collection_id: int, edge: str, size: int) -> tuple[list[StoredDocument], bool]:
    """Up to `size` documents behind the id `edge`, in order of their ids, and whether there are more.

    A page also ends with the document that reaches PAGE_CHARACTERS, so that memory is bounded.
    """
    return _page(session, LIST_AFTER, {"collection_id": collection_id, "edge": edge, "size": size + 1}, size)


def before(session: Session, collection_id: int, edge: str, size: int) -> tuple[list[StoredDocument], bool]:
    """The last documents with ids less than `edge`, with the same bounds, and whether there are more."""
    given = {"collection_id": collection_id, "edge": edge, "size": size + 1}
    found, has_more = _page(session, LIST_BEFORE, given, size)
    return found[::-1], has_more


def _page(
    session: Session, query: str, given: dict[str, object], size: int
) -> tuple[list[StoredDocument], bool]:
    found: list[StoredDocument] = []
    characters = 0
    with session.execute(text(query).execution_options(yield_per=_FETCH_ROWS), given) as rows:
        for row in rows:
            if len(found) == size or characters >= PAGE_CHARACTERS:
                return found, True
            found.append(StoredDocument(*row))
            characters += len(found[-1].properties)
    return found, False
