"""Stored bytes as streams, checked against their receipt."""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import BinaryIO

from shared.errors import BlockDamaged
from shared.storage.contract import BlockStorage
from shared.storage.faults import storage_faults

CHUNK_BYTES = 1 << 18


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


def lines(file: BinaryIO) -> Generator[bytes, None, None]:
    """The rest of the file line by line, line ends kept; closes it at the end, or when told to."""
    with closing(file), storage_faults("read"):
        yield from file


def verified(storage: BlockStorage, key: str, sha256: bytes, offset: int = 0) -> BinaryIO:
    """The bytes under `key` from `offset` on, to be closed by the caller, all of them checked before.

    The same open file is checked and read: what storage has under the key later does not matter.
    Raises StorageFault where they cannot be read, BlockDamaged where they are not the stored ones.
    """
    file = storage.open(key)
    try:
        if _digest(file) != sha256:
            raise BlockDamaged("Block storage gave other bytes than it was given.")
        with storage_faults("read"):
            file.seek(offset)
    except BaseException:
        file.close()
        raise
    return file


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    with storage_faults("read"):
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
