"""Requests to stop, taken at chosen moments only, so that nothing half done is left behind."""

import os
import select
import signal
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
        if self.count:
            raise StopRequested

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        os.write(self._write_end, b".")
