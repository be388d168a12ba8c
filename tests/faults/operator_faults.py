"""What an operator does to a fleet at work."""

import time
from collections.abc import Iterator
from random import Random
from threading import Thread

from api.usecases.maintenance import begin_maintenance, end_maintenance, look_at_maintenance
from shared.errors import LongshoreError
from shared.ground import Ground
from tests.faults.fleet import Fleet
from tests.faults.registry import Met, fault
from tests.faults.waiting import LOOK_SECONDS


@fault("maintenance", "maintenance", (0.5, 2.0))
def maintain(fleet: Fleet, _: Random) -> Iterator[Met]:
    begin_maintenance(fleet.ground, None)
    yield lambda: look_at_maintenance(fleet.ground).paused_imports > 0
    # In a thread: what keeps the database away now may be ended by this one only.
    Thread(target=_end_when_possible, args=(fleet.ground,), daemon=True).start()


def _end_when_possible(ground: Ground) -> None:
    while True:
        try:
            end_maintenance(ground)
        except LongshoreError:
            time.sleep(LOOK_SECONDS)
        else:
            return
