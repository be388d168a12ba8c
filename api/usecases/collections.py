"""Collections of a data service."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from api.usecases.services import Service
from shared.db import collections, services
from shared.db.database import Session
from shared.db.models import Collection
from shared.db.queries.naming import loose
from shared.errors import CollectionNotFound, LongshoreError, NameRefused, NameTaken
from shared.formats.cells import TYPES
from shared.formats.items import CATEGORIES, DOCUMENTID, ENTITY
from shared.ground import Ground

# Paths alternate collection, document, collection: an odd number of segments names a collection.
_SEGMENT = r"/[^/\x00-\x20\x7f-\x9f?#%\ud800-\udfff]{1,255}"
_PATH = re.compile(rf"{_SEGMENT}(?:{_SEGMENT}{_SEGMENT})*")
MAX_PATH_CHARACTERS = 1024

# First segments under which the service itself answers.
RESERVED = frozenset({"__resources", "docs", "health", "ls", "metrics", "openapi.json"})


class SchemaRefused(LongshoreError):
    """What is said of a collection's items cannot be; the message tells what is wrong with it."""

    code = "schema_refused"


class KeyInUse(LongshoreError):
    """The documents of a collection have their ids from its key; the message tells what to do."""

    code = "key_in_use"

    def __init__(self, path: str, key: str) -> None:
        super().__init__(
            f"The key of {path} stays {key}: its documents, or those of an import under way, have their ids"
            " from it. Add another collection with the new key and import the items there."
        )


@dataclass(frozen=True, slots=True)
class ItemField:
    """One field of an item type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class CollectionKey:
    """A collection, and the property of its items that is the document's id."""

    path: str
    key: str


def add_collection(
    ground: Ground,
    service: Service,
    path: str,
    *,
    key: str | None = None,
    fields: Sequence[ItemField] | None = None,
    category: str = ENTITY,
) -> None:
    """Create a collection or subcollection.

    `key` is the property of its items that is the document's id, `fields` are their fields in order,
    `category` is what their headers tell. Raises NameRefused, NameTaken, SchemaRefused.
    """
    _check_path(path)
    known = _checked(_Known(key, fields, category))
    with ground.database.begin() as session:
        if not services.add_collection(session, service.id, path):
            raise NameTaken(f"The collection {path!r} exists already.")
        _keep(session, service, path, known)


def change_collection(
    ground: Ground,
    service: Service,
    path: str,
    *,
    key: str | None = None,
    fields: Sequence[ItemField] | None = None,
    category: str | None = None,
) -> None:
    """Let other things be known of a collection's items; what is None stays.

    Jobs go on with what they began with. Raises CollectionNotFound, SchemaRefused, KeyInUse.
    """
    with ground.database.begin() as session:
        row = collections.hold(session, service.id, path)
        if row is None:
            raise CollectionNotFound(path)
        known = _checked(_changed(row, key, fields, category))
        if (known.key or DOCUMENTID) != (row.key or DOCUMENTID) and collections.has_items(session, row):
            raise KeyInUse(path, row.key or DOCUMENTID)
        _keep(session, service, path, known)


class _Known(NamedTuple):
    """What is kept of a collection's items."""

    key: str | None
    fields: Sequence[ItemField] | None
    category: str


def _changed(
    row: Collection, key: str | None, fields: Sequence[ItemField] | None, category: str | None
) -> _Known:
    kept = None if row.fields is None else [ItemField(**field) for field in row.fields]
    return _Known(
        key=row.key if key is None else key,
        fields=kept if fields is None else fields,
        category=row.category if category is None else category,
    )


def _checked(known: _Known) -> _Known:
    """The same, with no key where it is the one that all have. Raises SchemaRefused."""
    if known.key == DOCUMENTID:
        known = known._replace(key=None)
    _check_schema(known.key, known.fields)
    _check_category(known.category)
    return known


def _keep(session: Session, service: Service, path: str, known: _Known) -> None:
    fields = None if known.fields is None else [asdict(field) for field in known.fields]
    collections.describe(session, service.id, path, key=known.key, fields=fields, category=known.category)


def lookalikes_of(ground: Ground, service: Service, path: str) -> list[str]:
    """Other collections that SQL can only tell from the one at `path` by names in quotes."""
    paths = list_collections(ground, service)
    return [other for other in paths if other != path and loose(other) == loose(path)]


def list_collections(ground: Ground, service: Service) -> list[str]:
    """Paths of the service's collections in order."""
    return [collection.path for collection in list_keys(ground, service)]


def list_keys(ground: Ground, service: Service) -> list[CollectionKey]:
    """The service's collections by path, with their keys."""
    with ground.database.begin() as session:
        found = collections.in_order(session, service.id)
        return [CollectionKey(row.path, row.key or DOCUMENTID) for row in found]


def find_collection(ground: Ground, service: Service, path: str) -> int:
    """The collection's row id. Raises CollectionNotFound."""
    with ground.database.begin() as session:
        row = services.get_collection(session, service.id, path)
    if row is None:
        raise CollectionNotFound(path)
    return row.id


def _check_path(path: str) -> None:
    if len(path) > MAX_PATH_CHARACTERS or _PATH.fullmatch(path) is None:
        raise NameRefused(
            f"{path!r} cannot name a collection: a path such as /films or /films/42/reviews is expected,"
            f" of at most {MAX_PATH_CHARACTERS} characters."
        )
    if path.split("/")[1] in RESERVED:
        raise NameRefused(f"{path!r} cannot name a collection: the service itself answers there.")


def _check_category(category: str) -> None:
    if category not in CATEGORIES:
        raise SchemaRefused(f"The category {category!r} is not known: {' or '.join(CATEGORIES)} is expected.")


def _check_schema(key: str | None, fields: Sequence[ItemField] | None) -> None:
    if key is not None and not (key.strip() and key.isprintable()):
        raise SchemaRefused(f"{key!r} cannot be a key: the name of a property is expected.")
    if fields is None:
        return
    names = [field.name for field in fields]
    if not names or not all(name.strip() and name.isprintable() for name in names):
        raise SchemaRefused("A schema needs at least one field, and each field a name.")
    if len(set(names)) != len(names):
        raise SchemaRefused("Two fields of the schema have the same name.")
    for field in fields:
        if field.type not in TYPES:
            raise SchemaRefused(
                f"The type {field.type!r} of {field.name} is not known: one of {', '.join(sorted(TYPES))}"
                " is expected."
            )
    if key is not None and key not in names:
        raise SchemaRefused(f"The key {key} is not a field of the schema.")
