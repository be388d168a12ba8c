"""The application under its real server, for tests that care what a connection carries."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Served:
    """A running gunicorn."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def gunicorn(
    environment: Mapping[str, str],
    configuration: str = "python:api.http.gunicorn",
    *,
    log: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[Served]:
    """Serve the application on a port of this machine's own; it queues connections until it is up."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        command = [sys.executable, "-m", "gunicorn", "-c", configuration]
        command += ["--bind", f"fd://{listener.fileno()}", "api.app:create_app()"]
        server = subprocess.Popen(
            command, env=os.environ | environment, pass_fds=[listener.fileno()], stderr=log
        )
        try:
            yield Served(listener.getsockname()[1], server.pid)
        finally:
            server.terminate()
            server.wait(STOP_SECONDS)
