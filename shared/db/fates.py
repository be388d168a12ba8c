"""Documents of a batch that asks for different operations: the database picks each one's fate."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.documents import ANNOUNCE
from shared.errors import ConflictOfTransactions
from shared.fates import Change, Fate, Fates

# Locked in the order of their ids: two batches never wait for each other.
THERE = """
SELECT documentid FROM documents
 WHERE collection_id = :collection_id AND documentid = ANY(:documentids)
 ORDER BY documentid FOR UPDATE
"""

CHANGE = {
    Change.MERGE: """
UPDATE documents d SET properties = d.properties || g.properties, updated_at = DEFAULT
  FROM unnest(CAST(:documentids AS text[]), CAST(:properties AS jsonb[])) g (documentid, properties)
 WHERE d.collection_id = :collection_id AND d.documentid = g.documentid
   AND d.properties || g.properties IS DISTINCT FROM d.properties
""",
    Change.PUT: """
UPDATE documents d SET properties = g.properties, updated_at = DEFAULT
  FROM unnest(CAST(:documentids AS text[]), CAST(:properties AS jsonb[])) g (documentid, properties)
 WHERE d.collection_id = :collection_id AND d.documentid = g.documentid
   AND g.properties IS DISTINCT FROM d.properties
""",
    Change.REMOVE: """
DELETE FROM documents WHERE collection_id = :collection_id AND documentid = ANY(:documentids)
""",
}

CREATE = """
INSERT INTO documents (collection_id, documentid, properties)
SELECT :collection_id, documentid, properties
  FROM unnest(CAST(:documentids AS text[]), CAST(:properties AS jsonb[])) g (documentid, properties)
ON CONFLICT DO NOTHING
"""


def write_fates(session: Session, collection_id: int, fates: Mapping[str, Fates]) -> list[Fate]:
    """Let each document have its fate; returns those that came true.

    Raises ConflictOfTransactions when somebody else created one of them in between.
    """
    given = {"collection_id": collection_id, "documentids": list(fates)}
    session.execute(text(ANNOUNCE))
    there = set(session.scalars(text(THERE), given))
    true = {name: both.if_there if name in there else both.if_not for name, both in fates.items()}
    for change, statement in CHANGE.items():
        changed = {name: fate for name, fate in true.items() if fate.was_there and fate.change is change}
        if changed:
            session.execute(text(statement), _rows(collection_id, changed))
    created = {name: fate for name, fate in true.items() if not fate.was_there and fate.change is Change.PUT}
    if created:
        done = session.execute(text(CREATE), _rows(collection_id, created))
        if done.rowcount != len(created):  # type: ignore[attr-defined]
            raise ConflictOfTransactions("A document was created by somebody else in between.")
    return list(true.values())


def _rows(collection_id: int, fates: Mapping[str, Fate]) -> dict[str, object]:
    return {
        "collection_id": collection_id,
        "documentids": list(fates),
        "properties": [fate.properties.decode() for fate in fates.values()],
    }
