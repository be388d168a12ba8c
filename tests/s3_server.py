"""An S3 server for tests: moto's, in a process of its own, on a port that stays the same when it is killed.

Run as a module it serves the listening socket whose descriptor it is given.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from shared.embedded.process import Process, Program
from tests.s3 import S3, at, make_bucket

ROOT = Path(__file__).parents[1]


class S3Server(S3):
    """Requests that come before it is up wait. What it held is gone once it is killed."""

    def __init__(self, folder: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._folder = folder
        super().__init__(at(f"http://127.0.0.1:{self._listener.getsockname()[1]}"))
        self.start()

    def start(self) -> None:
        """Serve an empty bucket."""
        descriptor = self._listener.fileno()
        self._process = Process(
            Program(
                role="s3",
                command=[sys.executable, "-m", "tests.s3_server", str(descriptor)],
                log=self._folder / "s3.log",
                folder=ROOT,
                environment=os.environ,
                descriptors=(descriptor,),
            )
        )
        make_bucket(self)

    def kill(self) -> None:
        """Requests wait from now on, as with a network that is cut."""
        self._process.kill()

    def close(self) -> None:
        """Requests are refused from now on."""
        self.kill()
        self._listener.close()


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server for as long as the body runs."""
    server = S3Server(folder)
    try:
        yield server
    finally:
        server.close()


def serve(descriptor: int) -> None:
    """Answer until killed."""
    application = DomainDispatcherApplication(create_backend_app)
    make_server("127.0.0.1", 0, application, threaded=True, fd=descriptor).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
