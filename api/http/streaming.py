"""Answers that are made while they are sent."""

from collections.abc import Generator, Iterator

from flask import Response


class StartedPieces:
    """Pieces of which the first is made at once: what goes wrong by then is still answered as a problem.

    Closing it closes where the pieces come from, whether or not they were all taken.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._first = next(pieces, b"")

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._pieces

    def close(self) -> None:
        if isinstance(self._pieces, Generator):
            self._pieces.close()


def stream(pieces: Iterator[bytes], content_type: str, *, size_bytes: int | None = None) -> Response:
    """An answer of `pieces`, in chunks unless their size is known."""
    response = Response(StartedPieces(pieces), content_type=content_type)
    if size_bytes is not None:
        response.content_length = size_bytes
    return response
