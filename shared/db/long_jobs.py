"""The jobs that hold a worker for long and may be taken now: exports, and large files to be cut."""

from dataclasses import asdict

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.bounds import Bounds
from shared.db.takeable import (
    EXPORT_TAKEABLE,
    IMPORT_TAKEABLE,
    LARGE_FILE_BYTES,
    LONG_JOBS_AT_WORK,
    NEXT_BLOCK,
    NO_MAINTENANCE,
)
from shared.turns import Job

FIRST_EXPORT = f"""
SELECT e.id FROM exports e
 WHERE e.service_id = :service_id AND e.ended_at IS NULL AND {EXPORT_TAKEABLE}
 ORDER BY e.id LIMIT 1
"""  # noqa: S608 - of constants

SERVICE_OF_EXPORT = f"""
SELECT e.service_id FROM exports e WHERE e.id = :export_id AND {EXPORT_TAKEABLE}
"""  # noqa: S608 - of constants

FIRST_FILE = f"""
SELECT i.id
  FROM blocks f JOIN imports i ON i.id = f.import_id
  {NEXT_BLOCK}
 WHERE f.number = 0 AND f.finished_at IS NULL AND f.size_bytes > {LARGE_FILE_BYTES}
   AND i.service_id = :service_id AND {IMPORT_TAKEABLE}
 ORDER BY i.id LIMIT 1
"""  # noqa: S608 - of constants

# No more of a data service than could be taken: nudges for the others would wake workers in vain.
DUE_EXPORTS = f"""
SELECT id FROM (
    SELECT e.id, e.service_id, e.status,
           row_number() OVER (PARTITION BY e.service_id, e.status = 'canceling' ORDER BY e.id) AS place
      FROM exports e
     WHERE e.ended_at IS NULL AND e.due_at <= clock_timestamp()
       AND (e.leased_until IS NULL OR e.leased_until <= clock_timestamp())
) waiting
 WHERE status = 'canceling'
    OR {NO_MAINTENANCE} AND place <= :service_long_jobs
       AND place + {LONG_JOBS_AT_WORK.format(service="waiting.service_id")} <= :service_long_jobs
 ORDER BY id LIMIT :limit
"""  # noqa: S608 - of constants

# One claim at a time for each data service, so that two cannot both find room for one more.
LOCK_SERVICE_OF_EXPORT = """
SELECT s.id FROM data_services s
 WHERE s.id = (SELECT service_id FROM exports WHERE id = :export_id)
   FOR NO KEY UPDATE
"""


def due_exports(session: Session, bounds: Bounds, *, limit: int) -> list[int]:
    """Ids of exports that a worker should look at now, oldest first."""
    return list(session.scalars(text(DUE_EXPORTS), asdict(bounds) | {"limit": limit}))


def first_export(session: Session, service_id: int, bounds: Bounds) -> int | None:
    """The data service's oldest export that a worker may take now."""
    given = asdict(bounds) | {"service_id": service_id}
    return session.execute(text(FIRST_EXPORT), given).scalar_one_or_none()


def service_of_export(session: Session, export_id: int, bounds: Bounds) -> int | None:
    """Whose export it is, if a worker may take it now; else None."""
    given = asdict(bounds) | {"export_id": export_id}
    return session.execute(text(SERVICE_OF_EXPORT), given).scalar_one_or_none()


def waiting(session: Session, service_id: int, bounds: Bounds) -> list[Job]:
    """The data service's oldest export and its oldest large file that a worker may take now."""
    given = asdict(bounds) | {"service_id": service_id}
    export_id = first_export(session, service_id, bounds)
    import_id = session.execute(text(FIRST_FILE), given).scalar_one_or_none()
    files = [] if import_id is None else [Job("import", import_id)]
    return files if export_id is None else [*files, Job("export", export_id)]


def is_long(block_number: int, size_bytes: int) -> bool:
    """Whether the block is a large file to be cut."""
    return block_number == 0 and size_bytes > LARGE_FILE_BYTES
