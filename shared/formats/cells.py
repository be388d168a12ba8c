"""Cells of a CSV row as properties of an item, typed by the item type's fields; text where it has none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from shared.formats.flattening import ESCAPE, Contradiction, Path, path_of, text_of, unflatten
from shared.formats.json_lines import is_too_deep

Value = str | msgspec.Raw

TRUE, FALSE = msgspec.Raw(b"true"), msgspec.Raw(b"false")
_BOOLEANS = {"true": TRUE, "1": TRUE, "yes": TRUE, "false": FALSE, "0": FALSE, "no": FALSE}


class CellRefused(ValueError):
    """A cell is not what its field's type asks for, or has no place; the message names the column."""


class CellTypes:
    """How the cells under one header row become properties."""

    def __init__(self, header: Sequence[str], types: Mapping[str, str]) -> None:
        """`types` by column; a column's name is the path of a property, `address.city`."""
        self._types = [(column, types.get(column, "string")) for column in header]
        self._paths = [path_of(column) for column in header]
        self._readers = [_READERS.get(kind) for _, kind in self._types]
        self._is_flat = all(len(path) == 1 for path in self._paths)
        self._members = [(path[-1], read) for path, read in zip(self._paths, self._readers, strict=True)]

    def texts(self) -> list[str]:
        """The columns' names, where all are texts of no parts; else none."""
        return [] if any(self._readers) or not self._is_flat else [path[0] for path in self._paths]

    def properties(self, cells: Sequence[str]) -> dict[str, Any]:
        """What a row's cells say; an empty cell says nothing. Raises CellRefused."""
        try:
            return self._flat(cells) if self._is_flat else unflatten(self._at_paths(cells))
        except Contradiction as error:
            column, _ = self._types[self._paths.index(error.path)]
            raise CellRefused(
                f"The cell under {column} contradicts another one: a property that has a value has no parts."
            ) from error
        except ValueError as error:
            column, kind = self._types[self._wrong(cells)]
            raise CellRefused(f"The cell under {column} is not of type {kind}.") from error

    def _flat(self, cells: Sequence[str]) -> dict[str, Any]:
        # A text that nobody escaped is taken without a call: most of them are such.
        return {
            name: cell if read is None and cell[0] != ESCAPE else (read or text_of)(cell)
            for (name, read), cell in zip(self._members, cells, strict=True)
            if cell
        }

    def _at_paths(self, cells: Sequence[str]) -> Iterator[tuple[Path, Value]]:
        for path, read, cell in zip(self._paths, self._readers, cells, strict=True):
            if cell:
                yield path, (read or text_of)(cell)

    def _wrong(self, cells: Sequence[str]) -> int:
        """The position of the first cell that is not of its type."""
        return next(n for n, cell in enumerate(cells) if cell and not _is_readable(self._readers[n], cell))


def _is_readable(read: Callable[[str], Value] | None, cell: str) -> bool:
    try:
        (read or text_of)(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> Value:
    if type(orjson.loads(cell)) not in (int, float):
        raise ValueError
    return msgspec.Raw(cell.encode())


def _boolean(cell: str) -> Value:
    known = _BOOLEANS.get(cell.strip().lower())
    if known is None:
        raise ValueError
    return known


def _json(cell: str) -> Value:
    text = cell.encode()
    if is_too_deep(text, orjson.loads(text)):
        raise ValueError
    return msgspec.Raw(text)


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
# Types whose values stand in one cell as JSON, whatever they are.
JSON_TYPES: frozenset[str] = frozenset(kind for kind, read in _READERS.items() if read is _json)
TYPES: frozenset[str] = frozenset(_READERS) | {
    "string", "date", "datetime", "dimension", "refnum", "email", "phone", "binary", "enumeration",
    "HTML", "url",
}  # fmt: skip


def types_of(fields: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Types by column, of an item type's fields."""
    return {field["name"]: field["type"] for field in fields}
