"""What a data service may have at most, decided in the transaction that would take more.

Of several requests for one data service, each waits for those before it: no two take the last place.
"""

from datetime import timedelta
from math import ceil

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import TooManyJobs, TooManyOpenImports, TooManyStoredBytes

HOLD_SERVICE = "SELECT id FROM data_services WHERE id = :service_id FOR NO KEY UPDATE"

# Counts no further than the limit, in an index that has open imports only.
OPEN_IMPORTS = """
SELECT count(*) FROM (
    SELECT FROM imports WHERE service_id = :service_id AND ended_at IS NULL LIMIT :limit
) AS open
"""

# The job that has to be an hour old before there is room for another; seconds until it is.
WAIT_FOR_JOBS = """
SELECT extract(epoch FROM submitted_at + interval '1 hour' - now()) FROM batch_jobs
 WHERE service_id = :service_id AND submitted_at > now() - interval '1 hour'
 ORDER BY submitted_at DESC OFFSET :limit - 1 LIMIT 1
"""

# Kept by the database's triggers, see the migration of the stored bytes.
STORED_BYTES = "SELECT stored_bytes FROM service_usage WHERE service_id = :service_id"

# What is kept, and what has come of an upload and of those before it that were heard of just now.
STORED_AND_COMING = """
SELECT coalesce((SELECT stored_bytes FROM service_usage WHERE service_id = :service_id), 0)
     + coalesce((SELECT sum(size_bytes) FROM uploads
                  WHERE service_id = :service_id AND import_id <= :import_id
                    AND seen_at > clock_timestamp() - CAST(:silence AS interval)), 0)
"""


def hold(session: Session, service_id: int) -> None:
    """Let no other request add an import or a batch job to the data service until the transaction ends."""
    session.execute(text(HOLD_SERVICE), {"service_id": service_id})


def admit_import(session: Session, service_id: int, limit: int) -> None:
    """Let the caller's transaction add one import. Raises TooManyOpenImports."""
    hold(session, service_id)
    given = {"service_id": service_id, "limit": limit}
    if session.execute(text(OPEN_IMPORTS), given).scalar_one() >= limit:
        raise TooManyOpenImports(limit)


def admit_job(session: Session, service_id: int, limit: int) -> None:
    """Let the caller's transaction add one batch job, whatever becomes of it. Raises TooManyJobs."""
    hold(session, service_id)
    given = {"service_id": service_id, "limit": limit}
    wait_seconds = session.execute(text(WAIT_FOR_JOBS), given).scalar_one_or_none()
    if wait_seconds is not None:
        raise TooManyJobs(limit, max(1, ceil(wait_seconds)))


def stored_bytes(session: Session, service_id: int) -> int:
    """Size of the data service's blocks, uploaded files and export files that are kept."""
    return int(session.execute(text(STORED_BYTES), {"service_id": service_id}).scalar_one_or_none() or 0)


def room_bytes(session: Session, service_id: int, limit_bytes: int) -> int:
    """How many bytes more may be stored as it looks now, at least 1. Raises TooManyStoredBytes."""
    room = limit_bytes - stored_bytes(session, service_id)
    if room <= 0:
        raise TooManyStoredBytes(limit_bytes)
    return room


def has_room_for_upload(
    session: Session, service_id: int, import_id: int, limit_bytes: int, *, silence: timedelta
) -> bool:
    """Whether there is room for what has come of the import's file, beside what comes in of files before it.

    Of files that find no room together only the latest are told so. Of which nothing was heard for `silence`
    counts no longer: it may have broken off.
    """
    given = {"service_id": service_id, "import_id": import_id, "silence": silence}
    return int(session.execute(text(STORED_AND_COMING), given).scalar_one()) <= limit_bytes


def admit_stored(session: Session, service_id: int, limit_bytes: int) -> None:
    """Let the caller's transaction keep what it has just added. Raises TooManyStoredBytes: roll it back then.

    Adding has counted it and holds the count until the transaction ends.
    """
    if stored_bytes(session, service_id) > limit_bytes:
        raise TooManyStoredBytes(limit_bytes)
