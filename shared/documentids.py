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


def documentid_maker(started_at: datetime, import_id: int, block_number: int) -> Callable[[int], str]:
    """A function from a line's number in the block, from 1, to the id of its document."""
    milliseconds = int(started_at.timestamp() * 1000)
    block_high, block_low = block_number >> 8, block_number & 0xFF
    head = f"{milliseconds:012x}{_VERSION:x}{block_high:03x}"
    prefix = f"{head[:8]}-{head[8:12]}-{head[12:]}-"
    base = (_VARIANT << 62) | (block_low << (LINE_BITS + IMPORT_BITS)) | (import_id % (1 << IMPORT_BITS))

    def documentid(line_number: int) -> str:
        tail = f"{base | line_number << IMPORT_BITS:016x}"
        return f"{prefix}{tail[:4]}-{tail[4:]}"

    return documentid
