"""What block storage promises.

Nothing above this package knows files or buckets.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from shared.storage.receipts import StoredBytes


class StorageWriter(Protocol):
    """Bytes that are being stored."""

    key: str
    size_bytes: int  # written so far

    def write(self, chunk: bytes) -> None:
        """Append. Raises StorageFault."""


class BlockStorage(Protocol):
    """Immutable bytes under keys, grouped by import. Every method raises StorageFault when it cannot.

    It has a mark, and without it StorageAway is raised: a bare mount point would take the bytes, too.
    """

    def write(self, import_id: int, chunks: Iterable[bytes]) -> StoredBytes:
        """Store the chunks durably under a new key. Whatever `chunks` raises leaves nothing behind."""

    def create(self, group: str) -> AbstractContextManager["StorageWriter"]:
        """A writer under a new key of `group`; durable at the end, nothing where the body raises."""

    def open(self, key: str, offset: int = 0, *, again: bool = False) -> BinaryIO:
        """The bytes under `key` from `offset` on, to be closed by the caller. BlockDamaged without them.

        `again`: they will be read more than once, and what comes from afar had better be kept.
        The file goes on giving the bytes that were there, whatever is there later, or raises BlockDamaged.
        """

    def remove(self, key: str) -> None:
        """Remove one key; absent is fine."""

    def remove_group(self, group: str, look: Callable[[], None] = lambda: None) -> None:
        """Remove every key of the group; absent is fine. `look` is called before each few, and may raise."""

    def remove_unfinished(self, older_than_seconds: float, still_comes: Callable[[str], bool]) -> None:
        """Remove what writers that died left behind, where it has not grown for that long.

        What of a group of which `still_comes` is true has no dead writer. A bucket tells only when it began.
        """

    def check(self) -> None:
        """Raises StorageFault unless bytes can be stored now."""

    def free_bytes(self) -> int | None:
        """How much more it would take; None where nobody can tell. Raises StorageFault."""

    def is_marked(self) -> bool:
        """Whether it has its mark."""

    def mark(self) -> None:
        """Give it its mark. Raises StorageFault where it has another one."""

    def holds(self, key: str) -> bool:
        """Whether there are bytes under `key`, with or without a mark."""
