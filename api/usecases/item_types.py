"""Item types: collections by the names that batch jobs and items call them."""

from dataclasses import dataclass, field

from api.usecases.jobs import JobRefused
from api.usecases.services import Service
from shared.db import services
from shared.db.database import Session
from shared.db.models import Collection
from shared.formats.cells import types_of
from shared.formats.items import DOCUMENTID, ENTITY


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownType:
    """An item type, found."""

    name: str
    collection_id: int
    key: str  # the property that is the document's id
    category: str = ENTITY
    types: dict[str, str] = field(default_factory=dict)  # by field, in the schema's order; empty without one


def find_item_type(
    session: Session, service: Service, name: str | None, *, keeps_key: bool = False
) -> KnownType:
    """The item type of this name, in the caller's transaction. Raises JobRefused, telling what to do.

    `keeps_key`, as for `look_for_item_type`, where the transaction writes items, or has them written.
    """
    if not name:
        raise JobRefused("The parameter itemType is missing.")
    found = look_for_item_type(session, service, name, keeps_key=keeps_key)
    if found is None:
        raise JobRefused(f"{unknown(name)} {_advice(session, service, name)}")
    return found


def look_for_item_type(
    session: Session, service: Service, name: str, *, keeps_key: bool = False
) -> KnownType | None:
    """The item type of this name, in the caller's transaction; None where there is none.

    `keeps_key`: its key stays what it is until the transaction ends.
    """
    if "\0" in name:
        return None  # the database takes no NUL, not even to look for
    row = services.get_collection(session, service.id, f"/{name}", keeps_key=keeps_key)
    return None if row is None else _known(name, row)


def unknown(name: str) -> str:
    """That there is no such item type."""
    return f"There is no item type {name!r} in this community."


def _advice(session: Session, service: Service, name: str) -> str:
    path = "/" + name.replace("\0", "").strip("/")
    meant = services.path_whatever_its_case(session, service.id, path)
    if meant is not None:
        return f"Did you mean {meant.removeprefix('/')}?"
    return "Item types are added on the service's side: longshore collections add."


def _known(name: str, row: Collection) -> KnownType:
    return KnownType(
        name=name,
        collection_id=row.id,
        key=row.key or DOCUMENTID,
        category=row.category,
        types=types_of(row.fields or []),
    )
