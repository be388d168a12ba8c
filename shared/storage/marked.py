"""What block storage does in the same way wherever its bytes are."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from shared.storage.mark import Mark
from shared.storage.receipts import StoredBytes
from shared.storage.writing import CountingWriter


class MarkedStorage(ABC):
    """Bytes in groups under a mark."""

    def __init__(self, mark: Mark) -> None:
        self._mark = mark

    def write(self, import_id: int, chunks: Iterable[bytes]) -> StoredBytes:
        """Store the chunks durably under a new key. Whatever `chunks` raises leaves nothing behind."""
        digest = hashlib.sha256()
        with self.create(str(import_id)) as writer:
            for chunk in chunks:
                writer.write(chunk)
                digest.update(chunk)
        return StoredBytes(writer.key, writer.size_bytes, digest.digest())

    @abstractmethod
    def create(self, group: str) -> AbstractContextManager[CountingWriter]:
        """A writer under a new key of `group`; durable at the end, nothing where the body raises."""

    @abstractmethod
    def remove_group(self, group: str, look: Callable[[], None] = lambda: None) -> None:
        """Remove every key of the group; absent is fine. `look` is called before each few, and may raise."""

    def is_marked(self) -> bool:
        """Whether it has its mark."""
        return self._mark.is_there()

    def mark(self) -> None:
        """Give it its mark. Raises StorageFault where it has another one."""
        self._mark.make()
