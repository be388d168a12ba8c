"""A file that is touched while a process goes about its work: a container's health check looks at its age.

Without Redis a worker waits and its file grows old: it has no work then, and need not be killed.
"""

from pathlib import Path
from typing import Any

from celery import bootsteps

from shared.settings import Settings

PULSE_SECONDS = 5.0


def beat_once(settings: Settings) -> None:
    """Touch the file, where the settings name one."""
    if settings.pulse_file:
        Path(settings.pulse_file).touch()


def pulse_step(settings: Settings) -> type[bootsteps.StartStopStep]:
    """What makes a worker's main loop touch the file every few seconds."""

    class Pulse(bootsteps.StartStopStep):
        requires = ("celery.worker.components:Timer",)

        def start(self, worker: Any) -> None:  # noqa: ANN401 - Celery has no type for it
            """Now, and from then on by the clock of the loop."""
            beat_once(settings)
            worker.timer.call_repeatedly(PULSE_SECONDS, beat_once, (settings,))

    return Pulse
