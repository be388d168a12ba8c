"""An API that is told to stop says so first, and goes on answering until its load balancer has heard it.

Without it, what the balancer sends in the moment when the socket closes is lost.
"""

import mmap
import time
from collections.abc import Callable


class Stopping:
    """A flag that gunicorn's main process raises and its workers, forked from it, see at once."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def is_asked(self) -> bool:
        return self._shared[0] == 1

    def instead_of(self, stop: Callable[[], None], seconds: float) -> Callable[[], None]:
        """Raise the flag, let the balancer look for so long, and then `stop`."""

        def drain() -> None:
            self._shared[0] = 1
            time.sleep(seconds)
            stop()

        return drain


STOPPING = Stopping()
"""Of this server: made before gunicorn forks, whose configuration imports it."""
