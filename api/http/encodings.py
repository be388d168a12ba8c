"""Content-Encoding of a request's body: which ones are taken, and the bytes behind them, as a stream."""

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from api.http.problems import Refused, problem

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdError, ZstdFile
else:
    from backports.zstd import DecompressionParameter, ZstdError, ZstdFile

PIECE_BYTES = 256 * 1024
IDENTITY = "identity"

# What RFC 9659 lets a sender of `Content-Encoding: zstd` use: a window of 8 MiB, which is also the memory
# that one upload may make us hold.
_ZSTD_OPTIONS = {DecompressionParameter.window_log_max: 23}


class Readable(Protocol):
    """What has bytes to read, forwards only. Decoders' stubs ask for `seek` too, and never call it."""

    def read(self, size: int, /) -> bytes: ...


def _open_gzip(body: Readable) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=body, mode="rb")  # type: ignore[call-overload,no-any-return]


def _open_zstd(body: Readable) -> ZstdFile:
    return ZstdFile(body, options=_ZSTD_OPTIONS)  # type: ignore[call-overload,no-any-return]


_OPENERS: Mapping[str, Callable[[Readable], gzip.GzipFile | ZstdFile]] = {
    "gzip": _open_gzip,
    "zstd": _open_zstd,
}
_CORRUPT = (gzip.BadGzipFile, zlib.error, ZstdError, EOFError)

ENCODING_UNKNOWN = problem(
    415,
    "Invalid content-encoding",
    "Content-Encoding",
    "Expected content-encoding: gzip, zstd or none",
    Accept_Encoding="gzip, zstd",
)


def encoding_of(header: str) -> str:
    """The encoding that a Content-Encoding header names. Raises Refused for any that we do not take."""
    name = header.strip().lower() or IDENTITY
    name = "gzip" if name == "x-gzip" else name
    if name != IDENTITY and name not in _OPENERS:
        raise Refused(ENCODING_UNKNOWN)
    return name


def decoded(body: Readable, encoding: str) -> Iterator[bytes]:
    """Pieces of at most 256 KiB of what `body` holds behind its encoding.

    Raises Refused when the encoded bytes are corrupt or end early.
    """
    if encoding == IDENTITY:
        yield from _pieces(body)
        return
    try:
        with _OPENERS[encoding](body) as opened:
            yield from _pieces(opened)
    except _CORRUPT as error:
        reason = f"The body is not complete and correct {encoding}"
        refusal = problem(400, "Invalid content-encoding", "Content-Encoding", reason)
        raise Refused(refusal) from error


def _pieces(body: Readable) -> Iterator[bytes]:
    while piece := body.read(PIECE_BYTES):
        yield piece
