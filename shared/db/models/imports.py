"""Imports, their blocks and what became of their lines."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    false,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shared.db.models.base import Base
from shared.db.models.services import Collection
from shared.lifecycle import FINAL, RUNNABLE, Status


def _in(statuses: frozenset[Status]) -> str:
    return "status IN ({})".format(", ".join(f"'{status}'" for status in sorted(statuses)))


_KEPT = "ended_at IS NOT NULL AND bytes_removed_at IS NULL"


class Import(Base):
    """A job that applies blocks to a collection: configuration, status, counters, times."""

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_service_id_id", "service_id", "id"),
        Index("ix_imports_open", "service_id", postgresql_where=text("ended_at IS NULL")),
        # The sweep looks for work among few rows, however many finished imports there are.
        Index("ix_imports_runnable", "id", postgresql_where=text(_in(RUNNABLE))),
        # Whose turn it is: new imports of a data service before those that have begun.
        Index(
            "ix_imports_turns",
            "service_id",
            text("(status = 'running')"),
            "id",
            postgresql_where=text(_in(RUNNABLE)),
        ),
        Index("ix_imports_suspended", "id", postgresql_where=text("is_suspended")),
        Index("ix_imports_canceling", "id", postgresql_where=text("status = 'canceling'")),
        Index("ix_imports_kept_files", "ended_at", postgresql_where=text(f"{_KEPT} AND reading IS NOT NULL")),
        Index("ix_imports_kept_blocks", "ended_at", postgresql_where=text(f"{_KEPT} AND reading IS NULL")),
        CheckConstraint(_in(frozenset(Status)), name="status"),
        CheckConstraint(f"(ended_at IS NOT NULL) = ({_in(FINAL)})", name="ended"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("data_services.id", ondelete="CASCADE"))
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"))
    strategies: Mapped[list[str]]
    # Blocks are applied one after the other; else several workers take one each, in any order.
    is_ordered: Mapped[bool] = mapped_column(server_default=true())
    # How lines become instructions (`shared.formats.reading`); None for the Datastore API's NDJSON.
    reading: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    status: Mapped[str] = mapped_column(server_default=Status.CONFIGURING)
    is_suspended: Mapped[bool] = mapped_column(server_default=false())  # paused by maintenance
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    request_id: Mapped[str | None]  # of who started or resumed it last
    traceparent: Mapped[str | None]  # of the same request, where it was traced
    started_at: Mapped[datetime | None]
    ran_at: Mapped[datetime | None]  # the first moment of running
    ended_at: Mapped[datetime | None]
    bytes_removed_at: Mapped[datetime | None]  # its file and blocks are not stored any longer
    failure_count: Mapped[int] = mapped_column(Integer, server_default="0")  # critical failures
    last_error: Mapped[str | None]
    created_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    updated_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    deleted_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    skipped_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rejected_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # Of the rejected lines, those beyond the number that is kept.
    unkept_rejections: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rendered_items: Mapped[int] = mapped_column(BigInteger, server_default="0")  # by its template
    rendering_seconds: Mapped[float] = mapped_column(Double, server_default="0")  # of processor time
    block_count: Mapped[int] = mapped_column(Integer, server_default="0")
    total_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    applied_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")

    target: Mapped[Collection] = relationship(lazy="joined", innerjoin=True)

    @property
    def collection(self) -> str:
        """The path of the collection that the import writes to."""
        return self.target.path

    @property
    def percent_complete(self) -> int:
        """Applied bytes of all bytes as a whole number, 100 only when complete."""
        if self.status == Status.COMPLETE:
            return 100
        return min(99, 100 * self.applied_bytes // max(1, self.total_bytes))


class Block(Base):
    """One numbered, immutable body of an import, and who works on it. A file to be cut is block 0.

    A block is claimable when it is not finished, due, and its lease is free or has run out.
    `epoch` grows with each claim: a worker that holds an older one can commit nothing.
    """

    __tablename__ = "blocks"
    __table_args__ = (
        Index("ix_blocks_unfinished", "import_id", "number", postgresql_where=text("finished_at IS NULL")),
        Index(
            "ix_blocks_large_files",
            "import_id",
            postgresql_where=text("number = 0 AND finished_at IS NULL AND size_bytes > 16777216"),
        ),
        Index(
            "ix_blocks_leasing_service_id",
            "leasing_service_id",
            postgresql_where=text("leasing_service_id IS NOT NULL"),
        ),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # from 1
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    # How many lines of the uploaded file come before the block, which was cut out of it.
    lines_before: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    storage_key: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    traceparent: Mapped[str | None]  # of the upload, where it was traced
    checkpoint_offset: Mapped[int] = mapped_column(BigInteger, server_default="0")  # first byte not applied
    checkpoint_line: Mapped[int] = mapped_column(Integer, server_default="0")  # last line applied
    epoch: Mapped[int] = mapped_column(Integer, server_default="0")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")  # claims since the last checkpoint
    # Of these, those that point at the block: the worker died over it, or the bytes were not the stored ones.
    suspicions: Mapped[int] = mapped_column(Integer, server_default="0")
    failing_since: Mapped[datetime | None]  # the first critical failure since the last checkpoint
    worker: Mapped[str | None]  # who held the lease last
    leased_until: Mapped[datetime | None]
    leasing_service_id: Mapped[int | None]  # the import's, while it is leased and so uses a worker
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())  # not to be claimed before
    finished_at: Mapped[datetime | None]


class ImportEvent(Base):
    """One move of an import from one status to another."""

    __tablename__ = "import_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), index=True)
    event: Mapped[str]
    to_status: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class RejectedLine(Base):
    """One line that could not become a document."""

    __tablename__ = "rejections"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    block_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    line_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    line_offset: Mapped[int] = mapped_column(Integer)
    line_length: Mapped[int] = mapped_column(Integer)
    documentid: Mapped[str | None]
    code: Mapped[str]
    reason: Mapped[str]


class Upload(Base):
    """A file that comes in for an import, which may not be there yet."""

    __tablename__ = "uploads"

    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # The last sign of life. The sweep looks for old ones every other second.
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)
    service_id: Mapped[int | None]  # none of the release before tells it
    size_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")  # of it, at that moment


class Removal(Base):
    """Bytes of an import that were removed. Who had not heard of it may have stored more behind them."""

    __tablename__ = "removals"

    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    removed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)


class StorageGarbage(Base):
    """Bytes of an import, deleted or ended long ago, that are still to be removed from block storage."""

    __tablename__ = "storage_garbage"

    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    deleted_at: Mapped[datetime] = mapped_column(server_default=func.now())  # or could last not be removed
