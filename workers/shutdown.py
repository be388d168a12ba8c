"""Going home: what a worker's processes are told, and when each of them obeys.

Whoever stops a service sends SIGTERM to all of its processes. A child puts it off while it is at a task, and
so do the threads that the task begins: nothing is broken off, and each of them sees at once that it came,
also while another one waits for the database and could run no handler.
"""

import mmap
import signal

_TOLD = {signal.SIGTERM}


class Shutdown:
    """A flag that the main process raises and its children, forked from it, see at once."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def ask(self) -> None:
        self._shared[0] = 1

    def is_asked(self) -> bool:
        """Whether whatever is done must be left at the next checkpoint."""
        return self._shared[0] == 1 or _is_told_alone()


def put_off(**_: object) -> None:
    """Let SIGTERM wait, in this thread and in those that it begins."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)


def listen(**_: object) -> None:
    """Let SIGTERM do what it does, also one that was put off."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)


def obey(**_: object) -> None:
    """Listen; raises SystemExit where SIGTERM was put off."""
    if _is_told_alone():
        raise SystemExit
    listen()


def _is_told_alone() -> bool:
    return signal.SIGTERM in signal.sigpending()
