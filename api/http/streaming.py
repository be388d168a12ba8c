"""Answers that are made while they are sent."""

from collections.abc import Iterator
from typing import Protocol

from flask import Response


class Pieces(Protocol):
    """Bytes to be sent, from something that wants to be closed."""

    def __next__(self) -> bytes: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


class StartedPieces:
    """Pieces of which the first is made at once: what goes wrong by then is still answered as a problem.

    Closing it closes where the pieces come from, whether or not they were all taken.
    """

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._first = next(pieces, b"")

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._pieces

    def close(self) -> None:
        self._pieces.close()


def stream(pieces: Pieces, content_type: str, *, size_bytes: int | None = None) -> Response:
    """An answer of `pieces`, in chunks unless their size is known."""
    response = Response(StartedPieces(pieces), content_type=content_type)
    if size_bytes is not None:
        response.content_length = size_bytes
    return response
