"""Which exports a worker may take now.

An export holds its worker until all files are written, and cannot give way as an import does between two
blocks. So no data service has more than `at_once` of them written at a time, however many it has.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

# Of an export `e`: it waits, and room for one more of its data service is left.
TAKEABLE = """
    e.status IN ('accepted', 'processing') AND e.due_at <= clock_timestamp()
    AND (e.leased_until IS NULL OR e.leased_until <= clock_timestamp())
    AND (SELECT count(*) FROM exports o
          WHERE o.service_id = e.service_id AND o.status IN ('canceling', 'processing')
            AND o.leased_until > clock_timestamp()) < :at_once
"""

FIRST_WAITING = f"""
SELECT e.id FROM exports e
 WHERE e.service_id = :service_id AND e.ended_at IS NULL AND {TAKEABLE}
 ORDER BY e.id LIMIT 1
"""  # noqa: S608 - of constants

SERVICE_OF_WAITING = f"""
SELECT e.service_id FROM exports e WHERE e.id = :export_id AND {TAKEABLE}
"""  # noqa: S608 - of constants

# No more of a data service than could be taken: nudges for the others would wake workers in vain.
DUE = """
WITH at_work AS (
    SELECT service_id, count(*) AS exports FROM exports
     WHERE status IN ('canceling', 'processing') AND leased_until > clock_timestamp()
     GROUP BY service_id
)
SELECT id FROM (
    SELECT e.id, e.status, coalesce(w.exports, 0)
           + row_number() OVER (PARTITION BY e.service_id, e.status = 'canceling' ORDER BY e.id) AS place
      FROM exports e LEFT JOIN at_work w USING (service_id)
     WHERE e.ended_at IS NULL AND e.due_at <= clock_timestamp()
       AND (e.leased_until IS NULL OR e.leased_until <= clock_timestamp())
) waiting
 WHERE status = 'canceling' OR place <= :at_once
 ORDER BY id LIMIT :limit
"""


def due(session: Session, *, at_once: int, limit: int) -> list[int]:
    """Ids of exports that a worker should look at now, oldest first."""
    return list(session.scalars(text(DUE), {"at_once": at_once, "limit": limit}))


def first_waiting(session: Session, service_id: int, *, at_once: int) -> int | None:
    """The data service's oldest export that a worker may take now."""
    given = {"service_id": service_id, "at_once": at_once}
    return session.execute(text(FIRST_WAITING), given).scalar_one_or_none()


def service_of(session: Session, export_id: int, *, at_once: int) -> int | None:
    """Whose export it is, if a worker may take it now; else None."""
    given = {"export_id": export_id, "at_once": at_once}
    return session.execute(text(SERVICE_OF_WAITING), given).scalar_one_or_none()
