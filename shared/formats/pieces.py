"""What an uploaded file is cut into: its rows or items, whatever its charset and however many there are."""

import io
from typing import BinaryIO, ClassVar, TextIO

from shared.errors import LongshoreError

# Of one row or item. What is longer has a quote or bracket that is never closed, or could not be kept.
MAX_PIECE_CHARACTERS = 20 * 1024 * 1024
BYTE_ORDER_MARK = "\ufeff"

# One row or item in UTF-8, ready to stand in a block, and how many lines it is. A bare tuple, because there
# are millions of them.
Piece = tuple[bytes, int]


class FileRefused(LongshoreError):
    """The file cannot be read at all; the message says from where on and why."""

    code: ClassVar[str] = "file_refused"


def open_text(source: BinaryIO, charset: str, *, newline: str) -> TextIO:
    """The file's text without its byte order mark, lines ending as `newline` means to `open`.

    Reading it raises UnicodeError where the file has another charset. Raises FileRefused for an unknown one.
    """
    try:
        text = io.TextIOWrapper(source, charset, newline=newline)
    except LookupError as error:
        raise FileRefused(f"The charset {charset!r} is not known: send the file as utf-8.") from error
    if text.read(1) != BYTE_ORDER_MARK:
        text.seek(0)
    return text


def too_long(what: str) -> FileRefused:
    """Why a row or item that does not end is not waited for."""
    return FileRefused(f"{what} is longer than {MAX_PIECE_CHARACTERS} characters, the most that is taken.")
