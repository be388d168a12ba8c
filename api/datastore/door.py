"""What every request to the Datastore API goes through before its view: admission, ids, existence.

In this order, whatever else is wrong with the request: who may not ask learns nothing, and an id that cannot
be is told before one that is not.
"""

import re

from flask import g, request
from structlog.contextvars import bind_contextvars

from api.datastore.vocabulary import INVALID_BLOCK_ID, INVALID_IMPORT_ID
from api.http.admission import admit, current_service
from api.http.arguments import Blueprint
from api.http.grounds import current_ground
from api.http.problems import NOT_FOUND, Problem, Refused
from api.usecases import imports
from shared.db.models import Import

IMPORTS_PREFIX = "/__resources/imports"

# The most digits of a number that the database could hold, 2**63 - 1.
_MAX_DIGITS = 19
_DIGITS = re.compile(r"[0-9]+")

IMPORT_ID = {
    "in": "path",
    "name": "importid",
    "required": True,
    "schema": {"type": "integer", "format": "int64", "minimum": 1},
    "description": "Identifies the import.",
    "example": 570,
}
BLOCK_ID = {
    "in": "path",
    "name": "blockid",
    "required": True,
    "schema": {"type": "integer", "format": "int32", "minimum": 1},
    "description": "Number of the block within its import, from 1.",
    "example": 1,
}


def guarded(name: str, *, prefix: str | None = None, description: str = "") -> Blueprint:
    """A blueprint whose views see only admitted requests, and only imports that exist."""
    blueprint = Blueprint(name, __name__, url_prefix=prefix, description=description)
    blueprint.before_request(admit)
    blueprint.before_request(_find_import)
    return blueprint


def current_import() -> Import:
    """The import that this request's path names, as it was when the request came in."""
    found: Import = g.found_import
    return found


def positive_integer(text: str, otherwise: Problem) -> int:
    """The id that `text` writes.

    Raises Refused: with `otherwise` where it cannot be an id, with 404 where no id is so large.
    """
    if _DIGITS.fullmatch(text) is None or not text.strip("0"):
        raise Refused(otherwise)
    digits = text.lstrip("0")
    if len(digits) > _MAX_DIGITS or int(digits) >= 2**63:
        raise Refused(NOT_FOUND)
    return int(digits)


def _find_import() -> None:
    given = request.view_args or {}
    if "importid" not in given:
        return
    given["importid"] = positive_integer(given["importid"], INVALID_IMPORT_ID)
    if "blockid" in given:
        given["blockid"] = positive_integer(given["blockid"], INVALID_BLOCK_ID)
    bind_contextvars(import_id=given["importid"])
    g.found_import = imports.get_import(current_ground(), current_service(), given["importid"])
