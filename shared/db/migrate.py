"""The schema's way to its newest version, one process at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.database import Database
from shared.db.queries.reader import Reader, ensure_reader
from shared.db.server import require_usable_server

# Any number, the same in every release: whoever migrates holds this lock until COMMIT.
_MIGRATION_LOCK = 7_205_759_403


def migrate(database: Database) -> str:
    """Bring the schema to the newest version in one transaction and return that version.

    Calling it again, or from several processes at once, is safe: the others wait and find it done.
    Raises DatabaseUnusable, with nothing done, where the server is too old.
    """
    with database.begin() as session:
        require_usable_server(session)
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config = _config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
        return newest_version()


def prepare_reader(database: Database, reader: Reader) -> None:
    """Make the role that runs clients' queries, or bring it up to date. Raises ReaderRefused.

    A step of its own: where the database's owner may make no roles, everything else works without.
    """
    with database.begin() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        ensure_reader(session, reader)


def is_migrated(database: Database) -> bool:
    """Whether the schema has the version that this release needs."""
    with database.begin() as session:
        return current_version(session) == newest_version()


def current_version(session: Session) -> str | None:
    """The schema's version; None for an empty database."""
    return MigrationContext.configure(session.connection()).get_current_revision()


def newest_version() -> str:
    """The version that this release brings."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the release ships its migrations
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
