"""Stored bytes as streams, checked against their receipt."""

import hashlib
import io
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO, cast

from shared.errors import BlockDamaged
from shared.storage.contract import BlockStorage
from shared.storage.faults import storage_faults

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 18
_GROUP_BYTES = 1 << 16

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


def lines(file: BinaryIO) -> Generator[list[bytes], None, None]:
    """The rest of the file in groups of lines, line ends kept; closes it at the end, or when told to.

    A group ends with the line that reaches _GROUP_BYTES.
    """
    with closing(file), storage_faults("read"):
        while group := file.readlines(_GROUP_BYTES):
            yield group


def verified(
    storage: BlockStorage, key: str, sha256: bytes, offset: int = 0, *, look: Look | None = None
) -> BinaryIO:
    """The bytes under `key` from `offset` on, to be closed by the caller, all of them checked before.

    The same open file is checked and read: what storage has under the key later is not read. `look` is called
    before each piece of at most CHUNK_BYTES that is read, the check included, and may raise.
    Raises StorageFault where they cannot be read, BlockDamaged where they are not the stored ones.
    """
    file = storage.open(key) if look is None else _watched(storage.open(key), look)
    try:
        if _digest(file) != sha256:
            raise BlockDamaged("Block storage gave other bytes than it was given.")
        with storage_faults("read"):
            file.seek(offset)
    except BaseException:
        file.close()
        raise
    return file


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


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    with storage_faults("read"):
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
