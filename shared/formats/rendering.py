"""Documents into the files of an export: JSON, CSV, or whatever a template makes of them.

`begin`, `separator` and `end` make a file of the texts of some documents. Every file stands alone.
"""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Literal, Protocol

import msgspec

from shared.formats.csv_separators import SEPARATORS
from shared.formats.flattening import cell, flatten, json_cell
from shared.formats.portions import Portion
from shared.formats.records import Columns, named
from shared.templates.budget import Budget
from shared.templates.velocity import Template


class Renderer(Protocol):
    """Makes text of documents."""

    media_type: str
    extension: str
    begin: bytes  # what stands before a file's first record
    separator: bytes  # what stands between two records
    end: bytes  # what stands behind a file's last record

    def text(self, portion: Portion) -> bytes:
        """The text of these documents, `separator` between them. Raises TemplateRefused, RecordRefused."""


class JsonRenderer:
    """A list of items, as imports take them."""

    media_type = "application/json"
    extension = "json"
    begin, separator, end = b"[", b",\n", b"]\n"

    def __init__(self, item_type: str, category: str) -> None:
        headers = msgspec.json.encode({"category": category, "type": item_type})
        self._head = b'{"headers":' + headers[:-1] + b',"id":'

    def text(self, portion: Portion) -> bytes:
        return portion.items(self._head, b'},"data":', b"}", self.separator)


class CsvRenderer:
    """One row a document, one column a flattened property."""

    media_type = "text/csv; charset=utf-8"
    extension = "csv"
    separator = end = b""

    def __init__(self, columns: Columns, *, key: str, has_header: bool) -> None:
        """`key` is the property that a document's id is, also where only the id is stored."""
        self._cells = [(name, json_cell if name in columns.json else cell) for name in columns.names]
        self._whole = columns.whole
        self._key = key
        self.begin = _header_line([cell(name) for name in columns.names]) if has_header else b""

    def text(self, portion: Portion) -> bytes:
        return _lines(self._row(*row) for row in portion.rows())

    def _row(self, documentid: str | None, properties: bytes) -> list[str]:
        values = flatten(named(documentid, properties, self._key), whole=self._whole)
        return [write(values[name]) if name in values else "" for name, write in self._cells]


class TemplateRenderer:
    """A template's text for each document, a line end added where it has none; no line where it is empty."""

    media_type = "text/plain; charset=utf-8"
    extension = "txt"
    begin = separator = end = b""

    def __init__(self, template: Template, budget: Budget, *, key: str) -> None:
        """`key` is the property that a document's id is, also where only the id is stored."""
        self._template = template
        self._budget = budget
        self._key = key

    def text(self, portion: Portion) -> bytes:
        texts = [self._template.render(named(*row, self._key), self._budget) for row in portion.rows()]
        return "".join(text if text.endswith("\n") else text + "\n" for text in texts if text).encode()


def _header_line(names: Sequence[str]) -> bytes:
    """The names; quoted, where one of them holds what could be taken for this file's separator."""
    is_misleading = any(separator in name for name in names for separator in SEPARATORS)
    return _lines([names], quoting=csv.QUOTE_ALL if is_misleading else csv.QUOTE_MINIMAL)


def _lines(rows: Iterable[Sequence[str]], quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> bytes:
    written = StringIO(newline="")
    csv.writer(written, lineterminator="\r\n", quoting=quoting).writerows(rows)
    return written.getvalue().encode()
