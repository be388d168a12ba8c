"""What an operator should know of a database server before it is relied on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

SERVER = """
SELECT current_setting('server_version') AS version,
       pg_is_in_recovery() AS is_standby,
       current_setting('fsync') = 'on' AS syncs,
       current_setting('full_page_writes') = 'on' AS writes_full_pages,
       current_setting('synchronous_commit') <> 'off' AS commits_durably,
       CAST(current_setting('max_connections') AS integer) AS max_connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       has_database_privilege(current_database(), 'TEMPORARY') AS makes_temporary_tables,
       has_database_privilege(current_database(), 'CREATE') AS makes_schemas
"""

# A worker that has nothing to do makes sweeps, and keeps the connection.
WORKERS = """
SELECT count(DISTINCT application_name) FROM pg_stat_activity
 WHERE application_name LIKE 'longshore:worker-%' AND datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server, and what this login may do there."""

    version: str
    is_standby: bool
    syncs: bool
    writes_full_pages: bool
    commits_durably: bool
    max_connections: int
    connections: int
    makes_temporary_tables: bool
    makes_schemas: bool


def examine(session: Session) -> ServerFacts:
    """The facts, now."""
    return ServerFacts(**session.execute(text(SERVER)).one()._mapping)


def connected_workers(session: Session) -> int:
    """How many worker processes have a connection; 0, too, behind a pooler that hides them."""
    return int(session.execute(text(WORKERS)).scalar_one())


def clock(session: Session) -> datetime:
    """The server's clock, also in the middle of a transaction."""
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now
