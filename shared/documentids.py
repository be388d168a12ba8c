"""Ids for documents that come without one: time-ordered, and the same whenever the same line is applied.

A UUID version 7 (RFC 9562, section 5.7) of the moment the import was started. The bits that the RFC leaves
to the writer are block (20), line (24) and import (30): ids of one import sort as its lines do, two
imports never make the same one, and a batch that is applied again after a crash makes the same ids again.
"""

from collections.abc import Callable
from datetime import datetime

BLOCK_BITS, LINE_BITS, IMPORT_BITS = 20, 24, 30
MAX_BLOCKS = (1 << BLOCK_BITS) - 1

_VERSION = 0x7
_VARIANT = 0b10

# In their ids the lines of a page differ by the last ten digits only, and so do those of any other page.
_PAGE_BITS = 10
_PAGE_LINES = 1 << _PAGE_BITS


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
            ends = ends or [_end(line, import_id) for line in range(_PAGE_LINES)]
            begun, begin = page, prefix + _middle(block_number, page)
        return begin + ends[line_number % _PAGE_LINES]

    return documentid


def _prefix(started_at: datetime, block_number: int) -> str:
    milliseconds = int(started_at.timestamp() * 1000)
    head = f"{milliseconds:012x}{_VERSION:x}{block_number >> 8:03x}"
    return f"{head[:8]}-{head[8:12]}-{head[12:]}-"


def _middle(block_number: int, page: int) -> str:
    digits = f"{_VARIANT << 22 | (block_number & 0xFF) << (LINE_BITS - _PAGE_BITS) | page:06x}"
    return f"{digits[:4]}-{digits[4:]}"


def _end(line: int, import_id: int) -> str:
    return f"{line << IMPORT_BITS | import_id % (1 << IMPORT_BITS):010x}"
