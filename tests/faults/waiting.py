"""Conditions with deadlines."""

import time
from collections.abc import Callable

LOOK_SECONDS = 0.02


class NotInTime(AssertionError):
    """Something did not come to be in the time it was given."""


def wait_until(holds: Callable[[], object], seconds: float, what: str | Callable[[], str]) -> float:
    """Return how many seconds it took. Raises NotInTime."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise NotInTime(f"not in {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began
