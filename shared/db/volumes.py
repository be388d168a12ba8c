"""Which volume blocks are in. Its id is made with the schema and stays, also when the volume is replaced."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.database import Database
from shared.db.models import Block, Import, StorageVolume


def id_of_volume(database: Database) -> str:
    """What the volume is marked with."""
    with database.begin() as session:
        return str(session.scalars(select(StorageVolume.id)).one())


def is_marked(session: Session) -> bool:
    """Whether the volume was ever marked."""
    return session.scalars(select(StorageVolume.marked_at)).one() is not None


def lock(session: Session) -> StorageVolume:
    """The volume; whoever else would mark it waits for the end of this transaction."""
    return session.scalars(select(StorageVolume).with_for_update()).one()


def note_marked(volume: StorageVolume) -> None:
    """It need not be marked again."""
    volume.marked_at = volume.marked_at or func.now()


def newest_keys(session: Session, limit: int) -> list[str]:
    """Keys of the blocks that were stored last, among those that are kept."""
    newest = (
        select(Block.storage_key)
        .join(Import, Import.id == Block.import_id)
        .where(Import.bytes_removed_at.is_(None))
        .order_by(Block.import_id.desc(), Block.number.desc())
        .limit(limit)
    )
    return list(session.scalars(newest))


def keys_to_come(session: Session, limit: int) -> list[str]:
    """Keys of blocks and uploaded files that are still to be applied, of the newest imports first."""
    unfinished = (
        select(Block.storage_key)
        .join(Import, Import.id == Block.import_id)
        .where(Block.finished_at.is_(None), Import.ended_at.is_(None))
        .order_by(Block.import_id.desc(), Block.number.desc())
        .limit(limit)
    )
    return list(session.scalars(unfinished))
