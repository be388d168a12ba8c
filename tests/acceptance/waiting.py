"""Waiting for a condition, with a deadline instead of a sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 30.0
_LOOK_SECONDS = 0.05


def wait_for(
    look: Callable[[], T], *, seconds: float = DEADLINE_SECONDS, every_seconds: float = _LOOK_SECONDS
) -> T:
    """What `look` gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(every_seconds)
    return found
