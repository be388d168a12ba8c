"""The translator of the operating system's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import StorageFault


@contextmanager
def storage_faults(doing: str) -> Iterator[None]:
    """Raise the body's OSError as StorageFault. Clients see the message: it has no path."""
    try:
        yield
    except OSError as error:
        raise StorageFault(
            f"Block storage could not {doing} the bytes: {error.strerror or 'unknown'}."
        ) from error
