"""The whole service as a fleet on this machine: several APIs and workers on one foundation."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from api.cli import stack_programs
from api.cli.stack_folder import StackFolder
from shared.ground import Ground
from shared.settings import Settings
from tests.faults.clock import Clock, a_clock
from tests.faults.foundation import START_SECONDS, Foundation, a_foundation
from tests.faults.member import Member
from tests.faults.waiting import wait_until

APIS = 2
WORKERS = 3

# Small batches, so that there is much to interrupt.
SIZES = {"LONGSHORE_BATCH_LINES": "250"}


@dataclass(frozen=True)
class Tempo:
    """How soon a fleet looks for work that was lost."""

    lease_seconds: float
    sweep_seconds: float
    retry_seconds: float

    @property
    def environment(self) -> dict[str, str]:
        return {f"LONGSHORE_{name.upper()}": str(seconds) for name, seconds in asdict(self).items()}

    def __str__(self) -> str:
        return (
            f"Leases of {self.lease_seconds:g} s, a sweep every {self.sweep_seconds:g} s,"
            f" the first retry after {self.retry_seconds:g} s."
        )


QUICK = Tempo(2.0, 0.5, 0.5)  # so that a round is soon over
DEFAULT = Tempo(Settings.lease_seconds, Settings.sweep_seconds, Settings.retry_seconds)


@dataclass(frozen=True)
class Fleet:
    """Everything of ours that runs."""

    tempo: Tempo
    foundation: Foundation
    apis: list[Member]
    workers: list[Member]
    beat: Member
    api_urls: list[str]
    mails: Path
    redis_folder: Path
    clock: Clock | None  # of one worker and of beat

    @property
    def ground(self) -> Ground:
        return self.foundation.ground

    @property
    def members(self) -> list[Member]:
        return [*self.apis, *self.workers, self.beat]

    @property
    def ended_children(self) -> set[int]:
        """Process ids of all those that were ended apart from their worker."""
        return {pid for member in self.members for pid in member.ended_children}

    def start(self) -> None:
        """Start every member; returns when each worker waits for messages, which an idle one does."""
        for member in self.members:
            member.start()
        self.await_workers(START_SECONDS)

    def await_workers(self, seconds: float) -> None:
        """Return as soon as each worker waits for messages, all at once. Raises NotInTime."""
        listeners, count = self.foundation.embedded_redis.listeners, len(self.workers)
        wait_until(lambda: listeners() >= count, seconds, lambda: f"{listeners()} of {count} workers listen")

    @property
    def clocked_worker(self) -> Member:
        """The one that goes by the clock."""
        return self.workers[-1]

    def revive(self) -> list[str]:
        """Start again who has ended; returns their names."""
        ended = [member for member in self.members if not member.is_running]
        for member in ended:
            member.start()
        return [member.name for member in ended]

    def stop(self) -> None:
        """End every member, frozen ones too, together."""
        for member in self.members:
            member.send(signal.SIGCONT)
            member.ask_to_stop()
        for member in self.members:
            member.stop()


@contextmanager
def a_fleet(folder: Path, tempo: Tempo = QUICK) -> Iterator[Fleet]:
    """A fleet with all its members up, its files in `folder`; everything is ended at the end."""
    stack = StackFolder(folder / "stack")
    stack.logs.mkdir(parents=True)
    with a_foundation(folder, stack) as foundation, ExitStack() as ends:
        listeners = [ends.enter_context(stack_programs.listen("127.0.0.1", 0)) for _ in range(APIS)]
        fleet = _fleet(tempo, foundation, stack, listeners, a_clock(folder))
        ends.callback(fleet.stop)
        fleet.start()
        yield fleet


def _fleet(
    tempo: Tempo,
    foundation: Foundation,
    stack: StackFolder,
    listeners: list[socket.socket],
    clock: Clock | None,
) -> Fleet:
    urls = [stack_programs.url_of(listener) for listener in listeners]
    environment = _environment(foundation, urls[0]) | tempo.environment
    clocked = environment | (clock.environment if clock else {})
    apis = [stack_programs.api(stack, environment, listener) for listener in listeners]
    workers = [
        stack_programs.worker(stack, clocked if number == WORKERS else environment, number)
        for number in range(1, WORKERS + 1)
    ]
    return Fleet(
        tempo=tempo,
        foundation=foundation,
        apis=[Member(f"api-{number}", program) for number, program in enumerate(apis, 1)],
        workers=[Member(f"worker-{number}", program) for number, program in enumerate(workers, 1)],
        beat=Member("beat", stack_programs.beat(stack, clocked)),
        api_urls=urls,
        mails=stack.mails,
        redis_folder=stack.redis,
        clock=clock,
    )


def _environment(foundation: Foundation, public_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LONGSHORE_")}
    return inherited | foundation.way_of_members | SIZES | {"LONGSHORE_PUBLIC_URL": public_url}
