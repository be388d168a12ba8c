"""The whole stack on one machine: what comes up in which order, and goes down in the other.

Postgres and Redis first, then the schema, a data service and a token; then API, workers and beat.
"""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.cli import stack_programs
from api.cli.signals import StopSignals
from api.cli.stack_folder import RunningStack, StackFolder
from api.cli.stack_services import Foundation, lay_foundation
from api.cli.supervisor import Report, Supervisor
from api.usecases import services, tokens
from api.usecases.volumes import mark_storage
from shared.db.database import Database
from shared.db.migrate import migrate, prepare_reader
from shared.db.queries.reader import reader_of
from shared.db.queries.refusals import ReaderRefused
from shared.embedded.process import CannotStart
from shared.embedded.sockets import remove_socket_folder
from shared.errors import ServiceNotFound
from shared.ground import Ground
from shared.settings import Settings

STOP_ORDER = (("beat", "worker", "api"), ("redis",), ("postgres",))
START_SECONDS = 60.0
TOKEN_SECONDS = 30 * 24 * 3600
_LOOK_SECONDS = 0.05
_TEND_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What may be chosen about a stack."""

    folder: Path
    host: str = "127.0.0.1"
    port: int | None = 0  # 0: any free one; None: the usual one where it is free
    workers: int = 2


@contextmanager
def running_stack(
    options: StackOptions, environment: Mapping[str, str], signals: StopSignals, report: Report
) -> Iterator["Stack"]:
    """A stack that is up and ready, and goes down at the end, however that comes.

    `report` is told of each step. Raises StackRunning, SettingsInvalid, CannotStart, and StopRequested
    when a signal comes while it starts.
    """
    folder = StackFolder(options.folder)
    with ExitStack() as ending:
        ending.enter_context(folder.held())
        folder.set_logs_aside()
        ending.callback(remove_socket_folder, folder.run)
        foundation = lay_foundation(folder, environment)
        listener = ending.enter_context(stack_programs.listen(options.host, options.port))
        supervisor = Supervisor(report)
        ending.callback(supervisor.stop, STOP_ORDER, lambda: signals.count > 1)
        stack = Stack(folder, foundation, listener, supervisor, signals)
        stack.start(options, environment, report)
        yield stack


class Stack:
    """A stack that comes up and runs."""

    def __init__(
        self,
        folder: StackFolder,
        foundation: Foundation,
        listener: socket.socket,
        supervisor: Supervisor,
        signals: StopSignals,
    ) -> None:
        self._folder = folder
        self._foundation = foundation
        self._url = stack_programs.url_of(listener)
        self._listener = listener
        self._supervisor = supervisor
        self._signals = signals

    def start(self, options: StackOptions, environment: Mapping[str, str], report: Report) -> None:
        """Bring everything up; returns when it answers and the description is written."""
        settings = self._foundation.settings(environment)
        self._start_services(report)
        ground = Ground.open(settings)
        try:
            report("Database schema")
            # Not on the ground's connections, which give way after a lease: an index waits for long exports.
            with closing(Database(settings.database_url, pool_size=2)) as database:
                migrate(database, report=report)
            _prepare_reader(ground, report)
            mark_storage(ground.database, ground.storage)
            self._service = settings.default_service
            self._token = make_token(ground, self._service)
        finally:
            ground.close()
        report(f"API, {options.workers} worker{'s' * (options.workers != 1)} and beat")
        # Links in mails and answers lead back to this stack, unless it is known by another name.
        own = {"LONGSHORE_PUBLIC_URL": self._url} | self._foundation.environment(environment)
        self._start_programs(options.workers, own)
        self._describe()

    @property
    def description(self) -> RunningStack:
        """What runs now."""
        urls = self._foundation.urls
        return RunningStack(
            url=self._url,
            service=self._service,
            token=self._token,
            database_url=urls["DATABASE_URL"],
            redis_url=urls["REDIS_URL"],
            storage_url=urls["STORAGE_URL"],
            pids=self._supervisor.pids(),
        )

    def settings(self, environment: Mapping[str, str]) -> Settings:
        """What one needs to work beside the stack's own programs."""
        return self._foundation.settings(environment)

    def pause(self, seconds: float) -> None:
        """Wait while looking after the programs. Raises StopRequested."""
        if self._supervisor.tend():
            self._describe()
        self._signals.pause(seconds)

    def tend_until_stopped(self) -> None:
        """Look after the programs. Ends by raising StopRequested."""
        while True:
            self.pause(_TEND_SECONDS)

    def _start_services(self, report: Report) -> None:
        for service in self._foundation.embedded:
            report(service.title)
            self._supervisor.start(service.prepare())
        for service in self._foundation.embedded:
            self._wait_until(service.is_ready, f"{service.title} is ready")

    def _start_programs(self, workers: int, environment: Mapping[str, str]) -> None:
        self._supervisor.start(stack_programs.api(self._folder, environment, self._listener))
        for number in range(1, workers + 1):
            self._supervisor.start(stack_programs.worker(self._folder, environment, number))
        self._supervisor.start(stack_programs.beat(self._folder, environment))
        self._wait_until(self._api_is_ready, "the API is ready")
        if self._foundation.redis is not None:
            redis = self._foundation.redis
            self._wait_until(lambda: redis.listeners() >= workers, "the workers listen")

    def _api_is_ready(self) -> bool:
        try:
            return (
                httpx.get(f"{self._url}/health/ready", timeout=2, trust_env=False).status_code
                == httpx.codes.OK
            )
        except httpx.TransportError:
            return False

    def _wait_until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"Waited {START_SECONDS:g} seconds in vain until {what}."
                    f" The logs are in {self._folder.logs}."
                )
            self._supervisor.tend()
            self._supervisor.check_start()
            self._signals.pause(_LOOK_SECONDS)

    def _describe(self) -> None:
        self._folder.describe(self.description)


def _prepare_reader(ground: Ground, report: Report) -> None:
    try:
        prepare_reader(ground.database, reader_of(ground.settings.database_url, ground.settings.reader_url))
    except ReaderRefused as refusal:
        report(f"Database schema: exports take no sqlQuery. {refusal}")


def make_token(ground: Ground, name: str) -> str:
    """A token for the data service, which is created if there is none of this name yet."""
    try:
        service = services.find_service(ground, name)
    except ServiceNotFound:
        _, secret = services.add_service(ground, name)
    else:
        secret = services.active_secrets(ground, service)[0]
    return tokens.mint(secret, TOKEN_SECONDS)
