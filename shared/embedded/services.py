"""Postgres and Redis for as long as a block of code runs: what a test session stands on."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.process import CannotStart, Process, Program, last_lines
from shared.embedded.redis import EmbeddedRedis
from shared.embedded.sockets import make_socket_folder, remove_socket_folder

START_SECONDS = 60.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class ServiceUrls:
    """Where the services answer."""

    database_url: str
    redis_url: str


@contextmanager
def embedded_services(folder: Path) -> Iterator[ServiceUrls]:
    """Both services, ready, with their files in `folder`; stopped at the end, however it comes."""
    sockets = make_socket_folder(folder / "run")
    postgres = EmbeddedPostgres(
        folder=folder / "postgres", sockets=sockets / "postgres", log=folder / "logs" / "postgres.log"
    )
    redis = EmbeddedRedis(folder=folder / "redis", sockets=sockets, log=folder / "logs" / "redis.log")
    with ExitStack() as stack:
        stack.callback(remove_socket_folder, folder / "run")
        for service in (postgres, redis):
            process = stack.enter_context(_running(service.prepare()))
            _wait_until(service.is_ready, process)
        yield ServiceUrls(postgres.url, redis.url)


@contextmanager
def _running(program: Program) -> Iterator[Process]:
    process = Process(program)
    try:
        yield process
    finally:
        process.ask_to_stop()
        if not process.wait(program.stop_seconds):
            process.kill()


def _wait_until(is_ready: Callable[[], bool], process: Process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.exit_status() is not None or time.monotonic() > deadline:
            program = process.program
            raise CannotStart(f"{program.role} does not come up:\n{last_lines(program.log)}")
        time.sleep(_LOOK_SECONDS)
