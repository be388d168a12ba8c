"""Collections with what is known of their items: the primary key, the category, and the fields in order."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.models import Collection


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


def in_order(session: Session, service_id: int) -> Sequence[Collection]:
    """The data service's collections by path."""
    found = select(Collection).where(Collection.service_id == service_id).order_by(Collection.path)
    return session.scalars(found).all()
