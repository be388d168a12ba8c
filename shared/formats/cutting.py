"""An uploaded file of items into blocks: UTF-8, whole rows or items, no header row.

The file is read once from its beginning to its end before anything of it is applied. What makes it
unreadable as a whole is therefore found while nothing has happened yet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import repeat
from typing import BinaryIO, NamedTuple, TextIO

from shared.formats.csv_header import require_key
from shared.formats.csv_pieces import CsvFile
from shared.formats.items import DOCUMENTID
from shared.formats.json_pieces import json_pieces
from shared.formats.pieces import Piece, open_text
from shared.formats.reading import CsvLayout, FileReading

BLOCK_BYTES = 8 * 1024 * 1024
# Enough that what each part costs is nothing beside its rows, and little to hold.
_PART_BYTES = 1 << 18


class Part(NamedTuple):
    """Neighbouring rows or items of the file, which go into one block."""

    body: bytes
    lines_before: int  # lines of the file (items of a JSON list) that come before it
    lines: int
    ends_block: bool = False  # without it another part follows, or the file ends


@dataclass
class FileCutter:
    """Cuts one file. `reading` is complete, header and separator included, once the first part is out."""

    reading: FileReading

    def cut(self, source: BinaryIO) -> Iterator[Part]:
        """The file's blocks in order, part by part; none for a file without items. Raises FileRefused."""
        charset, layout = self.reading.charset, self.reading.csv
        with open_text(source, charset, newline="\n" if layout is None else "") as text:
            if layout is None:
                yield from _gathered(json_pieces(text), 0)
            else:
                yield from self._cut_rows(text, layout)

    def _cut_rows(self, text: TextIO, layout: CsvLayout) -> Iterator[Part]:
        header, has_header_row = layout.header, layout.has_header_row
        file = CsvFile(
            text,
            separator=layout.delimiter,
            columns=0 if has_header_row else len(header),
            has_header_row=has_header_row,
        )
        if has_header_row:
            header = file.header()
        elif not header:
            header = file.numbered_header()
        if layout.template is None and self.reading.key != DOCUMENTID:
            require_key(header, self.reading.key, self.reading.item_type)
        self.reading = replace(self.reading, csv=replace(layout, delimiter=file.separator, header=header))
        yield from _gathered(file.pieces(len(header)), file.header_lines)


def _gathered(pieces: Iterable[Piece], lines_before: int) -> Iterator[Part]:
    """Parts of blocks that each end with the row or item that reaches BLOCK_BYTES."""
    held: list[bytes] = []
    size = lines = 0
    room = BLOCK_BYTES
    for piece in pieces:
        for text, count in _rows(piece, room - size):
            held.append(text)
            size += len(text)
            lines += count
            if size >= min(room, _PART_BYTES):
                ends_block = size >= room
                yield Part(b"".join(held), lines_before, lines, ends_block)
                lines_before += lines
                room = BLOCK_BYTES if ends_block else room - size
                held, size, lines = [], 0, 0
    if held:
        yield Part(b"".join(held), lines_before, lines)


def _rows(piece: Piece, room: int) -> Iterable[tuple[bytes, int]]:
    """The piece whole, or row by row where a block may end within it."""
    text, lines, rows = piece
    if rows == 1 or len(text) < room:
        return ((text, lines),)
    return zip(BytesIO(text), repeat(1))
