"""Who goes next: a turn is one block or one export, and it goes to the data service that has least.

Pure decisions only. `shared.db.turns` tells who has what and who waits.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple


class Job(NamedTuple):
    """What a worker can be told to go on with."""

    kind: Literal["import", "export"]
    id: int


def in_turn(waiting: Iterable[int], held: Mapping[int, int], *, after: int) -> list[int]:
    """The data services that wait, in the order in which they may have the next turn.

    First those for which the fewest workers work now (`held`); among equals in a circle by id, beginning
    behind `after`, who had the last turn, so that nobody is passed over twice.
    """
    return sorted(
        set(waiting), key=lambda service_id: (held.get(service_id, 0), service_id <= after, service_id)
    )
