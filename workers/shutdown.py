"""Going home: what a worker's processes are told, and when each of them obeys."""

import mmap
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Shutdown:
    """A flag that the main process raises and its children, forked from it, see at once."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)
        self._is_told_alone = False

    def ask(self) -> None:
        self._shared[0] = 1

    def is_asked(self) -> bool:
        """Whether whatever is done must be left at the next checkpoint."""
        return self._shared[0] == 1 or self._is_told_alone

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """A child that is sent SIGTERM in the middle of the body ends after it, its work given back.

        Whoever stops a service sends it to all of its processes. The body has to look at `is_asked`.
        """
        before = signal.signal(signal.SIGTERM, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
        if self._is_told_alone:
            raise SystemExit

    def _note(self, *_: object) -> None:
        self._is_told_alone = True
