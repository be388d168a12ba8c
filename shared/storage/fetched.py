"""A file whose bytes come from afar, piece by piece."""

import io
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A request costs as long as some megabytes take to come.
PIECE_BYTES = 4 << 20
KEPT_BYTES = 32 << 20

# The bytes from start to end, the end not included.
Fetch = Callable[[int, int], bytes]


class FetchedFile(io.RawIOBase):
    """Reads from anywhere; nothing is fetched before it is read.

    Workers read blocks twice, for their digest and from their checkpoint. A file of up to KEPT_BYTES that is
    read `again` keeps what it has fetched, beyond one piece in an unlinked temporary file, so the second time
    costs nothing and gives what was checked. A larger one (an uploaded file has up to 16 GiB) is fetched
    again: a disk that holds it may not be there. So is what clients read, slow ones too: sixty of them would
    fill an API's /tmp. That `fetch` gives the same bytes is up to it.
    """

    def __init__(self, size_bytes: int, fetch: Fetch, *, again: bool = False) -> None:
        self._size_bytes = size_bytes
        self._is_kept = again and size_bytes <= KEPT_BYTES
        self._fetch = fetch
        self._position = 0
        self._number, self._piece = -1, b""
        self._kept = SpooledTemporaryFile[bytes](PIECE_BYTES)
        self._kept_numbers: set[int] = set()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        number, start = divmod(self._position, PIECE_BYTES)
        if self._position >= self._size_bytes:
            return 0
        room = memoryview(buffer)
        part = self._at(number)[start : start + len(room)]
        room[: len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        self._kept.close()
        super().close()

    def _at(self, number: int) -> bytes:
        if number != self._number:
            self._piece = self._kept_piece(number) if number in self._kept_numbers else self._fetched(number)
            self._number = number
        return self._piece

    def _kept_piece(self, number: int) -> bytes:
        self._kept.seek(number * PIECE_BYTES)
        return self._kept.read(PIECE_BYTES)

    def _fetched(self, number: int) -> bytes:
        start = number * PIECE_BYTES
        piece = self._fetch(start, min(start + PIECE_BYTES, self._size_bytes))
        if self._is_kept:
            self._kept.seek(start)
            self._kept.write(piece)
            self._kept_numbers.add(number)
        return piece
