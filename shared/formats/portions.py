"""Documents on their way into the files of an export, some at a time."""

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import orjson

# A document's id and the JSON text of its properties; a row of a query has no id.
Row = tuple[str | None, bytes]

# Stands between a stored document's id and its properties. Neither holds it: JSON escapes control characters.
BETWEEN = b"\x01"

# Of a line end and the line behind it: whether its id stands in JSON as it is. Possessive, so that no shorter
# beginning of an id is tried where the whole of it has neither.
find_escaped = re.compile(rb'\n[^\x01"\\]*+["\\]').search


class Portion(Protocol):
    """Some documents, in order."""

    def __len__(self) -> int:
        """How many they are."""

    def each(self) -> Iterator["Portion"]:
        """Every document alone."""

    def rows(self) -> list[Row]:
        """Every document by itself, as its parts."""

    def items(self, head: bytes, middle: bytes, end: bytes, separator: bytes) -> bytes:
        """All documents as one text, of each its id as JSON and its properties, with these around them.

        What has no id stands as it is.
        """


class StoredDocuments:
    """Documents as they were stored: lines of an id, BETWEEN and the properties as JSON."""

    def __init__(self, lines: bytes) -> None:
        """Each line has its line feed; there are no others."""
        self._lines = lines
        # A quarter of the time that `count` takes.
        self._count = len(lines) - len(lines.replace(b"\n", b""))

    def __len__(self) -> int:
        return self._count

    def each(self) -> Iterator[Portion]:
        return (StoredDocuments(line) for line in self._lines.splitlines(keepends=True))

    def rows(self) -> list[Row]:
        parts = (line.split(BETWEEN) for line in self._lines.splitlines())
        return [(documentid.decode(), properties) for documentid, properties in parts]

    def items(self, head: bytes, middle: bytes, end: bytes, separator: bytes) -> bytes:
        # All at once: a format for each document would take three times as long as this.
        head, middle = head + b'"', b'"' + middle
        lines = self._escaped()[:-1].replace(BETWEEN, middle).replace(b"\n", end + separator + head)
        return b"".join((head, lines, end))

    def _escaped(self) -> bytes:
        """The lines, each id as JSON has it between quotes."""
        if not find_escaped(b"\n" + self._lines):
            return self._lines
        rows = ((orjson.dumps(documentid)[1:-1], properties) for documentid, properties in self.rows())
        return b"".join(b"%b%b%b\n" % (documentid, BETWEEN, properties) for documentid, properties in rows)


class QueryRow(NamedTuple):
    """One row of a query, the JSON text of an object."""

    text: bytes

    def __len__(self) -> int:
        return 1

    def each(self) -> Iterator[Portion]:
        return iter((self,))

    def rows(self) -> list[Row]:
        return [(None, self.text)]

    def items(self, *_: bytes) -> bytes:
        return self.text
