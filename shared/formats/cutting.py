"""An uploaded file of items into blocks: UTF-8, whole rows or items, no header row.

The file is read once from its beginning to its end before anything of it is applied. What makes it
unreadable as a whole is therefore found while nothing has happened yet.
"""

import codecs
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, NamedTuple

import ijson
import msgspec

from shared.errors import LongshoreError
from shared.formats.csv_rows import fit, rows
from shared.formats.json_lines import BLANK, BYTE_ORDER_MARK, parse_object
from shared.formats.reading import CsvLayout, FileReading

BLOCK_BYTES = 8 * 1024 * 1024
DELIMITERS = ",;\t|"
ROWS_LOOKED_AT = 100

_encode = msgspec.json.Encoder(decimal_format="number").encode


class FileRefused(LongshoreError):
    """The file cannot be read at all; the message says from where on and why."""

    code: ClassVar[str] = "file_refused"


class Cut(NamedTuple):
    """Neighbouring rows or items of the file."""

    body: bytes
    lines_before: int  # lines of the file (items of a JSON list) that come before it
    lines: int


class Piece(NamedTuple):
    """One row or item, ready to stand in a block."""

    text: bytes
    lines: int


@dataclass
class FileCutter:
    """Cuts one file. `reading` is complete, header and separator included, once the first piece is out."""

    reading: FileReading

    def cut(self, source: BinaryIO) -> Iterator[Cut]:
        """The file's blocks in order; none for a file without items. Raises FileRefused."""
        try:
            if self.reading.csv is None:
                yield from _gathered(_json_pieces(_as_utf8(source, self.reading.charset)), 0)
            else:
                yield from self._cut_rows(source, self.reading.csv)
        except UnicodeDecodeError as error:
            raise FileRefused(f"The file is not encoded as {self.reading.charset}.") from error

    def _cut_rows(self, source: BinaryIO, layout: CsvLayout) -> Iterator[Cut]:
        text = _as_utf8(source, self.reading.charset)
        lines = _lines(text)
        first = next(lines, b"")
        layout = replace(layout, delimiter=_delimiter(first.decode()))
        found = rows(_chained(first, lines), layout.delimiter)
        header_lines = 0
        if layout.has_header_row:
            header, _, header_lines = next(found, ([], b"", 0))
            layout = replace(layout, header=_checked(header))
        elif not layout.header:
            first_row = next(rows([first], layout.delimiter), ([], b"", 0))[0]
            layout = replace(layout, header=[f"c{number}" for number in range(1, len(first_row) + 1)])
        self.reading = replace(self.reading, csv=layout)
        yield from _gathered(_row_pieces(found, len(layout.header)), header_lines)


def _gathered(pieces: Iterable[Piece], lines_before: int) -> Iterator[Cut]:
    held: list[bytes] = []
    size = lines = 0
    for text, count in pieces:
        held.append(text)
        size += len(text)
        lines += count
        if size >= BLOCK_BYTES:
            yield Cut(b"".join(held), lines_before, lines)
            lines_before += lines
            held, size, lines = [], 0, 0
    if held:
        yield Cut(b"".join(held), lines_before, lines)


def _as_utf8(source: BinaryIO, charset: str) -> BinaryIO:
    codec = codecs.lookup(charset)
    if codec.name == "utf-8":
        return source
    return codecs.EncodedFile(source, "utf-8", codec.name)


def _lines(source: BinaryIO) -> Iterator[bytes]:
    text = io.TextIOWrapper(source, encoding="utf-8", newline="")
    for number, line in enumerate(text):
        yield (line.removeprefix("\ufeff") if not number else line).encode()


def _chained(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _delimiter(first_line: str) -> str:
    return max(DELIMITERS, key=first_line.count)


def _checked(header: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    if not any(names):
        raise FileRefused("The file has no header row, and one was announced.")
    if not all(names) or len(set(names)) != len(names):
        raise FileRefused("Two columns of the header row have the same name, or one has none.")
    return names


def _row_pieces(found: Iterable[tuple[list[str], bytes, int]], columns: int) -> Iterator[Piece]:
    looked_at = fitting = 0
    text, lines = b"", 0
    for cells, text, lines in found:
        if looked_at < ROWS_LOOKED_AT and any(cells):
            looked_at += 1
            fitting += fit(cells, columns) is not None
            if looked_at == ROWS_LOOKED_AT and not fitting:
                raise _nothing_fits(looked_at, columns)
        yield Piece(text, lines)
    if looked_at and not fitting:
        raise _nothing_fits(looked_at, columns)
    if lines > 1 and text.count(b'"') % 2:
        raise FileRefused("A quoted cell near the end of the file is never closed.")


def _nothing_fits(rows_seen: int, columns: int) -> FileRefused:
    return FileRefused(f"None of the first {rows_seen} rows has the {columns} columns that are expected.")


def _json_pieces(source: BinaryIO) -> Iterator[Piece]:
    buffered = io.BufferedReader(source)  # type: ignore[type-var]
    start = buffered.peek(64).removeprefix(BYTE_ORDER_MARK).lstrip(BLANK)
    if start.startswith(b"["):
        yield from _list_pieces(buffered)
    else:
        yield from _line_pieces(buffered)


def _list_pieces(source: BinaryIO) -> Iterator[Piece]:
    number = 0
    try:
        for item in ijson.items(_without_mark(source), "item"):
            number += 1
            yield Piece(_encode(item) + b"\n", 1)
    except ijson.JSONError as error:
        raise FileRefused(f"The file is not JSON: behind item {number}, {_first_line(error)}.") from error


def _line_pieces(source: BinaryIO) -> Iterator[Piece]:
    is_first = True
    for line in source:
        text = line.removeprefix(BYTE_ORDER_MARK) if is_first else line
        if is_first and text.strip(BLANK):
            if not isinstance(parse_object(text), dict):
                raise FileRefused("The file is neither a JSON list of items nor one JSON object a line.")
            is_first = False
        yield Piece(text if text.endswith(b"\n") else text + b"\n", 1)


def _without_mark(source: BinaryIO) -> BinaryIO:
    if isinstance(source, io.BufferedReader) and source.peek(3).startswith(BYTE_ORDER_MARK):
        source.read(3)
    return source


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it is malformed"])[0].strip().rstrip(".")
