"""Keeps programs running: starts them, starts them again when they end, stops them in order.

It looks when it is asked to (`tend`) and has no thread of its own: children are tied to the thread that
started them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shared.embedded.process import CannotStart, Process, Program, last_lines

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 20.0
STABLE_SECONDS = 60.0  # running that long makes earlier failures forgotten
FAILURES_WHILE_STARTING = 3
_LOOK_SECONDS = 0.05

Report = Callable[[str], None]


@dataclass
class _Watched:
    program: Program
    process: Process | None
    started_at: float
    failures: int = 0
    due_at: float = 0.0


def restart_delay(failures: int) -> float:
    """Seconds to wait before the next start after that many failures in a row, from 1."""
    return min(FIRST_DELAY_SECONDS * 2.0 ** (failures - 1), LONGEST_DELAY_SECONDS)


class Supervisor:
    """The running programs of one stack."""

    def __init__(self, report: Report) -> None:
        """`report` is told each time something had to be started again."""
        self._report = report
        self._watched: list[_Watched] = []

    def start(self, program: Program) -> None:
        """Start it now and keep it running from here on."""
        self._watched.append(_Watched(program, Process(program), time.monotonic()))

    def pids(self) -> dict[str, list[int]]:
        """Process ids by role, in the order they were started; a role that is down has fewer."""
        found: dict[str, list[int]] = {}
        for watched in self._watched:
            pids = found.setdefault(watched.program.role, [])
            if watched.process is not None:
                pids.append(watched.process.pid)
        return found

    def tend(self) -> bool:
        """Notice what ended, start what is due. Whether any process id changed."""
        now = time.monotonic()
        changes = [self._look_at(watched, now) for watched in self._watched]
        return any(changes)

    def check_start(self) -> None:
        """Raises CannotStart, with the end of its log, for a program that ended again and again."""
        for watched in self._watched:
            if watched.failures >= FAILURES_WHILE_STARTING:
                program = watched.program
                raise CannotStart(
                    f"{program.role} ends as soon as it starts. Its log ({program.log}) ends with:\n"
                    f"{last_lines(program.log)}"
                )

    def stop(self, order: Sequence[Sequence[str]], is_impatient: Callable[[], bool]) -> None:
        """End everything, one group of roles after the other; killed when it takes too long."""
        for roles in order:
            _stop_together(list(self._running(roles)), is_impatient)
        self._watched.clear()

    def _running(self, roles: Sequence[str]) -> Iterator[Process]:
        for watched in self._watched:
            if watched.process is not None and watched.program.role in roles:
                yield watched.process

    def _look_at(self, watched: _Watched, now: float) -> bool:
        if watched.process is None:
            return now >= watched.due_at and self._start_again(watched, now)
        status = watched.process.exit_status()
        if status is None:
            return False
        watched.failures = 1 if now - watched.started_at > STABLE_SECONDS else watched.failures + 1
        watched.process = None
        delay = restart_delay(watched.failures)
        watched.due_at = now + delay
        self._report(f"{watched.program.role} ended ({_spell(status)}); starting it again in {delay:g} s")
        return True

    def _start_again(self, watched: _Watched, now: float) -> bool:
        watched.process = Process(watched.program)
        watched.started_at = now
        return True


def _stop_together(processes: list[Process], is_impatient: Callable[[], bool]) -> None:
    started_at = time.monotonic()
    for process in processes:
        process.ask_to_stop()
    while processes:
        waited = time.monotonic() - started_at
        for process in processes:
            if is_impatient() or waited > process.program.stop_seconds:
                process.kill()
        processes = [process for process in processes if process.exit_status() is None]
        if processes:
            processes[0].wait(_LOOK_SECONDS)


def _spell(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
