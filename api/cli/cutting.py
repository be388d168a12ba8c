"""Cuts a stream of NDJSON into blocks at line ends. Holds one block at a time."""

from collections.abc import Iterator
from typing import BinaryIO, ClassVar, NamedTuple

from shared.errors import LongshoreError

MIB = 1024 * 1024
BLOCK_LIMIT_BYTES = 20 * MIB
_READ_BYTES = MIB


class LineTooLong(LongshoreError):
    """A line does not fit into a block."""

    code: ClassVar[str] = "line_too_long"


class Cut(NamedTuple):
    """Whole lines that go into one block, in the order of the file."""

    body: bytes
    line_count: int


def cut(stream: BinaryIO, size_bytes: int) -> Iterator[Cut]:
    """The stream in pieces of about `size_bytes`; only a longer line makes a longer piece, up to the limit.

    Yields nothing for an empty stream. Raises LineTooLong.
    """
    held = bytearray()
    lines_before = 0
    while chunk := stream.read(_READ_BYTES):
        held += chunk
        while len(held) >= size_bytes and (end := _last_line_end(held, size_bytes)):
            piece = _take(held, end)
            lines_before += piece.line_count
            yield piece
        if len(held) > BLOCK_LIMIT_BYTES:
            raise LineTooLong(
                f"Line {lines_before + 1} is longer than {BLOCK_LIMIT_BYTES // MIB} MiB,"
                " the most a block may hold."
            )
    if held:
        yield _take(held, len(held))


def _last_line_end(held: bytearray, size_bytes: int) -> int:
    """Where to cut: after the last line that ends within the size, else after the first; 0: nowhere yet."""
    return held.rfind(b"\n", 0, size_bytes) + 1 or held.find(b"\n", size_bytes, BLOCK_LIMIT_BYTES) + 1


def _take(held: bytearray, end: int) -> Cut:
    body = bytes(held[:end])
    del held[:end]
    return Cut(body, body.count(b"\n") + (not body.endswith(b"\n")))
