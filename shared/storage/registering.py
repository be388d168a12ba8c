"""Stored bytes on their way to a row that names them."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import DatabaseUnavailable, LongshoreError
from shared.storage.contract import BlockStorage
from shared.storage.receipts import StoredBytes


@contextmanager
def removed_if_refused(storage: BlockStorage, stored: StoredBytes) -> Iterator[None]:
    """Remove the bytes where the body, which commits their row, raises a LongshoreError.

    They stay where the row may be there: of a COMMIT, only the answer may be lost. Without one they go with
    their import, or an hour after it.
    """
    try:
        yield
    except DatabaseUnavailable:
        raise
    except LongshoreError:
        storage.remove(stored.key)
        raise
