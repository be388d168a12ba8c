"""The rows that people think about, as typed models. Documents have no model: they are handled in bulk."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shared.lifecycle import FINAL, RUNNABLE, Status


def _in(statuses: frozenset[Status]) -> str:
    return "status IN ({})".format(", ".join(f"'{status}'" for status in sorted(statuses)))


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        str: Text,
        datetime: TIMESTAMP(timezone=True),
        list[str]: ARRAY(Text),
    }


class DataService(Base):
    """A tenant."""

    __tablename__ = "data_services"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SigningSecret(Base):
    """A key that signs tokens of a data service. Several may be active at once, for rotation."""

    __tablename__ = "signing_secrets"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("data_services.id", ondelete="CASCADE"), index=True)
    secret: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None]

    def __repr__(self) -> str:
        return f"SigningSecret(id={self.id}, service_id={self.service_id})"


class Collection(Base):
    """A path inside a data service under which documents are kept."""

    __tablename__ = "collections"
    __table_args__ = (UniqueConstraint("service_id", "path"),)

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("data_services.id", ondelete="CASCADE"))
    path: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Import(Base):
    """A job that applies blocks to a collection: configuration, status, counters, times."""

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_service_id_id", "service_id", "id"),
        # The sweep looks for work among few rows, however many finished imports there are.
        Index("ix_imports_runnable", "id", postgresql_where=text(_in(RUNNABLE))),
        CheckConstraint(_in(frozenset(Status)), name="status"),
        CheckConstraint(f"(ended_at IS NOT NULL) = ({_in(FINAL)})", name="ended"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("data_services.id", ondelete="CASCADE"))
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"))
    strategies: Mapped[list[str]]
    status: Mapped[str] = mapped_column(server_default=Status.CONFIGURING)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    ran_at: Mapped[datetime | None]  # the first moment of running
    ended_at: Mapped[datetime | None]
    failure_count: Mapped[int] = mapped_column(Integer, server_default="0")  # critical failures
    last_error: Mapped[str | None]
    created_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    updated_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    deleted_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    skipped_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rejected_documents: Mapped[int] = mapped_column(BigInteger, server_default="0")
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
    """One numbered, immutable NDJSON body of an import, and who works on it.

    A block is claimable when it is not finished, due, and its lease is free or has run out.
    `epoch` grows with each claim: a worker that holds an older one can commit nothing.
    """

    __tablename__ = "blocks"
    __table_args__ = (
        Index("ix_blocks_unfinished", "import_id", "number", postgresql_where=text("finished_at IS NULL")),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # from 1
    size_bytes: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    storage_key: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    checkpoint_offset: Mapped[int] = mapped_column(Integer, server_default="0")  # first byte not applied
    checkpoint_line: Mapped[int] = mapped_column(Integer, server_default="0")  # last line applied
    epoch: Mapped[int] = mapped_column(Integer, server_default="0")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")  # claims since the last checkpoint
    worker: Mapped[str | None]  # who held the lease last
    leased_until: Mapped[datetime | None]
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


class StorageGarbage(Base):
    """Bytes of a deleted import that are still to be removed from block storage."""

    __tablename__ = "storage_garbage"

    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    deleted_at: Mapped[datetime] = mapped_column(server_default=func.now())
