"""Nested JSON to the columns of a table and back.

An object's members become columns named by their path, joined with dots: `address.city`. A dot or
backslash within a name is written with a backslash before it. Lists, and objects without members, are one
cell of JSON text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(decimal_format="number").encode
# Apostrophes count as part of it, so that every text comes back as it was.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_SPECIAL = re.compile(r"[.\\]")


def flatten(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Column and scalar, list or empty object, for each value that is not an object with members."""
    for name, value in properties.items():
        column = prefix + _SPECIAL.sub(r"\\\g<0>", name)
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{column}.")
        else:
            yield column, value


def cell(value: object) -> str:
    """A flattened value as text: strings as they are, null as nothing, everything else as JSON.

    A string that a spreadsheet would take for a formula gets an apostrophe, which `text_of` takes away.
    """
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    return "" if value is None else _encode(value).decode()


def text_of(cell: str) -> str:
    """The string that a cell of text stands for."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def path_of(column: str) -> tuple[str, ...]:
    """The names that a column's dots separate."""
    names = [""]
    characters = iter(column)
    for character in characters:
        if character == ".":
            names.append("")
        else:
            names[-1] += next(characters, "") if character == "\\" else character
    return tuple(names)


def unflatten(values: Iterator[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
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
