"""How much is done, counted: a test that timed it would tell of other work on the machine, too."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from cProfile import Profile
from types import FrameType

# For what takes a second at most, or hours.
_MUCH_TOO_LONG_SECONDS = 60


def calls(act: Callable[[], object]) -> int:
    """How many functions are called while it acts, Python's own among them."""
    profile = Profile()
    profile.enable()
    try:
        act()
    finally:
        profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


@contextmanager
def that_ends() -> Iterator[None]:
    """Break off the body if it never comes to an end, as what takes each step for every other one would."""

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError("it does not come to an end")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(_MUCH_TOO_LONG_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
