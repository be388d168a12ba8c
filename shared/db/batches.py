"""A batch made ready for the database, while the one before it is being applied, and then written."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from shared.db import documents, fates
from shared.db.copying import encode
from shared.db.failures import translated
from shared.errors import BatchRefused
from shared.fates import Fates, compose
from shared.folding import fold
from shared.hidden_nul import without_hidden_nul
from shared.instructions import CREATING, MERGING, Batch, Operation, Rejection, Tally
from shared.long_fractions import without_long_fractions

# Straight into the collection goes what follows a batch of which at least this share of documents was new.
DIRECT_FROM = 1.0
# Before it is written, what follows a batch is looked at of which a smaller share of documents changed.
LOOKS_FIRST_BELOW = 0.5


class Uniform(NamedTuple):
    """A batch whose lines all ask for the same: the fast road."""

    batch: Batch
    operation: Operation
    encoded: bytes
    rows: int
    repeated: list[str]
    are_scalars: bool  # where properties may be merged: of every row each property


class Mixed(NamedTuple):
    """A batch whose lines ask for different things, or for deleting."""

    batch: Batch
    fates: Mapping[str, Fates]


Work = Uniform | Mixed


def prepare(batch: Batch, collection_id: int) -> Work:
    """What the batch sends to the database."""
    batch = without_hidden_nul(batch)
    asked = {instruction.operation for instruction in batch.instructions}
    if len(asked) > 1 or Operation.DELETE in asked:
        return Mixed(batch, compose(batch.instructions))
    operation = asked.pop() if asked else Operation.CREATE
    rows, repeated = fold(batch.instructions, operation)
    are_scalars = operation in MERGING and _are_scalars(rows)
    return Uniform(batch, operation, encode(collection_id, rows), len(rows), repeated, are_scalars)


def _are_scalars(rows: Sequence[tuple[str, bytes]]) -> bool:
    # Brackets in texts only make it slower. All rows at once, since a call for each would cost more.
    properties = b"".join([given for _, given in rows])
    return b"[" not in properties and properties.count(b"{") == len(rows)


class Written(NamedTuple):
    """What became of a batch."""

    tally: Tally
    rejections: list[Rejection]


class BatchWriter:
    """Writes the batches of one block, straight into the collection while documents are new."""

    def __init__(self, collection_id: int) -> None:
        self._collection_id = collection_id
        # Shares of the last batch's documents; a first one is taken to be new.
        self._new = self._changed = 1.0

    def write(self, session: Session, work: Work) -> Tally:
        """Apply the batch in the caller's transaction; returns the outcome of its lines."""
        if isinstance(work, Mixed):
            return self._write_mixed(session, work)
        return tally_of(work.batch, work.operation, self._write_uniform(session, work))

    def write_carefully(self, session: Session, batch: Batch, on_part: Callable[[], None]) -> "Written":
        """The same for a batch in which the database refuses something: its lines are rejected alone.

        Numbers are the usual cause and can be told by looking; what else there is, is found by halving.
        All in the caller's transaction, so that batches end where they end undisturbed. `on_part` is
        called before each attempt: with many refusals there are many.
        """
        return self._write_halves(session, without_long_fractions(batch), on_part)

    def _write_halves(self, session: Session, batch: Batch, on_part: Callable[[], None]) -> "Written":
        on_part()
        try:
            with translated(), session.begin_nested():
                work = prepare(batch, self._collection_id)
                return Written(self.write(session, work), work.batch.rejections)
        except BatchRefused as refusal:
            if not batch.instructions:
                raise
            if len(batch.instructions) == 1:
                refused = batch.with_rejected(batch.instructions, "refused_by_database", f"{refusal}.")
                return self._write_halves(session, refused, on_part)
        first, second = (self._write_halves(session, half, on_part) for half in batch.halves())
        return Written(first.tally + second.tally, [*first.rejections, *second.rejections])

    def _write_uniform(self, session: Session, work: Uniform) -> int:
        if not work.rows:
            return 0
        creates = work.operation in CREATING
        if creates and self._new >= DIRECT_FROM and documents.create_directly(session, work.encoded):
            return work.rows
        affected, written = documents.write(
            session,
            work.encoded,
            operation=work.operation,
            repeated=work.repeated,
            looks_first=self._changed < LOOKS_FIRST_BELOW,
            are_scalars=work.are_scalars,
        )
        self._new, self._changed = affected / work.rows, written / work.rows
        return affected

    def _write_mixed(self, session: Session, work: Mixed) -> Tally:
        outcomes: Counter[str] = Counter()
        for fate in fates.write_fates(session, self._collection_id, work.fates):
            outcomes += fate.outcomes
        unnamed = sum(instruction.documentid is None for instruction in work.batch.instructions)
        outcomes["skipped"] += unnamed
        return Tally(**outcomes, rejected=len(work.batch.rejections))


def tally_of(batch: Batch, operation: Operation, affected: int) -> Tally:
    """The outcome of each line; `affected` is what `documents.write` returns."""
    rejected, others = len(batch.rejections), len(batch.instructions) - affected
    if operation is Operation.UPDATE:
        return Tally(updated=affected, skipped=others, rejected=rejected)
    if operation is Operation.CREATE:
        return Tally(created=affected, skipped=others, rejected=rejected)
    return Tally(created=affected, updated=others, rejected=rejected)
