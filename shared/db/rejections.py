"""Lines that could not become documents: the first ones of an import, up to a limit, are kept."""

from collections.abc import Iterable, Sequence
from heapq import nsmallest

from sqlalchemy import insert, select, tuple_
from sqlalchemy.orm import Session

from shared.db.models import RejectedLine
from shared.instructions import Rejection, Tally


class Keeping:
    """How many more of an import's rejections are kept, as its batches are applied in order.

    Once one was not kept no later one is, whatever the limit is by then: what is kept has no gaps.
    """

    def __init__(self, limit: int, *, rejected: int, unkept: int) -> None:
        """`rejected` and `unkept` count what was committed before."""
        self._room = 0 if unkept else max(0, limit - rejected)

    def first_of(self, rejected: Sequence[Rejection]) -> Sequence[Rejection]:
        """Those of a batch that are to be kept."""
        return rejected if len(rejected) <= self._room else nsmallest(self._room, rejected)

    def note_committed(self, tally: Tally) -> None:
        """Count a batch once it is committed, and not before: it may be applied again."""
        self._room -= tally.rejected - tally.unkept


def add(session: Session, import_id: int, block_number: int, rejected: Iterable[Rejection]) -> None:
    """Keep the rejections of one block."""
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
