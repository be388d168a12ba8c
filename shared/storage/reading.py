"""Stored bytes as streams, checked against their receipt."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from shared.errors import BlockDamaged
from shared.storage.contract import BlockStorage
from shared.storage.faults import storage_faults
from shared.storage.receipts import StoredBytes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 18
GROUP_BYTES = 1 << 16
# After each piece the interpreter is waited for, which the parser holds.
_CHECKED_BYTES = 1 << 20

Look = Callable[[], None]


class Chunks(Iterator[bytes]):
    """The rest of a file in pieces of CHUNK_BYTES; closes it at the end, or when told to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __next__(self) -> bytes:
        with storage_faults("read"):
            chunk = b"" if self._file.closed else self._file.read(CHUNK_BYTES)
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        self._file.close()


def lines(file: BinaryIO) -> Iterator[list[bytes]]:
    """The rest of the file in groups of lines, line ends kept.

    A group ends with the line that reaches GROUP_BYTES.
    """
    with storage_faults("read"):
        while group := file.readlines(GROUP_BYTES):
            yield group


class OpenedBlock(NamedTuple):
    """Stored bytes that may be read while they are checked: nothing that is made of them counts before."""

    file: BinaryIO  # to be closed by the caller
    check: Callable[[], None]  # raises StorageFault, BlockDamaged


def opened(
    storage: BlockStorage, stored: StoredBytes, offset: int = 0, *, look: Look = lambda: None
) -> OpenedBlock:
    """The stored bytes from `offset` on, and what checks all of them.

    The same open file is checked and read: what storage has under the key later is not read. `look` is called
    before each piece that is read, the check included, and may raise. Raises StorageFault where they cannot
    be read, BlockDamaged where they are gone or not as many; what comes from afar is checked at once.
    """
    found = storage.open(stored.key, again=True)
    file = _watched(found, look)
    with _closed_unless_given(file):
        descriptor = _descriptor(found)
        with storage_faults("read"):
            if descriptor is None:
                _require(_digest(file) == stored.sha256)
            else:
                # Of others it may be without end what is read as one line.
                _require(os.fstat(descriptor).st_size == stored.size_bytes)
            file.seek(offset)
    if descriptor is None:
        return OpenedBlock(file, lambda: None)
    return OpenedBlock(file, lambda: _require(_digest_beside(descriptor, look) == stored.sha256))


def verified(
    storage: BlockStorage, stored: StoredBytes, offset: int = 0, *, look: Look = lambda: None
) -> BinaryIO:
    """The same bytes, all of them checked before: raises what checking raises."""
    block = opened(storage, stored, offset, look=look)
    with _closed_unless_given(block.file):
        block.check()
    return block.file


@contextmanager
def _closed_unless_given(file: BinaryIO) -> Iterator[None]:
    with ExitStack() as undo:
        undo.callback(file.close)
        yield
        undo.pop_all()


class _Watched(io.RawIOBase):
    def __init__(self, file: BinaryIO, look: Look) -> None:
        self._file = file
        self._look = look

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._look()
        room = memoryview(buffer)
        piece = self._file.read(len(room))
        room[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()


def _watched(file: BinaryIO, look: Look) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Watched(file, look), CHUNK_BYTES))


def _descriptor(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except io.UnsupportedOperation:
        return None


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    with storage_faults("read"):
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


def _digest_beside(descriptor: int, look: Look) -> bytes:
    """That of the whole file, whose position belongs to who reads it meanwhile."""
    digest = hashlib.sha256()
    piece = memoryview(bytearray(_CHECKED_BYTES))
    position = 0
    with storage_faults("read"):
        while read := _read_at(descriptor, piece, position, look):
            digest.update(piece[:read])
            position += read
    return digest.digest()


def _read_at(descriptor: int, piece: memoryview, position: int, look: Look) -> int:
    look()
    return os.preadv(descriptor, [piece], position)


def _require(is_what_was_stored: bool) -> None:
    if not is_what_was_stored:
        raise BlockDamaged("Block storage gave other bytes than it was given.")
