"""Which data services have workers at work, which wait for one, and with what.

However many jobs wait, each statement looks at a few rows: partial indexes hold only what is unfinished,
and of a data service with thousands of jobs only its first ones are met.
"""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from shared.bounds import Bounds
from shared.db import long_jobs
from shared.db.takeable import IMPORT_TAKEABLE, NEXT_BLOCK
from shared.turns import Job

# Leases of blocks and exports that workers hold now, a row for each data service: never more than workers.
HELD = """
SELECT service_id, count(*) AS turns FROM (
    SELECT leasing_service_id AS service_id FROM blocks
     WHERE leasing_service_id IS NOT NULL AND leased_until > clock_timestamp()
    UNION ALL
    SELECT service_id FROM exports
     WHERE status IN ('canceling', 'processing') AND leased_until > clock_timestamp()
) leases
 GROUP BY service_id ORDER BY service_id
"""

# From one data service to the next one, instead of from job to job.
SERVICES = """
WITH RECURSIVE found AS (
    SELECT CAST(:after AS integer) AS service_id
    UNION ALL
    SELECT least(
        (SELECT i.service_id FROM imports i
          WHERE i.status IN ('resumed', 'running', 'started') AND i.service_id > found.service_id
          ORDER BY i.service_id LIMIT 1),
        (SELECT e.service_id FROM exports e
          WHERE e.ended_at IS NULL AND e.service_id > found.service_id
          ORDER BY e.service_id LIMIT 1))
      FROM found WHERE found.service_id IS NOT NULL
)
SELECT service_id FROM found WHERE service_id > :after LIMIT :limit
"""

# New imports before those that have begun: a short one is done after its first turn.
FIRST_IMPORT = f"""
SELECT i.id, i.has_begun
  FROM (
      SELECT id, service_id, status, is_ordered, status = 'running' AS has_begun FROM imports
       WHERE service_id = :service_id AND status IN ('resumed', 'running', 'started')
       ORDER BY (status = 'running'), id LIMIT :looks
  ) i
{NEXT_BLOCK} WHERE {IMPORT_TAKEABLE}
 ORDER BY i.has_begun, i.id LIMIT 1
"""  # noqa: S608 - of constants

SERVICE_OF_IMPORT = f"""
SELECT i.service_id FROM imports i
{NEXT_BLOCK} WHERE i.id = :import_id AND {IMPORT_TAKEABLE}
"""  # noqa: S608 - of constants

# Beyond so many data services whose jobs all wait for a later time, or so many such jobs of one, nobody looks
# further in one turn: nudges of their own bring them up.
_SERVICES_LOOKED_AT = 50
_JOBS_LOOKED_AT = 100


def held(session: Session) -> dict[int, int]:
    """For how many blocks and exports of each data service workers hold a lease now."""
    return {row.service_id: row.turns for row in session.execute(text(HELD))}


def unfinished_services(session: Session, *, after: int, beside: int) -> list[int]:
    """Data services with unfinished jobs, in a circle by id from behind `after`.

    Bounded; at least one that has no worker is among them, if there is one, where at most `beside` have.
    """
    limit = beside + _SERVICES_LOOKED_AT
    found = [*_services(session, after, limit)]
    if after and len(found) < limit:
        found += _services(session, 0, limit)
    return found


def first_waiting(session: Session, service_id: int, bounds: Bounds) -> Job | None:
    """What a worker could do for the data service now: a new import, an export, an import that has begun."""
    found = _first_import(session, service_id, bounds)
    if found is None or found.has_begun:
        export_id = long_jobs.first_export(session, service_id, bounds)
        if export_id is not None:
            return Job("export", export_id)
    return None if found is None else Job("import", found.id)


def new_import(session: Session, service_id: int, bounds: Bounds) -> Job | None:
    """One of the data service's that a worker could begin now."""
    found = _first_import(session, service_id, bounds)
    return None if found is None or found.has_begun else Job("import", found.id)


def service_of(session: Session, job: Job, bounds: Bounds) -> int | None:
    """Whose job it is, if a worker could take it now; else None."""
    if job.kind == "export":
        return long_jobs.service_of_export(session, job.id, bounds)
    given = asdict(bounds) | {"import_id": job.id}
    return session.execute(text(SERVICE_OF_IMPORT), given).scalar_one_or_none()


def _first_import(session: Session, service_id: int, bounds: Bounds) -> Row[Any] | None:
    given = asdict(bounds) | {"service_id": service_id, "looks": _JOBS_LOOKED_AT}
    return session.execute(text(FIRST_IMPORT), given).one_or_none()


def _services(session: Session, after: int, limit: int) -> list[int]:
    return list(session.scalars(text(SERVICES), {"after": after, "limit": limit}))
