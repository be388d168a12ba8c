"""What the sweep looks at, one sweeper at a time."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Removal, StorageGarbage

_SWEEP_LOCK = 7_205_759_404
_REMOVAL_LOCK = 7_205_759_407


def take_turn(session: Session) -> bool:
    """Whether no other sweep is under way; holds the turn until the transaction ends."""
    return _take(session, _SWEEP_LOCK)


def take_removing_turn(session: Session) -> bool:
    """Whether nobody else removes bytes now; holds the turn until the transaction ends.

    Apart from the other: block storage that answers slowly keeps one worker busy, and no sweep from nudging.
    """
    return _take(session, _REMOVAL_LOCK)


def garbage(session: Session, *, limit: int) -> Sequence[int]:
    """Imports, deleted or ended long ago, whose bytes are still to be removed, longest waiting first."""
    found = select(StorageGarbage.import_id).order_by(StorageGarbage.deleted_at).limit(limit)
    return session.scalars(found).all()


def forget_garbage(session: Session, import_id: int) -> None:
    """The import's bytes are gone."""
    session.execute(delete(StorageGarbage).where(StorageGarbage.import_id == import_id))
    again = {"removed_at": func.clock_timestamp()}
    noted = insert(Removal).values(import_id=import_id)
    session.execute(noted.on_conflict_do_update(index_elements=[Removal.import_id], set_=again))


def put_garbage_behind(session: Session, import_id: int) -> None:
    """The import's bytes cannot be removed: all other garbage comes first now."""
    last = update(StorageGarbage).where(StorageGarbage.import_id == import_id)
    session.execute(last.values(deleted_at=func.clock_timestamp()))


def removed(session: Session, *, age: timedelta, limit: int) -> Sequence[int]:
    """Imports whose bytes were removed so long ago that nobody stores more behind them, oldest first."""
    found = select(Removal.import_id).where(_is_older(age))
    return session.scalars(found.order_by(Removal.removed_at).limit(limit)).all()


def forget_removal(session: Session, import_id: int, *, age: timedelta) -> None:
    """What was stored behind a removal so long ago is gone, too."""
    session.execute(delete(Removal).where(Removal.import_id == import_id, _is_older(age)))


def put_removal_behind(session: Session, import_id: int, *, age: timedelta) -> None:
    """What was stored behind a removal so long ago cannot be removed: all others of these come first now."""
    last = update(Removal).where(Removal.import_id == import_id, _is_older(age))
    session.execute(last.values(removed_at=func.clock_timestamp() - age))


def _is_older(age: timedelta) -> ColumnElement[bool]:
    return Removal.removed_at < func.clock_timestamp() - age


def _take(session: Session, lock: int) -> bool:
    took = session.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock})
    return bool(took.scalar_one())
