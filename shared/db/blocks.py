"""Block rows: numbered without gaps, in the order in which they are registered."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.models import Block, Import
from shared.lifecycle import Status
from shared.storage.receipts import StoredBytes


def register(session: Session, import_id: int, stored: StoredBytes) -> int | None:
    """Give the stored bytes the import's next block number; None where it no longer takes blocks.

    Concurrent callers wait for each other on the import's row, and a rollback gives the number
    back: hence no gaps.
    """
    number = session.scalars(
        update(Import)
        .where(Import.id == import_id, Import.status == Status.CONFIGURING)
        .values(block_count=Import.block_count + 1, total_bytes=Import.total_bytes + stored.size_bytes)
        .execution_options(synchronize_session=False)
        .returning(Import.block_count)
    ).one_or_none()
    if number is None:
        return None
    session.add(
        Block(
            import_id=import_id,
            number=number,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            storage_key=stored.key,
        )
    )
    session.flush()
    return number


def get(session: Session, import_id: int, number: int) -> Block | None:
    """The import's block, or None."""
    return session.get(Block, (import_id, number))


def page(session: Session, import_id: int, *, number: int, size: int) -> Sequence[int]:
    """Block numbers of page `number`, from 1, ascending. They have no gaps, so a page is a range."""
    first = (number - 1) * size + 1
    found = (
        select(Block.number)
        .where(Block.import_id == import_id, Block.number.between(first, first + size - 1))
        .order_by(Block.number)
    )
    return session.scalars(found).all()
