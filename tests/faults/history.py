"""Whether imports went the ways of their lifecycle, by what the rows say of each move."""

from collections.abc import Iterable

from sqlalchemy import text

from shared.ground import Ground
from shared.lifecycle import Event, Status, after

MOVES = """
SELECT i.id, i.status, ARRAY(SELECT event FROM import_events WHERE import_id = i.id ORDER BY id) AS events
  FROM imports i
 WHERE i.service_id = :service_id
 ORDER BY i.id
"""


def wrong_histories(ground: Ground, service_id: int) -> list[str]:
    """One line for each import of the data service whose moves do not lead to where it is."""
    with ground.database.begin() as session:
        rows = session.execute(text(MOVES), {"service_id": service_id}).all()
    return [
        f"import {row.id}: {row.status} after {', '.join(row.events) or 'nothing'}"
        for row in rows
        if status_after(row.events) != row.status
    ]


def status_after(events: Iterable[str]) -> Status | None:
    """Where these moves lead from the beginning; None where one of them may not follow the one before."""
    status: Status | None = Status.CONFIGURING
    for event in events:
        if status is not None:
            status = after(status, Event(event))
    return status
