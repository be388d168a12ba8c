"""Waiting for a condition, with a deadline instead of a sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 30.0
_LOOK_SECONDS = 0.05


def wait_for(look: Callable[[], T]) -> T:
    """What `look` gives as soon as it gives something."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {DEADLINE_SECONDS} s in vain"
        time.sleep(_LOOK_SECONDS)
    return found
