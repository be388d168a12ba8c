"""Which version the schema has, and which one this release needs. `migrate` leads from one to the other.

Versions are numbers of four digits. A schema that a later release has brought further serves this one, too.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def is_migrated(database: Database) -> bool:
    """Whether the schema has the version that this release needs, or a later one."""
    with database.begin() as session:
        return has_reached(current_version(session), newest_version())


def current_version(session: Session) -> str | None:
    """The schema's version; None for an empty database."""
    if session.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    return session.execute(text("SELECT version_num FROM alembic_version")).scalar()


@cache
def newest_version() -> str:
    """The version that this release brings: each migration's file begins with its own."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def has_reached(current: str | None, wanted: str) -> bool:
    """Whether a schema of the version `current` has all that `wanted` brings."""
    return current is not None and current >= wanted
