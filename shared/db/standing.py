"""How the whole service stands, as its rows tell: right however many processes there are, or were.

Each count looks at so many rows at most, found by a partial index: whoever asks every few seconds costs the
same however much waits, or has ended.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.bounds import Bounds
from shared.db.takeable import IMPORT_TAKEABLE, LARGE_FILE_BYTES, NEXT_BLOCK, NO_MAINTENANCE

COUNTED = 10_000  # rows at most, of each kind
_RESUMED_READ, MOVES_READ = 100, 1_000  # imports, and moves of each
_SECONDS = 2.0

OPEN_IMPORTS = """
SELECT status AS state, count(*) FROM (
    (SELECT status FROM imports WHERE status IN ('resumed', 'running', 'started') ORDER BY id LIMIT :counted)
    UNION ALL
    (SELECT status FROM imports WHERE status = 'canceling' ORDER BY id LIMIT :counted)
) open GROUP BY status
"""

# From import to block, and never over all blocks: of each import the next ones only.
UNFINISHED_BLOCKS = """
SELECT state, count(*) FROM (
    SELECT CASE WHEN b.leased_until > clock_timestamp() THEN 'leased'
                WHEN b.leased_until IS NOT NULL THEN 'abandoned'
                WHEN b.due_at > clock_timestamp() THEN 'delayed'
                ELSE 'waiting' END AS state
      FROM (SELECT id FROM imports WHERE status IN ('resumed', 'running', 'started')
             ORDER BY id LIMIT :counted) i
     CROSS JOIN LATERAL (
           SELECT leased_until, due_at FROM blocks
            WHERE import_id = i.id AND finished_at IS NULL ORDER BY number LIMIT :counted) b
     LIMIT :counted
) unfinished GROUP BY state
"""

# Work that waits for nothing but a free worker; one that runs has been begun. The last move of an import that
# was resumed is that one; of one that was moved oftener than is read here nothing is told.
OLDEST_STARTED_IMPORT = f"""
SELECT clock_timestamp() - min(waiting.since) FROM (
    (SELECT id, started_at AS since FROM imports WHERE status = 'started' ORDER BY id LIMIT :counted)
    UNION ALL
    (SELECT i.id, moved.since
       FROM (SELECT id FROM imports WHERE status = 'resumed' ORDER BY id LIMIT {_RESUMED_READ}) i
      CROSS JOIN LATERAL (
            SELECT max(at) AS since
              FROM (SELECT at FROM import_events WHERE import_id = i.id LIMIT {MOVES_READ}) moves
            HAVING count(*) < {MOVES_READ}) moved)
) waiting JOIN imports i ON i.id = waiting.id {NEXT_BLOCK} WHERE {IMPORT_TAKEABLE}
"""  # noqa: S608 - of constants

# Blocks that workers have or could take now: of an import whose order matters the next one, of another import
# as many as it may have workers.
_BLOCKS_IN_TURN = f"""
    SELECT i.service_id, b.number = 0 AND b.size_bytes > {LARGE_FILE_BYTES} AS is_long
      FROM (SELECT id, service_id, is_ordered FROM imports
             WHERE status IN ('resumed', 'running', 'started') ORDER BY id LIMIT :counted) i
     CROSS JOIN LATERAL (
           (SELECT number, size_bytes, due_at, leased_until FROM blocks
             WHERE i.is_ordered AND import_id = i.id AND finished_at IS NULL ORDER BY number LIMIT 1)
           UNION ALL
           (SELECT number, size_bytes, due_at, leased_until FROM blocks
             WHERE NOT i.is_ordered AND import_id = i.id AND finished_at IS NULL
             ORDER BY number LIMIT :import_workers)) b
     WHERE b.leased_until IS NOT NULL OR b.due_at <= clock_timestamp()
     LIMIT :counted
"""  # noqa: S608 - of constants

WANTED_PROCESSES = f"""
SELECT coalesce(sum(least(short + least(long, :service_long_jobs), CAST(:service_workers AS integer))), 0)
  FROM (
    SELECT count(*) FILTER (WHERE NOT is_long) AS short, count(*) FILTER (WHERE is_long) AS long
      FROM (
        ({_BLOCKS_IN_TURN})
        UNION ALL
        (SELECT service_id, true FROM exports
          WHERE ended_at IS NULL AND (leased_until IS NOT NULL OR due_at <= clock_timestamp())
          ORDER BY id LIMIT :counted)) turns
     WHERE {NO_MAINTENANCE}
     GROUP BY service_id) by_service
"""  # noqa: S608 - of constants

OPEN_EXPORTS = """
SELECT status AS state, count(*) FROM (
    SELECT status FROM exports WHERE ended_at IS NULL ORDER BY id LIMIT :counted
) open GROUP BY status
"""

OPEN_MAILS = """
SELECT count(*), clock_timestamp() - min(created_at) FROM (
    SELECT created_at FROM notifications
     WHERE sent_at IS NULL AND given_up_at IS NULL ORDER BY due_at LIMIT :counted
) open
"""

BLOCK_STATES = ("leased", "abandoned", "delayed", "waiting")
IMPORT_STATES = ("started", "running", "resumed", "canceling")
EXPORT_STATES = ("accepted", "processing", "canceling")

MAINTENANCE = "SELECT EXISTS (SELECT FROM maintenance)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What waits and what is at work, of each kind up to `COUNTED`."""

    imports: dict[str, int]  # by status, of those that a worker has or may take
    blocks: dict[str, int]  # of these imports, unfinished, by state
    exports: dict[str, int]  # by status, of those that have not ended
    mails: int  # that are not sent
    oldest_started_import_seconds: float  # or resumed; 0 where none waits for nothing but a worker
    oldest_mail_seconds: float
    wanted_processes: int  # of workers: that have something to do, or could take it now
    is_on_maintenance: bool


def look(session: Session, bounds: Bounds) -> Standing:
    """How it stands now, where no more than `bounds` may be at work.

    Takes some milliseconds; ends with DatabaseUnavailable after some seconds.
    """
    session.execute(text(f"SET LOCAL statement_timeout = {int(_SECONDS * 1000)}"))
    mails, mail_age = session.execute(text(OPEN_MAILS), {"counted": COUNTED}).one()
    bounded = asdict(bounds) | {"counted": COUNTED}
    oldest = session.execute(text(OLDEST_STARTED_IMPORT), bounded).scalar_one()
    wanted = session.execute(text(WANTED_PROCESSES), bounded).scalar_one()
    return Standing(
        imports=_counts(session, OPEN_IMPORTS, IMPORT_STATES),
        blocks=_counts(session, UNFINISHED_BLOCKS, BLOCK_STATES),
        exports=_counts(session, OPEN_EXPORTS, EXPORT_STATES),
        mails=mails,
        oldest_started_import_seconds=_seconds(oldest),
        oldest_mail_seconds=_seconds(mail_age),
        wanted_processes=int(wanted),
        is_on_maintenance=session.execute(text(MAINTENANCE)).scalar_one(),
    )


def _counts(session: Session, statement: str, states: tuple[str, ...]) -> dict[str, int]:
    """Each of the states, also those of which there is none."""
    found = {row[0]: row[1] for row in session.execute(text(statement), {"counted": COUNTED})}
    return dict.fromkeys(states, 0) | found


def _seconds(age: timedelta | None) -> float:
    return 0.0 if age is None else max(0.0, age.total_seconds())
