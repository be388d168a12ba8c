"""Lines that could not become documents: the first ones of an import, up to a limit, are kept."""

from collections.abc import Iterable, Sequence
from heapq import nsmallest

from sqlalchemy import insert, select, text, tuple_
from sqlalchemy.orm import Session

from shared.db.models import RejectedLine
from shared.instructions import Rejection

# The import's row is held until the transaction ends: of blocks that are applied at once, each finds what
# the others have kept.
REJECTED_BEFORE = """
SELECT rejected_documents, unkept_rejections FROM imports WHERE id = :import_id FOR NO KEY UPDATE
"""


def keep(
    session: Session, import_id: int, block_number: int, rejected: Sequence[Rejection], *, limit: int
) -> int:
    """Keep those of a batch that the import has room for, the first ones; returns how many it has none for.

    Once one was not kept no later one is, whatever the limit is by then: what is kept has no gaps.
    """
    if not rejected:
        return 0
    before = session.execute(text(REJECTED_BEFORE), {"import_id": import_id}).one_or_none()
    room = 0 if before is None or before.unkept_rejections else max(0, limit - before.rejected_documents)
    kept = rejected if len(rejected) <= room else nsmallest(room, rejected)
    _add(session, import_id, block_number, kept)
    return len(rejected) - len(kept)


def page(session: Session, import_id: int, *, number: int, size: int) -> Sequence[RejectedLine]:
    """Page `number`, from 1, of the import's rejections in the order of its lines."""
    found = (
        select(RejectedLine)
        .where(RejectedLine.import_id == import_id)
        .order_by(RejectedLine.block_number, RejectedLine.line_number)
        .limit(size)
        .offset((number - 1) * size)
    )
    return session.scalars(found).all()


def after(session: Session, import_id: int, edge: tuple[int, int], *, size: int) -> Sequence[RejectedLine]:
    """Up to `size` rejections behind the block and line of `edge`; (0, 0) is before the first."""
    place = tuple_(RejectedLine.block_number, RejectedLine.line_number)
    found = (
        select(RejectedLine)
        .where(RejectedLine.import_id == import_id, place > edge)
        .order_by(RejectedLine.block_number, RejectedLine.line_number)
        .limit(size)
    )
    return session.scalars(found).all()


def _add(session: Session, import_id: int, block_number: int, rejected: Iterable[Rejection]) -> None:
    rows = [
        {
            "import_id": import_id,
            "block_number": block_number,
            "line_number": line.line_number,
            "line_offset": line.offset,
            "line_length": line.length,
            "documentid": line.documentid,
            "code": line.code,
            "reason": line.reason,
        }
        for line in rejected
    ]
    if rows:
        session.execute(insert(RejectedLine), rows)
