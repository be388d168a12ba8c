"""Which of the jobs that hold a worker for long may be taken now: exports, and large files to be cut.

Neither can give way in the middle, as an import does between two blocks. So no data service has more than
`at_once` of them at work, however many it has.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.turns import Job

# A smaller file is cut about as fast as a block is applied: a JSON list, the slowest, at 8 MB a second
# (one of two busy cores, 2026-11-25).
LARGE_FILE_BYTES = 16 * 1024 * 1024

_NO_MAINTENANCE = "NOT EXISTS (SELECT FROM maintenance)"

_AT_WORK = f"""(
    SELECT count(*) FROM (
        SELECT FROM exports o
         WHERE o.service_id = {{service}} AND o.status IN ('canceling', 'processing')
           AND o.leased_until > clock_timestamp()
        UNION ALL
        SELECT FROM blocks o
         WHERE o.leasing_service_id = {{service}} AND o.number = 0 AND o.size_bytes > {LARGE_FILE_BYTES}
           AND o.leased_until > clock_timestamp()
    ) at_work
)"""  # noqa: S608 - of constants

# Of an export `e`: it waits, and there is room for it.
EXPORT_TAKEABLE = f"""
    e.status IN ('accepted', 'processing') AND e.due_at <= clock_timestamp()
    AND (e.leased_until IS NULL OR e.leased_until <= clock_timestamp())
    AND {_AT_WORK.format(service="e.service_id")} < :at_once
    AND {_NO_MAINTENANCE}
"""

# Of an import `i` and its first unfinished block `b`: it waits, and there is room where its file is large.
IMPORT_TAKEABLE = f"""
    i.status IN ('resumed', 'running', 'started')
    AND (b.due_at IS NULL OR b.due_at <= clock_timestamp())
    AND (b.leased_until IS NULL OR b.leased_until <= clock_timestamp())
    AND (b.number IS NULL OR b.number > 0 OR b.size_bytes <= {LARGE_FILE_BYTES}
         OR {_AT_WORK.format(service="i.service_id")} < :at_once)
    AND {_NO_MAINTENANCE}
"""

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
  FROM blocks b JOIN imports i ON i.id = b.import_id
 WHERE b.number = 0 AND b.finished_at IS NULL AND b.size_bytes > {LARGE_FILE_BYTES}
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
    OR {_NO_MAINTENANCE} AND place <= :at_once
       AND place + {_AT_WORK.format(service="waiting.service_id")} <= :at_once
 ORDER BY id LIMIT :limit
"""  # noqa: S608 - of constants

# One claim at a time for each data service, so that two cannot both find room for one more.
LOCK_SERVICE = "SELECT id FROM data_services WHERE id = :service_id FOR NO KEY UPDATE"

LOCK_SERVICE_OF_EXPORT = """
SELECT s.id FROM data_services s
 WHERE s.id = (SELECT service_id FROM exports WHERE id = :export_id)
   FOR NO KEY UPDATE
"""

HAS_ROOM = f"SELECT {_AT_WORK.format(service=':service_id')} < :at_once"


def due_exports(session: Session, *, at_once: int, limit: int) -> list[int]:
    """Ids of exports that a worker should look at now, oldest first."""
    return list(session.scalars(text(DUE_EXPORTS), {"at_once": at_once, "limit": limit}))


def first_export(session: Session, service_id: int, *, at_once: int) -> int | None:
    """The data service's oldest export that a worker may take now."""
    given = {"service_id": service_id, "at_once": at_once}
    return session.execute(text(FIRST_EXPORT), given).scalar_one_or_none()


def service_of_export(session: Session, export_id: int, *, at_once: int) -> int | None:
    """Whose export it is, if a worker may take it now; else None."""
    given = {"export_id": export_id, "at_once": at_once}
    return session.execute(text(SERVICE_OF_EXPORT), given).scalar_one_or_none()


def waiting(session: Session, service_id: int, *, at_once: int) -> list[Job]:
    """The data service's oldest export and its oldest large file that a worker may take now."""
    given = {"service_id": service_id, "at_once": at_once}
    export_id = first_export(session, service_id, at_once=at_once)
    import_id = session.execute(text(FIRST_FILE), given).scalar_one_or_none()
    files = [] if import_id is None else [Job("import", import_id)]
    return files if export_id is None else [*files, Job("export", export_id)]


def is_long(block_number: int, size_bytes: int) -> bool:
    """Whether the block is a large file to be cut."""
    return block_number == 0 and size_bytes > LARGE_FILE_BYTES


def make_sure_of_room(session: Session, service_id: int, *, at_once: int) -> bool:
    """Whether there is room for one more, which nobody else takes before the transaction ends."""
    session.execute(text(LOCK_SERVICE), {"service_id": service_id})
    given = {"service_id": service_id, "at_once": at_once}
    return bool(session.execute(text(HAS_ROOM), given).scalar_one())
