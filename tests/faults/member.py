"""One process of a fleet: started, killed, frozen, asked to stop."""

import os
import signal
from contextlib import suppress

import psutil

from shared.embedded.process import Process, Program, last_lines


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
