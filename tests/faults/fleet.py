"""The whole service as a fleet on this machine: several APIs and workers, their services behind proxies."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from api.cli import stack_programs
from api.cli.stack_folder import StackFolder
from shared.db.migrate import migrate, prepare_reader
from shared.db.queries.reader import reader_of
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.process import Process, Program, last_lines
from shared.embedded.redis import EmbeddedRedis
from shared.embedded.sockets import make_socket_folder, remove_socket_folder
from shared.ground import Ground
from shared.settings import Settings
from tests.faults.disk import Disk, a_disk
from tests.faults.proxy import Proxy
from tests.faults.waiting import wait_until

START_SECONDS = 60.0
APIS = 2
WORKERS = 3
DATABASE_DISK_MIB = 3072
BLOCKS_DISK_MIB = 512

# Short leases, so that a round is soon over; small batches, so that there is much to interrupt.
LEASE_SECONDS = 2.0
SWEEP_SECONDS = 0.5
SIZES = {
    "LONGSHORE_LEASE_SECONDS": str(LEASE_SECONDS),
    "LONGSHORE_SWEEP_SECONDS": str(SWEEP_SECONDS),
    "LONGSHORE_RETRY_SECONDS": "0.5",
    "LONGSHORE_BATCH_LINES": "250",
}


class Member:
    """One process of the fleet and its children."""

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self._program = program
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.exit_status() is None

    def start(self) -> None:
        """Start it, unless it runs."""
        if not self.is_running:
            self._process = Process(self._program)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        if self._process is not None:
            self._process.kill()

    def send(self, number: signal.Signals) -> None:
        """Send to all of it: processes do not outlive those that they belong to."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def send_to_leader(self, number: signal.Signals) -> None:
        """Send to the process itself only."""
        os.kill(self.pid, number)

    def ask_to_stop(self) -> None:
        """What a deploy does."""
        if self._process is not None:
            self._process.ask_to_stop()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended in that time."""
        return self._process is None or self._process.wait(seconds)

    def stop(self) -> None:
        """Ask, and insist after the time that its program allows."""
        self.ask_to_stop()
        if not self.wait(self._program.stop_seconds):
            self.kill()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children()

    def last_words(self) -> str:
        return last_lines(self._program.log)


@dataclass(frozen=True)
class Fleet:
    """Everything that runs, and our own way to the services past the proxies."""

    ground: Ground
    postgres: Member
    redis: Member
    apis: list[Member]
    workers: list[Member]
    beat: Member
    api_urls: list[str]
    database_network: Proxy
    redis_network: Proxy
    blocks: Path
    mails: Path
    redis_folder: Path
    database_disk: Disk | None
    blocks_disk: Disk | None
    clock: "Clock | None"
    services: Mapping[str, EmbeddedPostgres | EmbeddedRedis] = field(repr=False)

    @property
    def members(self) -> list[Member]:
        return [self.postgres, self.redis, *self.apis, *self.workers, self.beat]

    def start_postgres(self) -> None:
        """Start it where it does not run, and wait until it answers."""
        self.postgres.start()
        wait_until(lambda: self._is_back("postgres", self.postgres), START_SECONDS, "Postgres answers")

    def start_redis(self) -> None:
        self.redis.start()
        wait_until(lambda: self._is_back("redis", self.redis), START_SECONDS, "Redis answers")

    def wait_for_workers(self) -> None:
        """Until each of them waits for messages, which an idle one does."""
        redis = self.services["redis"]
        assert isinstance(redis, EmbeddedRedis)
        wait_until(lambda: redis.listeners() >= len(self.workers), START_SECONDS, "all workers listen")

    def _is_back(self, role: str, member: Member) -> bool:
        # Recovery on a full disk gives up, and a supervisor would start it again.
        member.start()
        return self.services[role].is_ready()


class Clock:
    """The clock of one worker, which may be set."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "clock"
        self._library = library
        self.set(0)

    def set(self, seconds_ahead: int) -> None:
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{seconds_ahead:+d}s\n")
        unfinished.chmod(0o644)
        unfinished.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # A clock that is set does not touch the monotonic one.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@contextmanager
def a_fleet(folder: Path) -> Iterator[Fleet]:
    """A fleet with all its members up, its files in `folder`; everything is ended at the end."""
    stack = StackFolder(folder / "stack")
    stack.logs.mkdir(parents=True)
    with ExitStack() as ends:
        sockets = make_socket_folder(stack.run)
        ends.callback(remove_socket_folder, stack.run)
        database_disk = ends.enter_context(a_disk(folder / "database", DATABASE_DISK_MIB))
        blocks_disk = ends.enter_context(a_disk(folder / "blocks", BLOCKS_DISK_MIB))
        postgres = EmbeddedPostgres(
            folder=folder / "database" / "postgres",
            sockets=sockets / "postgres",
            log=stack.logs / "postgres.log",
        )
        redis = EmbeddedRedis(folder=stack.redis, sockets=sockets, log=stack.logs / "redis.log")
        members = {
            "postgres": Member("postgres", postgres.prepare()),
            "redis": Member("redis", redis.prepare()),
        }
        services: dict[str, EmbeddedPostgres | EmbeddedRedis] = {"postgres": postgres, "redis": redis}
        for role, service in services.items():
            members[role].start()
            ends.callback(members[role].stop)
            wait_until(service.is_ready, START_SECONDS, f"{role} answers")
        database_network = _proxy(ends, sockets / "postgres" / ".s.PGSQL.5432")
        redis_network = _proxy(ends, sockets / "redis.sock")
        own = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "STORAGE_URL": f"file://{quote(str(folder / 'blocks'))}",
            "SMTP_URL": f"file://{quote(str(stack.mails))}",
        }
        ground = Ground.open(Settings.read(own))
        ends.callback(ground.close)
        migrate(ground.database)
        prepare_reader(ground.database, reader_of(ground.settings.database_url, ground.settings.reader_url))
        listeners = [ends.enter_context(stack_programs.listen("127.0.0.1", 0)) for _ in range(APIS)]
        urls = [stack_programs.url_of(listener) for listener in listeners]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LONGSHORE_")},
            **own,
            **SIZES,
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{database_network.port}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{redis_network.port}/0",
            "LONGSHORE_PUBLIC_URL": urls[0],
        }
        clock = _clock(folder)
        fleet = Fleet(
            ground=ground,
            postgres=members["postgres"],
            redis=members["redis"],
            apis=[
                Member(f"api-{number}", stack_programs.api(stack, environment, listener))
                for number, listener in enumerate(listeners, 1)
            ],
            workers=[
                Member(f"worker-{number}", stack_programs.worker(stack, given, number))
                for number, given in enumerate(_worker_environments(environment, clock), 1)
            ],
            beat=Member("beat", stack_programs.beat(stack, environment)),
            api_urls=urls,
            database_network=database_network,
            redis_network=redis_network,
            blocks=folder / "blocks",
            mails=stack.mails,
            redis_folder=stack.redis,
            database_disk=database_disk,
            blocks_disk=blocks_disk,
            clock=clock,
            services=services,
        )
        ends.callback(_stop_together, [*fleet.apis, *fleet.workers, fleet.beat])
        for member in fleet.members:
            member.start()
        fleet.wait_for_workers()
        yield fleet


def _worker_environments(environment: dict[str, str], clock: Clock | None) -> list[dict[str, str]]:
    """The last worker is the one whose clock may jump."""
    last = environment | (clock.environment if clock else {})
    return [environment] * (WORKERS - 1) + [last]


def _clock(folder: Path) -> Clock | None:
    for library in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return Clock(folder, library)
    return None


def _proxy(ends: ExitStack, target: Path) -> Proxy:
    proxy = Proxy(target)
    ends.callback(proxy.close)
    return proxy


def _stop_together(members: list[Member]) -> None:
    for member in members:
        member.send(signal.SIGCONT)
        member.ask_to_stop()
    for member in members:
        member.stop()
