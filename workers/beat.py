"""The beat: wakes the sweep at equal distances, whatever the wall clock does.

Celery's own scheduler compares wall clocks: one that is set back keeps it silent for as long, and a message
that expires would never be taken by a worker whose clock is ahead.
"""

from celery.beat import Scheduler

from shared.dispatch import SWEEP_QUEUE, Dispatcher
from shared.metrics import metrics
from shared.settings import Settings
from workers.pulse import beat_once

# While no worker takes them, there is no use in more: they are all the same.
SWEEPS_WAITING = 5


def sweep_scheduler(settings: Settings) -> type[Scheduler]:
    """What Celery's beat process runs."""
    dispatcher = Dispatcher(settings.redis_url)

    class SweepScheduler(Scheduler):
        def tick(self, *_: object, **__: object) -> float:
            """Seconds until the next one."""
            beat_once(settings)
            # Also where it asks for nothing: that workers take no sweeps is told of workers.
            metrics().beats.inc()
            if dispatcher.waiting(SWEEP_QUEUE) < SWEEPS_WAITING:
                dispatcher.nudge_sweep()
            return settings.sweep_seconds

    return SweepScheduler
