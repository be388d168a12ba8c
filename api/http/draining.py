"""What is left of a refused body is read before the answer goes out.

Closing a connection with unread bytes resets it: a client that is still sending would lose the answer, and
on a kept-alive connection the rest of the body would be taken for the next request.
"""

from contextlib import nullcontext
from typing import IO

from flask import Flask, Response, g, request

from api.http.patience import PatientSocket
from api.http.problems import Refused

PIECE_BYTES = 64 * 1024
LIMIT_BYTES = 256 * 1024 * 1024


def install(app: Flask) -> None:
    """Drain each request's body after its view."""
    app.after_request(_drain)


def _drain(response: Response) -> Response:
    """Read on, within limits: beyond them the server closes the connection, and that is the sender's loss."""
    if not request.environ.get("wsgi.input_terminated"):
        return response  # this server does not say where a body ends, so reading on could hang
    if g.get("body_is_broken"):
        return response  # the client has gone or stalled: waiting for it again would hold a thread longer
    if (request.content_length or 0) > LIMIT_BYTES:
        return response  # more than we would read: the sender should hear of it now
    connection = request.environ.get("gunicorn.socket")
    with connection.refused() if isinstance(connection, PatientSocket) else nullcontext():
        _read_on(request.environ["wsgi.input"])
    return response


def _read_on(body: IO[bytes]) -> None:
    drained_bytes = 0
    while drained_bytes < LIMIT_BYTES:
        try:
            piece = body.read(PIECE_BYTES)
        except Refused:
            break
        if not piece:
            break
        drained_bytes += len(piece)
