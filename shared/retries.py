"""When what broke is tried again, and when no more.

What the world withholds (a database, a volume) comes back, and costs nothing but time. What points at the
work itself (a worker that died over it, bytes that were altered) does not, and is tried a few times only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from shared.errors import ConflictOfTransactions
from shared.settings import Settings

T = TypeVar("T")

# Attempts of a transaction that has to give way to others.
CONFLICT_ATTEMPTS = 5

# However often something failed: when the world is right again, work goes on within this time.
LONGEST_PAUSE_SECONDS = 4.0
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often, how long and after which pauses an import or export is tried again."""

    attempts: int
    patience_seconds: float
    first_pause_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "Retries":
        return cls(
            attempts=settings.attempts,
            patience_seconds=settings.patience_seconds,
            first_pause_seconds=settings.retry_seconds,
        )

    def pause(self, attempts: int) -> timedelta:
        """How long to wait after that many attempts in vain, from 1: doubling, to a limit."""
        doubled = self.first_pause_seconds * 2 ** min(attempts - 1, _MOST_DOUBLINGS)
        return timedelta(seconds=min(doubled, max(LONGEST_PAUSE_SECONDS, self.first_pause_seconds)))

    def are_over(self, *, suspicions: int, attempts: int, failing_seconds: float) -> bool:
        """Whether it has failed for good: by its own fault, or for longer than anybody waits."""
        if suspicions >= self.attempts:
            return True
        return attempts >= self.attempts and failing_seconds >= self.patience_seconds


def despite_conflicts(act: Callable[[], T]) -> T:
    """What `act` gives, which is one transaction, tried again at once where it had to give way.

    Raises ConflictOfTransactions where it had to CONFLICT_ATTEMPTS times.
    """
    for _ in range(CONFLICT_ATTEMPTS - 1):
        try:
            return act()
        except ConflictOfTransactions:
            continue
    return act()
