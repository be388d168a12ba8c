"""Collections of a data service."""

import re

from api.usecases.services import Service
from shared.db import services
from shared.errors import CollectionNotFound, NameRefused, NameTaken
from shared.ground import Ground

# Paths alternate collection, document, collection: an odd number of segments names a collection.
_SEGMENT = r"/[^/\x00-\x20\x7f-\x9f?#%\ud800-\udfff]{1,255}"
_PATH = re.compile(rf"{_SEGMENT}(?:{_SEGMENT}{_SEGMENT})*")
MAX_PATH_CHARACTERS = 1024

# First segments under which the service itself answers.
RESERVED = frozenset({"__resources", "docs", "health", "ls", "metrics", "openapi.json"})


def add_collection(ground: Ground, service: Service, path: str) -> None:
    """Create a collection or subcollection. Raises NameRefused, NameTaken."""
    if len(path) > MAX_PATH_CHARACTERS or _PATH.fullmatch(path) is None:
        raise NameRefused(
            f"{path!r} cannot name a collection: a path such as /films or /films/42/reviews is expected,"
            f" of at most {MAX_PATH_CHARACTERS} characters."
        )
    if path.split("/")[1] in RESERVED:
        raise NameRefused(f"{path!r} cannot name a collection: the service itself answers there.")
    with ground.database.begin() as session:
        if not services.add_collection(session, service.id, path):
            raise NameTaken(f"The collection {path!r} exists already.")


def list_collections(ground: Ground, service: Service) -> list[str]:
    """Paths of the service's collections in order."""
    with ground.database.begin() as session:
        return list(services.collections(session, service.id))


def find_collection(ground: Ground, service: Service, path: str) -> int:
    """The collection's row id. Raises CollectionNotFound."""
    with ground.database.begin() as session:
        row = services.get_collection(session, service.id, path)
    if row is None:
        raise CollectionNotFound(path)
    return row.id
