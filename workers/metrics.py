"""The metrics of a worker or beat and of all its children, on a port of their own, where settings name one.

Counting must not keep anybody from working: a port that is taken is told and left alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import structlog

from shared.metrics import CONTENT_TYPE, exposed, is_admitted
from shared.settings import Settings

_SILENCE_SECONDS = 5.0


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """While the body runs, whoever has the token may read them."""
    if settings.metrics_port is None or settings.metrics_token is None:
        yield
        return
    server = _listening(settings.metrics_port, settings.metrics_token)
    if server is None:
        yield
        return
    # A child that outlives its worker for a moment would keep the port from the next one.
    os.register_at_fork(after_in_child=server.socket.close)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _listening(port: int, token: str) -> ThreadingHTTPServer | None:
    try:
        return ThreadingHTTPServer(("", port), _handler(token))
    except OSError as error:
        structlog.get_logger().error("metrics_not_served", port=port, error=str(error))
        return None


def _handler(token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENCE_SECONDS

        def do_GET(self) -> None:
            if self.path != "/metrics":
                self.send_error(HTTPStatus.NOT_FOUND)
            elif not is_admitted(self.headers.get("Authorization"), token):
                self.send_error(HTTPStatus.UNAUTHORIZED)
            else:
                self._answer(exposed())

        def _answer(self, body: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: it would be a line every few seconds."""

    return Handler
