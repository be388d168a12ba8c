"""Bytes that are taken up to a limit."""

from collections.abc import Iterable, Iterator

from shared.errors import LongshoreError


def limited(chunks: Iterable[bytes], limit_bytes: int, refusal: LongshoreError) -> Iterator[bytes]:
    """The chunks; raises `refusal` before the one that goes beyond the limit."""
    size_bytes = 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise refusal
        yield chunk
