"""What the renderings of a job's template took, kept with its import or export.

A worker that takes the job over goes on from there: neither a pause nor a death gives a fresh budget.
Totals are noted, not differences, so that noting twice or late is safe.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.templates.budget import Spent

NOTE_OF_IMPORT = """
UPDATE imports SET rendered_items = :items, rendering_seconds = :seconds
 WHERE id = :job_id AND rendering_seconds < :seconds
"""

NOTE_OF_EXPORT = """
UPDATE exports SET rendered_items = :items, rendering_seconds = :seconds
 WHERE id = :job_id AND rendering_seconds < :seconds
"""


def note_of_import(session: Session, import_id: int, spent: Spent) -> None:
    """Keep what an import's renderings took in all."""
    _note(session, NOTE_OF_IMPORT, import_id, spent)


def note_of_export(session: Session, export_id: int, spent: Spent) -> None:
    """Keep what an export's renderings took in all its attempts."""
    _note(session, NOTE_OF_EXPORT, export_id, spent)


def _note(session: Session, statement: str, job_id: int, spent: Spent) -> None:
    if spent.items:
        session.execute(text(statement), {"job_id": job_id, **spent._asdict()})
