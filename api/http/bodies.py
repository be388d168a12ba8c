"""A block's body as a stream: whole or not at all, checked on its way, never held in memory."""

from collections.abc import Iterator
from typing import IO

from flask import Flask, Request, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from api.http.digests import DigestCheck
from api.http.encodings import IDENTITY, PIECE_BYTES, decoded, encoding_of
from api.http.problems import Refused, problem
from shared.errors import BlockTooLarge

# What does not compress grows a little under gzip and zstd. More than this is no honest encoding.
ENCODING_OVERHEAD_BYTES = 1024 * 1024

LENGTH_REQUIRED = problem(
    411, "Length Required", "Content-Length", "Expected Content-Length or Transfer-Encoding: chunked"
)
BODY_INCOMPLETE = problem(400, "Body incomplete", "body", "The connection broke before the body's end")

TRANSFER_CODED = problem(
    501, "Not Implemented", "Transfer-Encoding", "Expected Transfer-Encoding: chunked or none"
)

# What reading from a client that hung up, stalled or cannot count raises.
BROKEN_CONNECTION = (OSError, ParseException)


def install(app: Flask) -> None:
    """Refuse whatever body cannot be read to its end, whoever reads it: forms and JSON as well as blocks."""
    app.before_request(_refuse_transfer_codings)
    app.before_request(_watch_connection)


def body_pieces(request: Request, limit_bytes: int) -> Iterator[bytes]:
    """The decoded body of `request` in pieces of at most 256 KiB.

    Headers are judged before this returns. The iterator raises Refused where the body turns out to
    be cut off, corrupt or not what Content-Digest announces: only its regular end vouches for it.
    Raises BlockTooLarge for more than `limit_bytes` on the wire, encoding's overhead allowed; the
    decoded bytes are for the taker to count.
    """
    if "Content-Length" not in request.headers and "Transfer-Encoding" not in request.headers:
        raise Refused(LENGTH_REQUIRED)
    encoding = encoding_of(request.headers.get("Content-Encoding", ""))
    digests = DigestCheck(request.headers.get("Content-Digest"))
    wire_limit_bytes = limit_bytes if encoding == IDENTITY else limit_bytes + ENCODING_OVERHEAD_BYTES
    if (request.content_length or 0) > wire_limit_bytes:
        raise BlockTooLarge(limit_bytes)
    stream = get_input_stream(request.environ)  # not the request's own, which has the limit of JSON bodies
    body = _WireBody(stream, request.content_length, wire_limit_bytes, digests)
    return _checked(body, encoding, limit_bytes)


def _checked(body: "_WireBody", encoding: str, limit_bytes: int) -> Iterator[bytes]:
    try:
        yield from decoded(body, encoding)
    except _WireLimitReached as error:
        raise BlockTooLarge(limit_bytes) from error
    body.finish()


class _WireLimitReached(Exception):
    pass


class _WireBody:
    """The body as it comes from the connection: counted, digested, and complete or refused."""

    def __init__(
        self, stream: IO[bytes], length_bytes: int | None, limit_bytes: int, digests: DigestCheck
    ) -> None:
        self._stream = stream
        self._length_bytes = length_bytes
        self._limit_bytes = limit_bytes
        self._digests = digests
        self._taken_bytes = 0

    def read(self, size: int = PIECE_BYTES) -> bytes:
        try:
            piece = self._stream.read(size)
        except ClientDisconnected as error:
            raise Refused(BODY_INCOMPLETE) from error
        self._taken_bytes += len(piece)
        if self._taken_bytes > self._limit_bytes:
            raise _WireLimitReached
        if not piece and self._length_bytes not in (None, self._taken_bytes):
            # Servers report a client that hung up as an ordinary end of the body.
            raise Refused(BODY_INCOMPLETE)
        self._digests.update(piece)
        return piece

    def finish(self) -> None:
        while self.read():
            pass
        self._digests.finish()


class _Connection:
    """What the server reads the body from."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except BROKEN_CONNECTION as error:
            g.body_is_broken = True
            raise Refused(BODY_INCOMPLETE) from error


def _refuse_transfer_codings() -> None:
    """The server takes chunks off, and hands on what else it was told of as if that were the body."""
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise Refused(TRANSFER_CODED)


def _watch_connection() -> None:
    request.environ["wsgi.input"] = _Connection(request.environ["wsgi.input"])
