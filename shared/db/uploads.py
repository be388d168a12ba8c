"""Files that come in: whose bytes are stored before anything else tells of them.

A row is there from before the first byte on, and goes in the transaction that decides what becomes of the
file. So each moment at which an upload may break off leaves something that is found: its row, which nobody
keeps alive, or what was decided. Who ends it waits for a COMMIT that is under way.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from shared.db.models import Upload


def begin(session: Session, import_id: int, service_id: int) -> None:
    """Something may be stored for this import, which may be added later or be gone."""
    session.execute(insert(Upload).values(import_id=import_id, service_id=service_id))


def keep_alive(session: Session, import_id: int, *, size_bytes: int) -> bool:
    """The file still comes in, so much of it by now; False where it was given up meanwhile."""
    seen = {"seen_at": func.clock_timestamp(), "size_bytes": size_bytes}
    kept = update(Upload).where(Upload.import_id == import_id).values(seen).returning(Upload.import_id)
    return session.scalars(kept).one_or_none() is not None


def end(session: Session, import_id: int) -> bool:
    """The caller's transaction decides what becomes of the file; False where another one has done so."""
    ended = delete(Upload).where(Upload.import_id == import_id).returning(Upload.import_id)
    return session.scalars(ended).one_or_none() is not None


def end_silent(session: Session, import_id: int, *, silence: timedelta) -> bool:
    """The same for one that nothing was heard of for so long; False where something was."""
    ended = (
        delete(Upload).where(Upload.import_id == import_id, _is_silent(silence)).returning(Upload.import_id)
    )
    return session.scalars(ended).one_or_none() is not None


def hold(session: Session, import_id: int) -> timedelta | None:
    """For how long nothing was heard of the import's upload, and nothing is until the transaction ends.

    None where it has none, or none any longer.
    """
    since = select(func.clock_timestamp() - Upload.seen_at).where(Upload.import_id == import_id)
    return session.scalars(since.with_for_update()).one_or_none()


def is_there(session: Session, import_id: int) -> bool:
    """Whether the import's file may still come."""
    return session.get(Upload, import_id) is not None


def silent(session: Session, *, silence: timedelta, limit: int) -> list[int]:
    """The imports of uploads that nothing was heard of for so long."""
    found = select(Upload.import_id).where(_is_silent(silence))
    return list(session.scalars(found.order_by(Upload.seen_at).limit(limit)))


def _is_silent(silence: timedelta) -> ColumnElement[bool]:
    return Upload.seen_at < func.clock_timestamp() - silence
