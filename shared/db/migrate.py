"""The schema's way to its newest version, one process at a time, while workers of the release before go on.

Each migration is a transaction of its own and waits for its locks only briefly: whoever needs the same table
waits behind a statement that waits, so that one long transaction would bring everybody to a standstill.
What migrations may do is told beside them (migrations/README.md).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.database import Database
from shared.db.queries.reader import Reader, ensure_reader
from shared.db.server import require_usable_server
from shared.db.versions import MIGRATIONS, current_version, has_reached, newest_version
from shared.errors import ConflictOfTransactions, SchemaBusy

# Any number, the same in every release: whoever migrates holds this lock until COMMIT.
_MIGRATION_LOCK = 7_205_759_403

_LOOK_SECONDS = 0.2

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPatience:
    """How long a migration tries to get the locks that it needs."""

    lock_seconds: float = 1.0  # in which others wait behind it
    pause_seconds: float = 3.0  # in which they go on
    attempts: int = 75  # five minutes


PATIENCE = LockPatience()

# What may stand in a migration's way. A pooled connection that does nothing has no transaction.
OLDEST_TRANSACTIONS = """
SELECT pid, CASE backend_type WHEN 'autovacuum worker' THEN 'autovacuum' ELSE application_name END AS name,
       CAST(extract(epoch FROM clock_timestamp() - xact_start) AS integer) AS seconds
  FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
   AND backend_type IN ('client backend', 'autovacuum worker')
   AND xact_start IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_locks l
                    WHERE l.pid = pg_stat_activity.pid AND l.locktype = 'advisory' AND l.granted
                      AND l.classid = :lock_high AND l.objid = :lock_low)
 ORDER BY xact_start LIMIT 3
"""


def _silent(_: str) -> None:
    """Reports to nobody."""


def migrate(
    database: Database, *, to: str = "head", patience: LockPatience = PATIENCE, report: Report = _silent
) -> str:
    """Bring the schema to the newest version, one migration after the other, and return the version.

    Calling it again, or from several processes at once, is safe: the others wait and find it done. A schema
    that a later release has brought further is left as it is. Uses two connections. Raises DatabaseUnusable,
    with nothing done, where the server is too old, and SchemaBusy, with the migrations before it done, for
    one that gets no locks; it may be run again at any time.
    """
    with _turn(database, report):
        for version in _pending(database, to):
            _upgrade_patiently(database, version, patience, report)
        with database.begin() as session:
            return current_version(session) or ""


def prepare_reader(database: Database, reader: Reader) -> None:
    """Make the role that runs clients' queries, or bring it up to date. Raises ReaderRefused.

    A step of its own: where the database's owner may make no roles, everything else works without.
    """
    with _turn(database, _silent) as session:
        ensure_reader(session, reader)


@contextmanager
def _turn(database: Database, report: Report) -> Iterator[Session]:
    """Nobody else migrates while the body runs.

    The lock is a transaction's, since a session's does not survive a pooler. Who waits for it asks again and
    again: a statement that waited would have a snapshot, and an index that is made concurrently waits until
    older snapshots are gone.
    """
    is_first_look = True
    while True:
        with database.begin() as session:
            require_usable_server(session)
            if _take_turn(session):
                yield session
                return
        if is_first_look:
            report("Another process migrates: waiting until it has finished.")
        is_first_look = False
        time.sleep(_LOOK_SECONDS)


def _take_turn(session: Session) -> bool:
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    took = session.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    return bool(took.scalar_one())


def _pending(database: Database, to: str) -> list[str]:
    """Versions that are still to come, in order."""
    script = ScriptDirectory.from_config(_config())
    with database.begin() as session:
        current = current_version(session)
    if has_reached(current, newest_version()):
        return []
    return [step.revision for step in script.iterate_revisions(to, current or "base")][::-1]


def _upgrade_patiently(database: Database, version: str, patience: LockPatience, report: Report) -> None:
    for attempts_left in reversed(range(patience.attempts)):
        try:
            return _upgrade(database, version, patience.lock_seconds)
        except ConflictOfTransactions as conflict:
            if not attempts_left:
                raise SchemaBusy(version, _oldest_transactions(database)) from conflict
            if attempts_left == patience.attempts - 1:
                report(f"Version {version} needs a table that is in use: trying again and again.")
        time.sleep(patience.pause_seconds)
    return None


def _upgrade(database: Database, version: str, lock_seconds: float) -> None:
    config = _config()
    with database.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["lock_timeout"] = f"{round(lock_seconds * 1000)}ms"
        command.upgrade(config, version)


def _oldest_transactions(database: Database) -> list[str]:
    given = {"lock_high": _MIGRATION_LOCK >> 32, "lock_low": _MIGRATION_LOCK & 0xFFFFFFFF}
    with database.begin() as session:
        found = session.execute(text(OLDEST_TRANSACTIONS), given)
        return [f"{row.name or 'unnamed'} (pid {row.pid}, {row.seconds} s)" for row in found]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
