"""Documents into the files of an export: JSON, CSV, or whatever a template makes of them.

A renderer writes one file at a time: `begin`, a record for each document, `end`. Every file stands alone.
"""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec
import orjson

from shared.formats.flattening import cell, flatten
from shared.templates.velocity import Template


class Renderer(Protocol):
    """Makes bytes of documents."""

    media_type: str
    extension: str

    def begin(self) -> bytes:
        """What stands before a file's first record."""

    def record(self, documentid: str | None, properties: bytes, *, is_first: bool) -> bytes:
        """One document, whose properties are JSON text; None for a row of a query, which has no id."""

    def end(self) -> bytes:
        """What stands behind a file's last record."""


class JsonRenderer:
    """A list of items, as imports take them."""

    media_type = "application/json"
    extension = "json"

    def __init__(self, item_type: str) -> None:
        headers = msgspec.json.encode({"category": "entity", "type": item_type})
        self._head = b'{"headers":' + headers[:-1] + b',"id":'

    def begin(self) -> bytes:
        return b"["

    def record(self, documentid: str | None, properties: bytes, *, is_first: bool) -> bytes:
        start = b"\n" if is_first else b",\n"
        if documentid is None:
            return start + properties
        return b'%b%b%b},"data":%b}' % (start, self._head, orjson.dumps(documentid), properties)

    def end(self) -> bytes:
        return b"\n]\n"


class CsvRenderer:
    """One row a document, one column a flattened property."""

    media_type = "text/csv"
    extension = "csv"

    def __init__(self, columns: Sequence[str], *, has_header: bool) -> None:
        self._columns = columns
        self._has_header = has_header

    def begin(self) -> bytes:
        return _row(self._columns) if self._has_header else b""

    def record(self, documentid: str | None, properties: bytes, *, is_first: bool) -> bytes:
        values = {name: cell(value) for name, value in flatten(exact(properties))}
        return _row([values.get(column, "") for column in self._columns])

    def end(self) -> bytes:
        return b""


class TemplateRenderer:
    """A template's text for each document, a line end added where it has none."""

    media_type = "text/plain"
    extension = "txt"

    def __init__(self, template: Template, *, header: Sequence[str] = ()) -> None:
        self._template = template
        self._header = header

    def begin(self) -> bytes:
        return _row(self._header) if self._header else b""

    def record(self, documentid: str | None, properties: bytes, *, is_first: bool) -> bytes:
        text = self._template.render(exact(properties))
        return (text if text.endswith("\n") else text + "\n").encode()

    def end(self) -> bytes:
        return b""


def exact(properties: bytes) -> dict[str, Any]:
    """JSON text as Python values that keep every digit."""
    return _decode(properties)


_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


def _row(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()
