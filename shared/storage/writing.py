"""Bytes on their way into storage, counted and digested as they pass."""

import hashlib
from abc import ABC, abstractmethod

from shared.storage.receipts import StoredBytes


class CountingWriter(ABC):
    """What is the same wherever the bytes go."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._put(chunk)
        self._digest.update(chunk)
        self.size_bytes += len(chunk)

    def receipt(self) -> StoredBytes:
        """What was stored, once it is."""
        return StoredBytes(self._key, self.size_bytes, self._digest.digest())

    @abstractmethod
    def _put(self, chunk: bytes) -> None:
        """Hand it on. Raises StorageFault."""
