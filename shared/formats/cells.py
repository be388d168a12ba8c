"""Cells of a CSV row as properties of an item, typed by the item type's fields; text where it has none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from shared.formats.flattening import path_of, text_of, unflatten

Value = str | msgspec.Raw

TRUE, FALSE = msgspec.Raw(b"true"), msgspec.Raw(b"false")
_BOOLEANS = {"true": TRUE, "1": TRUE, "yes": TRUE, "false": FALSE, "0": FALSE, "no": FALSE}

_encode = msgspec.json.Encoder().encode


class CellRefused(ValueError):
    """A cell is not what its field's type asks for; the message names the column and the type."""


class CellTypes:
    """How the cells under one header row become properties."""

    def __init__(self, header: Sequence[str], types: Mapping[str, str]) -> None:
        """`types` by column; a column's name is the path of a property, `address.city`."""
        self._paths = [path_of(column) for column in header]
        self._read = [_READERS.get(types.get(column, "string"), _text) for column in header]
        self._columns = list(zip(header, [types.get(column, "string") for column in header], strict=True))

    def properties(self, cells: Sequence[str]) -> bytes:
        """The JSON object that a row's cells make; an empty cell makes no property. Raises CellRefused."""
        values = [
            (path, self._value(position, cell))
            for position, (path, cell) in enumerate(zip(self._paths, cells, strict=True))
            if cell
        ]
        return _encode(unflatten(iter(values)))

    def _value(self, position: int, cell: str) -> Value:
        try:
            return self._read[position](cell)
        except ValueError as error:
            column, kind = self._columns[position]
            raise CellRefused(f"The cell under {column} is not of type {kind}.") from error


def _text(cell: str) -> Value:
    return text_of(cell)


def _number(cell: str) -> Value:
    if type(orjson.loads(cell)) not in (int, float):
        raise ValueError
    return msgspec.Raw(cell.encode())


def _boolean(cell: str) -> Value:
    known = _BOOLEANS.get(cell.lower())
    if known is None:
        raise ValueError
    return known


def _json(cell: str) -> Value:
    orjson.loads(cell)
    return msgspec.Raw(cell.encode())


# By the data types of the item type's schema; whatever is not here is text.
_READERS: Mapping[str, Callable[[str], Value]] = {
    "int": _number,
    "integer": _number,
    "decimal": _number,
    "number": _number,
    "boolean": _boolean,
    "list": _json,
    "block": _json,
    "jsonElement": _json,
}
TYPES: frozenset[str] = frozenset(_READERS) | {
    "string", "date", "datetime", "dimension", "refnum", "email", "phone", "binary", "enumeration",
    "HTML", "url",
}  # fmt: skip


def types_of(fields: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Types by column, of an item type's fields."""
    return {field["name"]: field["type"] for field in fields}
