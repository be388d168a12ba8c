"""Import rows, always looked up inside one data service.

An import of a file (it has a `reading`) belongs to a batch job, and is looked up by way of the job.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.bounds import Bounds
from shared.db import uploads
from shared.db.models import Import, StorageGarbage
from shared.db.retention import end_keeping
from shared.db.takeable import IMPORT_TAKEABLE, NEXT_BLOCK
from shared.lifecycle import Status

NEXT_ID = "SELECT nextval(pg_get_serial_sequence('imports', 'id'))"

# Imports that were to be canceled by a worker that is gone. What somebody holds is left for later.
ABANDONED_CANCELS = """
SELECT i.id FROM imports i
 WHERE i.status = 'canceling'
   AND NOT EXISTS (SELECT FROM blocks b WHERE b.import_id = i.id AND b.leased_until > clock_timestamp())
 ORDER BY i.id LIMIT :limit
   FOR NO KEY UPDATE SKIP LOCKED
"""

# Imports of files that an API of the release before, which notes no uploads, left behind.
ABANDONED_UPLOADS = """
SELECT id FROM imports
 WHERE status = 'configuring' AND reading IS NOT NULL AND created_at < now() - :age
   AND NOT EXISTS (SELECT FROM uploads WHERE import_id = imports.id)
 ORDER BY id LIMIT :limit
   FOR UPDATE SKIP LOCKED
"""

# Imports that wait for a worker or whose worker is gone. Longest waiting first by id.
DUE = f"""
SELECT i.id
  FROM imports i
{NEXT_BLOCK} WHERE {IMPORT_TAKEABLE}
 ORDER BY i.id LIMIT :limit
"""  # noqa: S608 - of constants


def add(
    session: Session, *, service_id: int, collection_id: int, strategies: list[str], is_ordered: bool
) -> Import:
    """A new import, configuring."""
    row = Import(
        service_id=service_id, collection_id=collection_id, strategies=strategies, is_ordered=is_ordered
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return row


def next_id(session: Session) -> int:
    """An id for an import that will be added later, and that no other import will have."""
    return int(session.execute(text(NEXT_ID)).scalar_one())


def add_of_file(
    session: Session, import_id: int, *, service_id: int, collection_id: int, reading: Mapping[str, Any]
) -> Import:
    """A new import of a file, configuring."""
    row = Import(
        id=import_id,
        service_id=service_id,
        collection_id=collection_id,
        strategies=["create", "update"],
        reading=dict(reading),
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return row


def get(session: Session, service_id: int, import_id: int) -> Import | None:
    """The data service's import, or None."""
    return session.scalars(_one(service_id, import_id)).one_or_none()


def lock(session: Session, service_id: int, import_id: int) -> Import | None:
    """The data service's import, held until the transaction ends; None where there is none."""
    held = _one(service_id, import_id).with_for_update(key_share=True, of=Import)
    return session.scalars(held.execution_options(populate_existing=True)).one_or_none()


def remove(session: Session, service_id: int, import_id: int) -> bool:
    """Delete the import with all that is its own and note its bytes as garbage; False where it is not."""
    # For deletion from the start: who holds a weaker lock and wants a stronger one waits for the worker whose
    # rejections refer to the import, while that one waits for it. Not the collection: who writes items holds
    # that while he waits for a document of the worker's.
    held = _one(service_id, import_id).with_for_update(of=Import)
    if session.scalars(held).one_or_none() is None:
        return False
    discard(session, import_id)
    return True


def discard(session: Session, import_id: int) -> None:
    """Delete an import of any kind, and the job it serves, and note its bytes as garbage."""
    _note_garbage(session, import_id)
    session.execute(delete(Import).where(Import.id == import_id))


def hold(session: Session, import_id: int) -> Import | None:
    """The import as it is, of whichever data service, held until the transaction ends."""
    held = select(Import).where(Import.id == import_id).with_for_update(of=Import)
    return session.scalars(held.execution_options(populate_existing=True)).one_or_none()


def abandon(session: Session, import_id: int, *, has_stored: bool) -> None:
    """End an upload, if nobody did before, and `give_up` what came of it.

    Where somebody did, what was stored since then (`has_stored`: perhaps) may not be known to anybody: its
    import is gone, or nobody looks for that one's bytes any longer.
    """
    if uploads.end(session, import_id):
        give_up(session, import_id)
    elif has_stored and _keeps_nothing(hold(session, import_id)):
        _note_garbage(session, import_id)


def give_up(session: Session, import_id: int) -> None:
    """`discard` the import of an upload; but if that was canceled before, it and its job stay so.

    One that was started stays, too: whoever gives it up may only not have heard that it was accepted.
    """
    row = hold(session, import_id)
    if row is None or row.status == Status.CONFIGURING:
        discard(session, import_id)
    elif row.status == Status.CANCELED:
        end_keeping_upload(session, import_id)


def end_keeping_upload(session: Session, import_id: int) -> None:
    """The file of a canceled import is garbage, also where what it had before was removed already."""
    end_keeping(session, import_id)
    _note_garbage(session, import_id)


def due(session: Session, bounds: Bounds, *, limit: int) -> list[int]:
    """Ids of imports that a worker should look at now, oldest first."""
    return list(session.scalars(text(DUE), asdict(bounds) | {"limit": limit}))


def abandoned_cancels(session: Session, *, limit: int) -> list[int]:
    """Ids of imports that are being canceled, with no worker left to let go of them."""
    return list(session.scalars(text(ABANDONED_CANCELS), {"limit": limit}))


def abandoned_uploads(session: Session, *, older_than: timedelta, limit: int) -> list[int]:
    """Ids of imports whose file never came to its end."""
    return list(session.scalars(text(ABANDONED_UPLOADS), {"age": older_than, "limit": limit}))


def _keeps_nothing(row: Import | None) -> bool:
    return row is None or row.bytes_removed_at is not None


def _note_garbage(session: Session, import_id: int) -> None:
    # It may be garbage already, where its bytes are kept no longer and not yet removed.
    session.execute(insert(StorageGarbage).values(import_id=import_id).on_conflict_do_nothing())


def _one(service_id: int, import_id: int) -> Select[Import]:
    return select(Import).where(
        Import.id == import_id, Import.service_id == service_id, Import.reading.is_(None)
    )
