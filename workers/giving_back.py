"""Saying that an attempt broke, also where it broke because nobody listens."""

import time
from collections.abc import Callable

from shared.errors import DatabaseUnavailable
from workers.applying import ShouldStop

_PAUSE_SECONDS = 0.5


def give_back(say: Callable[[], None], lease_seconds: float, should_stop: ShouldStop) -> None:
    """Call `say` until the database takes it, for as long as the lease can last.

    Said, the failure is the world's; unsaid, the lease runs out and looks like the death of its worker.
    Raises DatabaseUnavailable when it was not heard.
    """
    deadline = time.monotonic() + lease_seconds
    while True:
        try:
            return say()
        except DatabaseUnavailable:
            if should_stop() or time.monotonic() + _PAUSE_SECONDS >= deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
