"""Stored bytes as streams, checked against their receipt."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

from shared.errors import StorageFault
from shared.storage.contract import BlockStorage
from shared.storage.faults import storage_faults

CHUNK_BYTES = 1 << 18


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """The rest of the file in pieces of CHUNK_BYTES; closes it at the end."""
    with closing(file), storage_faults("read"):
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The rest of the file line by line, line ends kept; closes it at the end."""
    with closing(file), storage_faults("read"):
        yield from file


def verify(storage: BlockStorage, key: str, sha256: bytes) -> None:
    """Raises StorageFault unless the bytes under `key` are the ones that were stored."""
    digest = hashlib.sha256()
    for chunk in chunks(storage.open(key)):
        digest.update(chunk)
    if digest.digest() != sha256:
        raise StorageFault("Block storage gave other bytes than it was given.")
