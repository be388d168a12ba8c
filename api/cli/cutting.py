"""Cuts a stream of NDJSON into blocks at line ends. Holds one block at a time."""

from collections.abc import Iterator
from typing import BinaryIO, ClassVar, NamedTuple

from api.cli import terminal
from shared.errors import LongshoreError

MIB = 1024 * 1024
BLOCK_LIMIT_BYTES = 20 * MIB
_READ_BYTES = MIB
# What packed files begin with, and no JSON, and what unpacks them to its output.
_UNPACKERS = {b"\x1f\x8b\x08": "zcat", b"\x28\xb5\x2f\xfd": "zstdcat", b"PK\x03\x04": "unzip -p"}


class LineTooLong(LongshoreError):
    """A line does not fit into a block."""

    code: ClassVar[str] = "line_too_long"


class InputPacked(LongshoreError):
    """The input is no text before it is unpacked."""

    code: ClassVar[str] = "input_packed"


class Cut(NamedTuple):
    """Whole lines that go into one block, in the order of the file."""

    body: bytes
    line_count: int


def cut(stream: BinaryIO, size_bytes: int) -> Iterator[Cut]:
    """The stream in pieces of about `size_bytes`; only a longer line makes a longer piece, up to the limit.

    Yields nothing for an empty stream. Raises LineTooLong, InputPacked.
    """
    held = bytearray()
    lines_before = 0
    while chunk := stream.read(_READ_BYTES):
        held += chunk
        if not lines_before:
            _refuse_packed(held)
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


def _refuse_packed(head: bytearray) -> None:
    for signature, unpacker in _UNPACKERS.items():
        if head.startswith(signature):
            raise InputPacked(
                f"The input is packed: unpack it on its way, as by `{unpacker} FILE |"
                f" {terminal.command_name()} import --collection … -`."
            )


def _last_line_end(held: bytearray, size_bytes: int) -> int:
    """Where to cut: after the last line that ends within the size, else after the first; 0: nowhere yet."""
    return held.rfind(b"\n", 0, size_bytes) + 1 or held.find(b"\n", size_bytes, BLOCK_LIMIT_BYTES) + 1


def _take(held: bytearray, end: int) -> Cut:
    body = bytes(held[:end])
    del held[:end]
    return Cut(body, body.count(b"\n") + (not body.endswith(b"\n")))
