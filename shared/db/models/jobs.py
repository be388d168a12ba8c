"""Jobs of the Liquid Decisions door: an import or an export with a name, and the mail about its end."""

import uuid
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.models.base import Base


class Export(Base):
    """A job that writes documents of a collection into files."""

    __tablename__ = "exports"
    __table_args__ = (
        Index("ix_exports_unfinished", "id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_exports_turns", "service_id", "id", postgresql_where=text("ended_at IS NULL")),
        Index(
            "ix_exports_at_work",
            "service_id",
            postgresql_where=text("status IN ('canceling', 'processing')"),
        ),
        Index(
            "ix_exports_kept_files",
            "expires_at",
            postgresql_where=text("expires_at IS NOT NULL AND files_removed_at IS NULL"),
        ),
        Index(
            "ix_exports_unlinked",
            "ended_at",
            postgresql_where=text("ended_at IS NOT NULL AND expires_at IS NULL AND files_removed_at IS NULL"),
        ),
        CheckConstraint(
            "status IN ('accepted', 'processing', 'completed', 'rejected', 'canceling', 'canceled',"
            " 'failed')",
            name="status",
        ),
        CheckConstraint(
            "(ended_at IS NOT NULL) = (status IN ('completed', 'rejected', 'canceled', 'failed'))",
            name="ended",
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("data_services.id", ondelete="CASCADE"), index=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id"), index=True)
    status: Mapped[str] = mapped_column(server_default="accepted")
    selection: Mapped[dict[str, Any]] = mapped_column(JSONB)  # which documents
    rendering: Mapped[dict[str, Any]] = mapped_column(JSONB)  # how they are written
    link_key: Mapped[bytes] = mapped_column(LargeBinary)  # signs the links to its files
    request_id: Mapped[str | None]  # of who asked for it
    traceparent: Mapped[str | None]  # of the same request, where it was traced
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ran_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]  # when its links end
    files_removed_at: Mapped[datetime | None]
    records: Mapped[int] = mapped_column(BigInteger, server_default="0")  # documents written so far
    furthest_records: Mapped[int] = mapped_column(BigInteger, server_default="0")  # in any attempt
    rendered_items: Mapped[int] = mapped_column(BigInteger, server_default="0")  # in all attempts
    rendering_seconds: Mapped[float] = mapped_column(Double, server_default="0")  # of processor time
    total_records: Mapped[int | None] = mapped_column(BigInteger)
    failure_count: Mapped[int] = mapped_column(Integer, server_default="0")
    last_error: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(Integer, server_default="0")
    cleared_epoch: Mapped[int] = mapped_column(Integer, server_default="0")  # up to here, no files are left
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    suspicions: Mapped[int] = mapped_column(Integer, server_default="0")  # workers that died since it got on
    failing_since: Mapped[datetime | None]  # the first critical failure since it got on
    worker: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    # Not to be claimed before; of one that has ended, when its files could last not be removed.
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ExportFile(Base):
    """One file of an export, numbered from 1."""

    __tablename__ = "export_files"

    export_id: Mapped[int] = mapped_column(ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str]  # as a browser saves it
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    storage_key: Mapped[str]


class BatchJob(Base):
    """What the door promised a client about one import or export."""

    __tablename__ = "batch_jobs"
    __table_args__ = (
        CheckConstraint("kind IN ('import', 'export')", name="kind"),
        Index("ix_batch_jobs_submitted", "service_id", "submitted_at"),
        Index(
            "ix_batch_jobs_chosen",
            "service_id",
            "chosen_id",
            unique=True,
            postgresql_where=text("chosen_id IS NOT NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    # What its owner calls it, where that is the `id` of another data service's job, or was chosen after the
    # job was there.
    chosen_id: Mapped[uuid.UUID | None] = mapped_column(UUID(as_uuid=True))
    service_id: Mapped[int] = mapped_column(ForeignKey("data_services.id", ondelete="CASCADE"))
    kind: Mapped[str]
    import_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("imports.id", ondelete="CASCADE"), unique=True
    )
    export_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("exports.id", ondelete="CASCADE"), unique=True
    )
    refusal: Mapped[str | None]  # why it was rejected before there was an import or export
    job_name: Mapped[str | None]
    item_type: Mapped[str | None]
    content_type: Mapped[str | None]  # in the caller's spelling
    notification_email: Mapped[str | None]
    submitted_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def told_id(self) -> uuid.UUID:
        """The id that its owner knows it by."""
        return self.chosen_id or self.id


class Notification(Base):
    """The mail about a job's end: one row a job, sent at most once.

    `sending_since` is set right before the mail is handed over. A row that stays so was cut off there:
    whether the server took it is unknown.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index(
            "ix_notifications_open",
            "due_at",
            postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL"),
        ),
    )

    job_id: Mapped[uuid.UUID] = mapped_column(
        UUID(as_uuid=True), ForeignKey("batch_jobs.id", ondelete="CASCADE"), primary_key=True
    )
    recipient: Mapped[str]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    sending_since: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
