"""Paths of collections and documents: they alternate, so the number of segments tells which one is meant."""

from typing import Any

from flask import Flask
from werkzeug.routing import BaseConverter

from api.usecases.collections import RESERVED

_SEGMENT = r"[^/\x00-\x1f\x7f]+"
_OURS = "|".join(sorted(name.replace(".", r"\.") for name in RESERVED))


class CollectionConverter(BaseConverter):
    """An odd number of segments, the first of which is not one the service itself answers under."""

    regex = rf"(?!(?:{_OURS})(?:/|$)){_SEGMENT}(?:/{_SEGMENT}/{_SEGMENT})*"
    part_isolating = False


def install(app: Flask) -> None:
    """Let the application's rules use `<collection:…>`, without redirects from doubled slashes."""
    app.url_map.converters["collection"] = CollectionConverter
    app.url_map.merge_slashes = False


def parameter(name: str, meaning: str, example: str) -> dict[str, Any]:
    """The description of a path parameter."""
    return {
        "in": "path",
        "name": name,
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": meaning,
        "example": example,
    }
