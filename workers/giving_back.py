"""Saying that an attempt broke, also where it broke because nobody listens."""

import time
from collections.abc import Callable

from shared.errors import ConflictOfTransactions, DatabaseUnavailable, LongshoreError
from workers.applying import ShouldStop

_PAUSE_SECONDS = 0.5


_PASSING = (ConflictOfTransactions, DatabaseUnavailable)


def give_back(
    say: Callable[[], None],
    patience_seconds: float,
    should_stop: ShouldStop,
    *,
    despite: tuple[type[LongshoreError], ...] = _PASSING,
) -> None:
    """Call `say` until the database takes it, for as long as the world may be wrong.

    Said, the failure is the world's; unsaid, it looks like the death of a worker. Who says it as soon as the
    database is back comes before the sweep, also where the lease has run out; later it changes nothing.
    Raises DatabaseUnavailable or ConflictOfTransactions when it was not heard, at once if not in `despite`.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return say()
        except despite:
            if should_stop() or time.monotonic() + _PAUSE_SECONDS >= deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
