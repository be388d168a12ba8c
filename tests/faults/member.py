"""One process of a fleet: started, killed, frozen, asked to stop."""

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from shared.embedded.process import Process, Program, last_lines

_LABEL = re.compile("worker-[0-9a-f]{6}")


class Member:
    """One process of the fleet and its children."""

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self._program = program
        self._process: Process | None = None
        self.ended_children: set[int] = set()  # by `end_children`

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """What it says."""
        return self._program.log

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

    def end_children(self, number: signal.Signals) -> list[psutil.Process]:
        """Send to its children only, which end of it; returns them."""
        children = self.children()
        for child in children:
            self.ended_children.add(child.pid)
            with suppress(psutil.NoSuchProcess):
                child.send_signal(number)
        return children

    def label(self) -> str | None:
        """What rows call the worker that it is now; None before its first task."""
        lines = self.log.read_text(errors="replace").splitlines()
        named = [line for line in lines if "worker_named" in line]
        found = _LABEL.search(named[-1]) if named else None
        return found[0] if found else None

    def has_open(self, folder: Path) -> list[Path]:
        """Files under `folder` that it or its children have open."""
        with suppress(psutil.NoSuchProcess):
            leader = psutil.Process(self.pid)
            members = [leader, *leader.children(recursive=True)]
            paths = (Path(file.path) for member in members for file in member.open_files())
            return [path for path in paths if path.is_relative_to(folder)]
        return []

    def last_words(self) -> str:
        return last_lines(self._program.log)


def are_gone(processes: list[psutil.Process], seconds: float = 0.0) -> bool:
    """Whether all of them have ended in that time, and whoever started them knows."""
    _, left = psutil.wait_procs(processes, timeout=seconds)
    return not left
