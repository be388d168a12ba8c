"""Collections with what is known of their items: the primary key, the category, and the fields in order."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from shared.db.models import Collection

# An import of a file keeps the key that it began with.
HAS_ITEMS = """
SELECT EXISTS (SELECT FROM documents WHERE collection_id = :collection_id)
    OR EXISTS (SELECT FROM imports WHERE service_id = :service_id AND collection_id = :collection_id
                  AND ended_at IS NULL AND reading IS NOT NULL)
"""


def describe(
    session: Session,
    service_id: int,
    path: str,
    *,
    key: str | None,
    fields: Sequence[dict[str, Any]] | None,
    category: str,
) -> None:
    """Keep what is known of the items at `path`."""
    described = update(Collection).where(Collection.service_id == service_id, Collection.path == path)
    session.execute(
        described.values(key=key, fields=None if fields is None else list(fields), category=category)
    )


def hold(session: Session, service_id: int, path: str) -> Collection | None:
    """The collection at `path`, or None; whoever needs its key waits until the transaction ends."""
    held = select(Collection).where(Collection.service_id == service_id, Collection.path == path)
    return session.scalars(held.with_for_update()).one_or_none()


def has_items(session: Session, collection: Collection) -> bool:
    """Whether it has documents, or an import of a file that is under way may bring some."""
    given = {"collection_id": collection.id, "service_id": collection.service_id}
    return bool(session.execute(text(HAS_ITEMS), given).scalar_one())


def in_order(session: Session, service_id: int) -> Sequence[Collection]:
    """The data service's collections by path."""
    found = select(Collection).where(Collection.service_id == service_id).order_by(Collection.path)
    return session.scalars(found).all()
