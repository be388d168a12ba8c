"""Nested JSON to the columns of a table and back.

An object's members become columns named by their path, joined with dots: `address.city`. A dot or
backslash within a name, and a blank at an end of it, is written with a backslash before it; a backslash
alone is the name without characters. Lists, objects without members, and whatever is declared to be JSON,
are one cell of JSON text. Null and the empty text are an empty cell, and an empty cell is no property.
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
_SPECIAL = re.compile(r"[.\\]|^\s|\s\Z")
_EMPTY_NAME = "\\"


# Of all columns' names in a table, whose header row could not be read again otherwise.
MAX_NAMES_CHARACTERS = 20 * 1024 * 1024


class TooWide(Exception):
    """The names of the columns are too long: each one repeats those of all objects that it is in."""


class Contradiction(Exception):
    """A property was to have a value and members, or two values. `path` is of the one that came later."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path


def flatten(properties: Mapping[str, Any], *, whole: Collection[str] = ()) -> dict[str, Any]:
    """Each value that is not an object with members, by its column; whatever is in `whole` as it is.

    Raises TooWide.
    """
    columns: dict[str, Any] = {}
    _flatten_into(columns, properties, "", whole, MAX_NAMES_CHARACTERS)
    return columns


def _flatten_into(
    columns: dict[str, Any], properties: Mapping[str, Any], prefix: str, whole: Collection[str], room: int
) -> int:
    """Returns for how many characters of names there is room still, those of prefixes counted."""
    room -= len(prefix) * len(properties)
    if room < 0:
        raise TooWide
    for name, value in properties.items():
        # Nearly every name is one, and this is decided much faster than the rest.
        column = prefix + (name if name.isidentifier() else escaped(name))
        if type(value) is dict and value and column not in whole:
            room = _flatten_into(columns, value, f"{column}.", whole, room)
        else:
            columns[column or _EMPTY_NAME] = value
    return room


def escaped(name: str) -> str:
    """A property's name as a part of a column's."""
    # Nearly no name needs the slow way.
    is_plain = not ("." in name or "\\" in name or name[:1].isspace() or name[-1:].isspace())
    return name if is_plain else _SPECIAL.sub(r"\\\g<0>", name)


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
    """The object that has each value, none of which is a dict with members, at its path.

    Raises Contradiction.
    """
    whole: dict[str, Any] = {}
    for path, value in values:
        place = whole
        for name in path[:-1]:
            place = place.setdefault(name, {})
            if type(place) is not dict:
                raise Contradiction(path)
        if path[-1] in place:
            raise Contradiction(path)
        place[path[-1]] = value
    return whole
