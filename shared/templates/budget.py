"""How much processor time all renderings of one job may take together."""

from typing import NamedTuple

# On top of a job's fixed seconds. Ten times what the larger examples of the guide take on a slow machine
# (90 microseconds, two busy cores, 2026-11-25): no honest job meets it, however many items it has.
SECONDS_AN_ITEM = 0.001


class Spent(NamedTuple):
    """What the renderings of a job took so far, those that had to be done again counted again."""

    items: int = 0
    seconds: float = 0.0  # of processor time


NOTHING = Spent()


class Budget:
    """What one job may spend, and has spent. One thread spends; others may look.

    Time of the processor and not of the clock: a worker that is stopped or waits spends nothing.
    """

    def __init__(self, seconds: float, spent: Spent = NOTHING) -> None:
        """`seconds` are free; each item adds a little (SECONDS_AN_ITEM). `spent` is what was spent before."""
        self._seconds = seconds
        self._spent = spent

    @property
    def spent(self) -> Spent:
        return self._spent

    @property
    def left(self) -> float:
        """What the next rendering may take, in seconds; negative where too much was spent."""
        return self._allowed - self._spent.seconds

    def charge(self, seconds: float) -> None:
        """Count one rendering."""
        self._spent = Spent(self._spent.items + 1, self._spent.seconds + seconds)

    def __str__(self) -> str:
        return f"{self._allowed:.4g} seconds of processor time for {self._spent.items + 1} renderings"

    @property
    def _allowed(self) -> float:
        return self._seconds + SECONDS_AN_ITEM * (self._spent.items + 1)
