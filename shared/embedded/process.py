"""A child process: how it is started, watched and ended with everything it started itself.

When to start it again is decided by whoever holds it (`api.cli.supervisor`, or a test).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar

from shared.embedded import tether
from shared.errors import LongshoreError

_OWNER_ONLY = 0o600


class CannotStart(LongshoreError):
    """A process of the stack is missing or does not come up; the message says which and what to do."""

    code: ClassVar[str] = "cannot_start"


def _nothing() -> None:
    """What most programs need done before they start."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and how to end it."""

    role: str  # what it is to the stack: postgres, redis, api, worker, beat
    command: Sequence[str]  # the first one a full path
    log: Path  # gets its output, appended
    folder: Path  # its working directory
    environment: Mapping[str, str] = field(repr=False)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0  # to end by itself once asked
    user: str = ""  # to run as; empty: whoever we are
    descriptors: tuple[int, ...] = ()  # kept open for it
    before: Callable[[], None] = _nothing  # clears the way; called before every start


class Process:
    """One running program, leader of a session of its own: a terminal's Ctrl-C does not reach it."""

    def __init__(self, program: Program) -> None:
        program.before()
        self.program = program
        with _open_log(program.log) as log:
            self._child = subprocess.Popen(
                tethered(program.command, program.stop_signal, program.user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=program.folder,
                env=dict(program.environment),
                pass_fds=program.descriptors,
                start_new_session=True,
            )
        self.pid = self._child.pid

    def exit_status(self) -> int | None:
        """None while it runs; negative is the signal that ended it. What it left running is killed."""
        status = self._child.poll()
        if status is not None:
            self._kill_group()
        return status

    def ask_to_stop(self) -> None:
        """Send the stop signal; safe when it has ended already."""
        self._child.send_signal(self.program.stop_signal)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(seconds)
        return self.exit_status() is not None

    def kill(self) -> None:
        """End it and everything it started, now."""
        self._kill_group()
        self._child.wait()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def tethered(command: Sequence[str], end_signal: signal.Signals, user: str) -> list[str]:
    """The command, run as `user` (empty: as we are) and sent the signal when this process is gone."""
    script = str(Path(tether.__file__).resolve())
    return [sys.executable, "-IS", script, str(os.getpid()), str(int(end_signal)), user, *command]


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for a person to read."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-count:])


def _open_log(log: Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _OWNER_ONLY), "ab")
