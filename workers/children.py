"""Pool children that died are replaced at once, so that their worker goes on.

Celery looks for them when a child's end of a pipe is closed. The system may close it before the child can be
waited for: then nothing is found, and Celery looks again only every five seconds, the nudges that the worker
has taken waiting as long.
"""

from typing import Any

from celery import bootsteps

_LOOK_SECONDS = 0.25


class LookForDeadChildren(bootsteps.StartStopStep):
    """Makes a worker's main loop look for them all the time."""

    requires = ("celery.worker.components:Pool",)

    def start(self, worker: Any) -> None:  # noqa: ANN401 - Celery has no type for it
        """By the clock of the loop."""
        worker.timer.call_repeatedly(_LOOK_SECONDS, worker.pool.maintain_pool)
