"""What an uploaded file is cut into: its rows or items, whatever its charset and however many there are."""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, ClassVar, TextIO

from shared.errors import LongshoreError

# Of one row or item. What is longer has a quote or bracket that is never closed, or could not be kept.
MAX_PIECE_CHARACTERS = 20 * 1024 * 1024

# Looked at together.
GROUP_CHARACTERS = 1 << 16

# Rows or items in UTF-8, ready to stand in a block: how many lines they are, and how many rows. Where there
# are several, each is one line. A bare tuple, because there are millions of them.
Piece = tuple[bytes, int, int]

# The longer ones first: one begins with another.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNPACKED = "send it unpacked, or compress the whole request and name its Content-Encoding"
# What no text begins with, and what it is then.
_SIGNATURES = (
    (b"\x1f\x8b\x08", f"compressed with gzip: {_UNPACKED}"),
    (b"\x28\xb5\x2f\xfd", f"compressed with zstd: {_UNPACKED}"),
    (b"PK\x03\x04", "a zip archive, as the files of spreadsheets are: send it unpacked, or saved as CSV"),
)
_HEAD_BYTES = 4


class FileRefused(LongshoreError):
    """The file cannot be read at all; the message says from where on and why."""

    code: ClassVar[str] = "file_refused"


@contextmanager
def open_text(source: BinaryIO, charset: str, *, newline: str) -> Iterator[TextIO]:
    """The file's text without its byte order mark, lines ending as `newline` means to `open`.

    A byte order mark tells the charset, whatever `charset` says. Raises FileRefused for an unknown one, for
    what is no text at all, and in place of a UnicodeError of the body.
    """
    try:
        text = io.TextIOWrapper(source, _charset_of(source, charset), newline=newline)
    except LookupError as error:
        raise FileRefused(f"The charset {charset!r} is not known: send the file as utf-8.") from error
    with text:
        try:
            yield text
        except UnicodeError as error:
            raise FileRefused(
                f"The file is not encoded as {text.encoding}: send it so, or name its charset."
            ) from error


def _charset_of(source: BinaryIO, charset: str) -> str:
    """The charset of what `source` has left; its byte order mark, if it has one, is used up."""
    head = source.read(_HEAD_BYTES)
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise FileRefused(f"The file is {what}.")
    mark, charset = next((known for known in _BYTE_ORDER_MARKS if head.startswith(known[0])), (b"", charset))
    source.seek(len(mark))
    return charset


def groups(text: TextIO) -> Iterator[str]:
    """The rest of the text in whole lines, many of them at a time; the last of them may be too long."""
    while group := text.read(GROUP_CHARACTERS):
        yield group + text.readline(MAX_PIECE_CHARACTERS + 1)


def too_long(what: str) -> FileRefused:
    """Why a row or item that does not end is not waited for."""
    return FileRefused(
        f"{what} is longer than {MAX_PIECE_CHARACTERS} characters, the most that is taken: is a quote or"
        " bracket never closed?"
    )
