"""Bytes on their way into storage, counted as they pass."""

from abc import ABC, abstractmethod


class CountingWriter(ABC):
    """What is the same wherever the bytes go."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._put(chunk)
        self.size_bytes += len(chunk)

    @abstractmethod
    def _put(self, chunk: bytes) -> None:
        """Hand it on. Raises StorageFault."""
