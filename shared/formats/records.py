"""Documents of an export as values, and as the columns of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

import msgspec

from shared.errors import LongshoreError
from shared.formats.cells import JSON_TYPES
from shared.formats.csv_header import MAX_COLUMNS
from shared.formats.flattening import MAX_NAMES_CHARACTERS, TooWide, escaped, flatten
from shared.formats.portions import Portion


class RecordRefused(LongshoreError):
    """A document holds what cannot be written in the form that was asked for; the message tells what."""

    code: ClassVar[str] = "record_refused"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table."""

    names: tuple[str, ...]
    whole: frozenset[str] = frozenset()  # objects in these are one cell
    json: frozenset[str] = frozenset()  # everything in these is JSON, texts and null, too

    @classmethod
    def of_query(cls, names: Iterable[str]) -> Self:
        """One column for each of a query's."""
        columns = tuple(map(escaped, names))
        return cls(columns, whole=frozenset(columns))

    @classmethod
    def of_items(cls, types: Mapping[str, str], key: str) -> Self:
        """What is known before any item is met: the schema's fields; the key first, where it is not one."""
        names = tuple(types) if key in types else (escaped(key), *types)
        json = frozenset(name for name, kind in types.items() if kind in JSON_TYPES)
        return cls(names, whole=json, json=json)


class ColumnFinder:
    """Adds the columns that documents have besides the known ones, in the order they are met."""

    def __init__(self, known: Columns, key: str) -> None:
        self._known = known
        self._key = key
        self._found = dict.fromkeys(known.names)
        self._names_characters = sum(map(len, known.names))

    def meet(self, portion: Portion) -> None:
        """Look at some more documents. Raises RecordRefused."""
        try:
            for row in portion.rows():
                columns = flatten(named(*row, self._key), whole=self._known.whole)
                if not columns.keys() <= self._found.keys():
                    self._add(columns)
        except TooWide as error:
            raise RecordRefused(
                f"The items have more than {MAX_COLUMNS} columns, or ones with very long names: export them"
                " as JSON, or with a template."
            ) from error

    def _add(self, columns: Mapping[str, Any]) -> None:
        added = [name for name in columns if name not in self._found]
        self._names_characters += sum(map(len, added))
        if len(self._found) + len(added) > MAX_COLUMNS or self._names_characters > MAX_NAMES_CHARACTERS:
            raise TooWide
        self._found.update(dict.fromkeys(added))

    def columns(self) -> Columns:
        """All columns met so far."""
        return Columns(tuple(self._found), self._known.whole, self._known.json)


def named(documentid: str | None, properties: bytes, key: str) -> dict[str, Any]:
    """The properties as values that keep every digit, the document's id among them. Raises RecordRefused."""
    try:
        values = _decode(properties)
    except msgspec.ValidationError as error:
        raise RecordRefused("A number has more digits than can be written: export as JSON.") from error
    if documentid is not None:
        values.setdefault(key, documentid)
    return values


_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
