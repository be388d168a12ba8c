"""How long the bytes of ended jobs are stored: what is due to be removed, and that it was.

Rows outlive their bytes: they go on telling what a job did. Every statement that looks for what is due has
an index of its own, since the sweep asks every other second.
"""

from datetime import timedelta

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from shared.db.models import ExportFile

# The bytes become garbage in the transaction that says they are gone: from then on nobody looks for them,
# and the sweep removes them however often it is cut off in the middle. {kind} has the form of the index.
END_OF_KEEPING = """
WITH due AS (
    SELECT id FROM imports
     WHERE ended_at IS NOT NULL AND bytes_removed_at IS NULL AND reading IS {kind}
       AND ended_at < now() - CAST(:age AS interval)
     ORDER BY ended_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), told AS (
    UPDATE imports SET bytes_removed_at = now() FROM due WHERE imports.id = due.id RETURNING imports.id
)
INSERT INTO storage_garbage (import_id) SELECT id FROM told ON CONFLICT DO NOTHING
RETURNING import_id
"""
END_OF_KEEPING_FILES = END_OF_KEEPING.format(kind="NOT NULL")
END_OF_KEEPING_BLOCKS = END_OF_KEEPING.format(kind="NULL")

# A rejected import: there is nothing left to look into.
END_OF_KEEPING_ONE = """
WITH told AS (
    UPDATE imports SET bytes_removed_at = now()
     WHERE id = :import_id AND ended_at IS NOT NULL AND bytes_removed_at IS NULL
    RETURNING id
)
INSERT INTO storage_garbage (import_id) SELECT id FROM told ON CONFLICT DO NOTHING
"""

# How many times as many are looked at as are taken. With as many that cannot be removed, others have to wait.
_LOOKS = 100

# Files that no link leads to any longer, and what attempts may have left behind of exports that never had
# links: each of those is looked at once. Those that could not be removed come last, of so many that are due.
EXPORT_GARBAGE = """
(SELECT id, epoch
   FROM (SELECT id, epoch, due_at FROM exports
          WHERE expires_at <= now() AND files_removed_at IS NULL
          ORDER BY expires_at LIMIT :looks) due
  ORDER BY due_at LIMIT :limit)
UNION ALL
(SELECT id, epoch
   FROM (SELECT id, epoch, due_at FROM exports
          WHERE ended_at IS NOT NULL AND expires_at IS NULL AND files_removed_at IS NULL
          ORDER BY ended_at LIMIT :looks) due
  ORDER BY due_at LIMIT :limit)
"""

PUT_EXPORT_BEHIND = """
UPDATE exports SET due_at = clock_timestamp() WHERE id = :export_id AND ended_at IS NOT NULL
"""

FORGET_EXPORT = """
UPDATE exports SET files_removed_at = now(), leased_until = NULL
 WHERE id = :export_id AND ended_at IS NOT NULL
"""


def end_keeping_files(session: Session, *, days: float, limit: int) -> list[int]:
    """Batch imports that ended so many days ago: their files and blocks are garbage from now on."""
    return _end_keeping(session, END_OF_KEEPING_FILES, days, limit)


def end_keeping_blocks(session: Session, *, days: float, limit: int) -> list[int]:
    """Datastore imports that ended so many days ago: their blocks are garbage from now on."""
    return _end_keeping(session, END_OF_KEEPING_BLOCKS, days, limit)


def end_keeping(session: Session, import_id: int) -> None:
    """The bytes of this import, which has ended, are garbage from now on. Safe to repeat."""
    session.execute(text(END_OF_KEEPING_ONE), {"import_id": import_id})


def export_garbage(session: Session, *, limit: int) -> list[tuple[int, int]]:
    """Exports, each with its epoch, whose files may be stored though no link leads to them any longer."""
    given = {"limit": limit, "looks": _LOOKS * limit}
    return [(row.id, row.epoch) for row in session.execute(text(EXPORT_GARBAGE), given)]


def forget_files(session: Session, export_id: int) -> None:
    """The export's files are gone."""
    session.execute(delete(ExportFile).where(ExportFile.export_id == export_id))
    session.execute(text(FORGET_EXPORT), {"export_id": export_id})


def put_files_behind(session: Session, export_id: int) -> None:
    """The export's files cannot be removed: those of all others come first now."""
    session.execute(text(PUT_EXPORT_BEHIND), {"export_id": export_id})


def _end_keeping(session: Session, statement: str, days: float, limit: int) -> list[int]:
    return list(session.scalars(text(statement), {"age": timedelta(days=days), "limit": limit}))
