"""What the sweep looks at, one sweeper at a time."""

from collections.abc import Sequence

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from shared.db import uploads
from shared.db.models import StorageGarbage

_SWEEP_LOCK = 7_205_759_404


def take_turn(session: Session) -> bool:
    """Whether no other sweep is under way; holds the turn until the transaction ends."""
    took = session.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _SWEEP_LOCK})
    return bool(took.scalar_one())


def garbage(session: Session, *, limit: int) -> Sequence[int]:
    """Imports, deleted or ended long ago, whose bytes are still to be removed, oldest first."""
    found = select(StorageGarbage.import_id).order_by(StorageGarbage.deleted_at).limit(limit)
    return session.scalars(found).all()


def forget_garbage(session: Session, import_id: int) -> None:
    """The import's bytes are gone. Who had not heard of it may store more, so they are looked for again."""
    session.execute(delete(StorageGarbage).where(StorageGarbage.import_id == import_id))
    uploads.begin(session, import_id)
