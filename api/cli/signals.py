"""Requests to stop, taken at chosen moments only, so that nothing half done is left behind."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal. Not an error: it passes every `except` for errors."""


class StopSignals:
    """While the body runs, signals to stop are counted, not raised; `pause` is where they take effect."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._before = {number: signal.signal(number, self._note) for number in _STOPPING}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read_end)
        os.close(self._write_end)

    def pause(self, seconds: float) -> None:
        """Wait that long. Raises StopRequested once a signal to stop has come."""
        select.select([self._read_end], [], [], seconds)
        self._check()

    def _check(self) -> None:
        if self.count:
            raise StopRequested

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        os.write(self._write_end, b".")


class InterruptSignals(StopSignals):
    """For a command that waits for others: signals also take effect wherever `at_once` surrounds it.

    Elsewhere the first one waits, so that what was asked of the service and what is known of it agree; a
    second one does not, since the service may be the one that does not answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_at_once = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """While the body runs, a signal to stop raises StopRequested, and so does one that came before."""
        self._is_at_once = True
        try:
            self._check()
            yield
        finally:
            self._is_at_once = False
        # What a signal raises inside a finaliser is lost; that it came is not.
        self._check()

    def _note(self, number: int, frame: FrameType | None) -> None:
        super()._note(number, frame)
        if self._is_at_once or self.count > 1:
            raise StopRequested
