"""Block rows: numbered without gaps, in the order in which they are registered."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared import tracing
from shared.db.models import Block, Import
from shared.errors import TooManyBlocks
from shared.lifecycle import Status
from shared.storage.receipts import StoredBytes


def register(session: Session, import_id: int, stored: StoredBytes, *, limit: int) -> int | None:
    """Give the stored bytes the import's next block number; None where it takes no more blocks.

    Concurrent callers wait for each other on the import's row, and a rollback gives the number
    back: hence no gaps.
    """
    number = session.scalars(
        update(Import)
        .where(Import.id == import_id, Import.status == Status.CONFIGURING, Import.block_count < limit)
        .values(block_count=Import.block_count + 1, total_bytes=Import.total_bytes + stored.size_bytes)
        .execution_options(synchronize_session=False)
        .returning(Import.block_count)
    ).one_or_none()
    if number is None:
        return None
    session.add(_row(import_id, number, stored))
    session.flush()
    return number


def add_file(session: Session, import_id: int, stored: StoredBytes) -> None:
    """Keep an uploaded file as block 0 of a new import, to be cut into blocks before anything else."""
    session.add(_row(import_id, 0, stored))
    session.flush()


def append(
    session: Session,
    import_id: int,
    stored: StoredBytes,
    *,
    lines_before: int,
    reading: dict[str, Any],
    limit: int,
) -> None:
    """Give bytes that were cut out of the import's file the next block number.

    `reading` is what is known of the file by now. The caller holds the import's row. Raises TooManyBlocks
    for one beyond `limit`.
    """
    number = session.scalars(
        update(Import)
        .where(Import.id == import_id)
        .values(
            block_count=Import.block_count + 1,
            total_bytes=Import.total_bytes + stored.size_bytes,
            reading=reading,
        )
        .execution_options(synchronize_session=False)
        .returning(Import.block_count)
    ).one()
    if number > limit:
        raise TooManyBlocks(limit)
    session.add(_row(import_id, number, stored, lines_before))
    session.flush()


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


def _row(import_id: int, number: int, stored: StoredBytes, lines_before: int = 0) -> Block:
    return Block(
        import_id=import_id,
        number=number,
        size_bytes=stored.size_bytes,
        lines_before=lines_before,
        sha256=stored.sha256,
        storage_key=stored.key,
        traceparent=tracing.traceparent(),
    )
