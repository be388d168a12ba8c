"""Ids for documents that come without one: time-ordered, and the same whenever the same line is applied.

A UUID version 7 (RFC 9562, section 5.7) of the moment the import was started. The bits that the RFC leaves
to the writer are block (20), line (24) and import (30): ids of one import sort as its lines do, two
imports never make the same one, and a batch that is applied again after a crash makes the same ids again.

Only a block of blank lines, or one of a very large limit, has more lines than that. The ids of those that are
beyond are of version 8 (section 5.8), so none of the others: they have 31 bits for the line and 23 for the
import, and sort behind those of the import's other lines.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

BLOCK_BITS, LINE_BITS, IMPORT_BITS = 20, 24, 30
FAR_LINE_BITS, FAR_IMPORT_BITS = 31, 23
MAX_BLOCKS = (1 << BLOCK_BITS) - 1
MAX_BLOCK_BYTES = (1 << FAR_LINE_BITS) - 1  # so many lines it may have

_VERSION, _FAR_VERSION = 0x7, 0x8
_VARIANT = 0b10

# In their ids the lines of a page differ by the last ten digits only, and so do those of any other page.
_PAGE_BITS = 10
_PAGE_LINES = 1 << _PAGE_BITS
_PAGES = 1 << (LINE_BITS - _PAGE_BITS)


def documentid_maker(started_at: datetime, import_id: int, block_number: int) -> Callable[[int], str]:
    """A function from a line's number in the block, from 1, to the id of its document.

    Quickest for one number after the other: 0.14 microseconds, where to spell each id takes 0.5.
    """
    prefix = _prefix(started_at, block_number)
    begun, begin, ends = -1, "", list[str]()

    def documentid(line_number: int) -> str:
        nonlocal begun, begin, ends
        page = line_number >> _PAGE_BITS
        if page != begun:
            if page >= _PAGES:
                return _far(started_at, import_id, block_number, line_number)
            ends = ends or [_end(line, import_id) for line in range(_PAGE_LINES)]
            begun, begin = page, prefix + _middle(block_number, page)
        return begin + ends[line_number % _PAGE_LINES]

    return documentid


def _far(started_at: datetime, import_id: int, block_number: int, line_number: int) -> str:
    high = _milliseconds(started_at) << 16 | _FAR_VERSION << 12 | block_number >> 8
    line_and_import = line_number << FAR_IMPORT_BITS | import_id % (1 << FAR_IMPORT_BITS)
    low = _VARIANT << 62 | (block_number & 0xFF) << (FAR_LINE_BITS + FAR_IMPORT_BITS) | line_and_import
    return str(UUID(int=high << 64 | low))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _prefix(started_at: datetime, block_number: int) -> str:
    head = f"{_milliseconds(started_at):012x}{_VERSION:x}{block_number >> 8:03x}"
    return f"{head[:8]}-{head[8:12]}-{head[12:]}-"


def _middle(block_number: int, page: int) -> str:
    digits = f"{_VARIANT << 22 | (block_number & 0xFF) << (LINE_BITS - _PAGE_BITS) | page:06x}"
    return f"{digits[:4]}-{digits[4:]}"


def _end(line: int, import_id: int) -> str:
    return f"{line << IMPORT_BITS | import_id % (1 << IMPORT_BITS):010x}"
