"""A lease kept while the work takes long, also where one step of it (a statement, a file) takes long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self


class Stopped(Exception):
    """The worker goes home, or all of them stop for maintenance; what it was at begins again later."""


class Heartbeat:
    """Calls `beat` every `seconds` in a thread of its own while the body runs.

    What `beat` raises rises from `check`, and instead of what the body raises. After Stopped it goes on: the
    body may take longer than a lease to tidy up.
    """

    def __init__(self, beat: Callable[[], None], seconds: float) -> None:
        self._beat = beat
        self._seconds = seconds
        self._is_over = Event()
        self._verdict: Exception | None = None
        self._lock = Lock()
        self._interrupt: Callable[[], None] | None = None
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        if raised is not None and self._verdict is not None and raised is not self._verdict:
            raise self._verdict from raised

    def check(self) -> None:
        """Raises what `beat` raised, if it did."""
        if self._verdict is not None:
            raise self._verdict

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Lets the end of the body be hastened: `interrupt` makes what it waits for raise."""
        with self._lock:
            self.check()
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._lock:
                self._interrupt = None

    def _run(self) -> None:
        while not self._is_over.wait(self._seconds):
            try:
                self._beat()
            except Stopped as verdict:
                self._end(verdict)
            # Whatever it is: a body that nobody keeps must not go on as if somebody did.
            except Exception as verdict:  # noqa: BLE001
                self._end(verdict)
                return

    def _end(self, verdict: Exception) -> None:
        with self._lock:
            if self._verdict is not None:
                return
            self._verdict = verdict
            if self._interrupt is not None:
                self._interrupt()
