"""The id of the request that set something going: the lines of API and worker about it are found by it."""

from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars, get_contextvars

_NAME = "request_id"


def current() -> str | None:
    """That of the request which is being answered, or worked off, now."""
    found = get_contextvars().get(_NAME)
    return found if isinstance(found, str) else None


@contextmanager
def bound(request_id: str | None) -> Iterator[None]:
    """Everything that the body logs carries the id; None where nobody knows one."""
    with bound_contextvars(**fields(request_id)):
        yield


def fields(request_id: str | None) -> dict[str, str]:
    """What a log line says of it."""
    return {} if request_id is None else {_NAME: request_id}
