"""The programs of a stack that are our own: the API, workers and beat. Their environment tells them all."""

import socket
import sys
from collections.abc import Mapping

from api.cli.stack_folder import StackFolder
from shared.embedded.process import CannotStart, Program

PREFERRED_PORT = 8080


def listen(host: str, port: int | None) -> socket.socket:
    """A listening socket: on `port` (0: any), or without one on 8080, or on any where that is taken.

    It is ours and only lent to the API: while an API is started again, clients wait instead of being refused.
    """
    try:
        return socket.create_server((host, PREFERRED_PORT if port is None else port))
    except OSError as error:
        if port is None:
            return listen(host, 0)
        raise CannotStart(f"The API cannot listen on {host}, port {port}: {error.strerror}.") from error


def url_of(listener: socket.socket) -> str:
    """Where a client on this machine reaches it."""
    host, port = listener.getsockname()[:2]
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - compared, not bound


def api(folder: StackFolder, environment: Mapping[str, str], listener: socket.socket) -> Program:
    """The HTTP API on an inherited socket."""
    descriptor = listener.fileno()
    command = _python("gunicorn", "--config", "python:api.http.gunicorn", "--bind", f"fd://{descriptor}")
    return Program(
        role="api",
        command=[*command, "api.app:create_app()"],
        log=folder.logs / "api.log",
        folder=folder.run,
        environment=environment,
        descriptors=(descriptor,),
        stop_seconds=15,
    )


def worker(folder: StackFolder, environment: Mapping[str, str], number: int) -> Program:
    """One worker process, numbered from 1."""
    name = f"worker-{number}"
    return Program(
        role="worker",
        command=_python("workers", "worker", "--concurrency", "1", "--hostname", f"{name}@%h"),
        log=folder.logs / f"{name}.log",
        folder=folder.run,
        environment=environment,
        stop_seconds=20,
    )


def beat(folder: StackFolder, environment: Mapping[str, str]) -> Program:
    """The clock of the sweep."""
    return Program(
        role="beat",
        command=_python("workers", "beat", "--pidfile", ""),
        log=folder.logs / "beat.log",
        folder=folder.run,
        environment=environment,
    )


def _python(module: str, *arguments: str) -> list[str]:
    # -P: a module of the same name in the current folder is not meant.
    return [sys.executable, "-P", "-m", module, *arguments]
