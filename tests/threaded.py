"""A small HTTP server of a test's own, in a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from threading import Thread
from typing import TypeVar

S = TypeVar("S", bound=HTTPServer)


@contextmanager
def in_thread(server: S) -> Iterator[S]:
    """It answers while the body runs, and is closed behind it."""
    with server:
        thread = Thread(target=server.serve_forever, name="http-server", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
