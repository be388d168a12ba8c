"""Nested JSON to the columns of a table and back.

An object's members become columns named by their path, joined with dots: `address.city`. A dot or
backslash within a name is written with a backslash before it. Lists, objects without members, and
whatever is declared to be JSON, are one cell of JSON text. Null and the empty text are an empty cell, and
an empty cell is no property.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

Path = tuple[str, ...]

ESCAPE = "'"

_encode = msgspec.json.Encoder(decimal_format="number").encode
# Apostrophes count as part of it, so that every text comes back as it was.
_is_formula = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]").match
_SUSPECTS = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # some of them are twice as wide
_SPECIAL = re.compile(r"[.\\]")


def flatten(properties: Mapping[str, Any], *, whole: Collection[str] = ()) -> dict[str, Any]:
    """Each value that is not an object with members, by its column; whatever is in `whole` as it is."""
    columns: dict[str, Any] = {}
    _flatten_into(columns, properties, "", whole)
    return columns


def _flatten_into(
    columns: dict[str, Any], properties: Mapping[str, Any], prefix: str, whole: Collection[str]
) -> None:
    for name, value in properties.items():
        column = prefix + escaped(name)
        if type(value) is dict and value and column not in whole:
            _flatten_into(columns, value, f"{column}.", whole)
        else:
            columns[column] = value


def escaped(name: str) -> str:
    """A property's name as a part of a column's."""
    return _SPECIAL.sub(r"\\\g<0>", name) if "." in name or "\\" in name else name


def cell(value: object) -> str:
    """A flattened value as text: strings as they are, null as nothing, everything else as JSON.

    A string that a spreadsheet would take for a formula gets an apostrophe, which `text_of` takes away.
    """
    if type(value) is str:
        return ESCAPE + value if value[:1] in _SUSPECTS and _is_formula(value) else value
    return "" if value is None else json_cell(value)


def json_cell(value: object) -> str:
    """Any value as JSON text."""
    return _encode(value).decode()


def text_of(cell: str) -> str:
    """The string that a cell of text stands for."""
    return cell[1:] if cell.startswith(ESCAPE) and _is_formula(cell) else cell


def path_of(column: str) -> Path:
    """The names that a column's dots separate."""
    names = [""]
    characters = iter(column)
    for character in characters:
        if character == ".":
            names.append("")
        else:
            names[-1] += next(characters, "") if character == "\\" else character
    return tuple(names)


def unflatten(values: Iterable[tuple[Path, Any]]) -> dict[str, Any]:
    """The object that has each value at its path; where two paths contradict, the later one wins."""
    whole: dict[str, Any] = {}
    for path, value in values:
        place = whole
        for name in path[:-1]:
            inner = place.get(name)
            if not isinstance(inner, dict):
                inner = place[name] = {}
            place = inner
        place[path[-1]] = value
    return whole
