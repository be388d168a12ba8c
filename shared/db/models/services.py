"""Tenants: data services, their signing secrets and their collections."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Integer, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.models.base import Base


class DataService(Base):
    """A tenant."""

    __tablename__ = "data_services"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ServiceUsage(Base):
    """What a data service uses; without a row, nothing. Triggers keep it."""

    __tablename__ = "service_usage"

    service_id: Mapped[int] = mapped_column(
        ForeignKey("data_services.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    stored_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")


class ImportCount(Base):
    """How many imports that are listed a data service has with ids of one range. Triggers keep it."""

    __tablename__ = "import_counts"

    service_id: Mapped[int] = mapped_column(
        ForeignKey("data_services.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    id_range: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)  # id / 4096
    imports: Mapped[int]


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
    key: Mapped[str | None]  # the property that is the document's id, for item types
    category: Mapped[str] = mapped_column(server_default="entity")  # of items, as their headers tell it
    # The item type's fields in order, each {"name": ..., "type": ...}; None where it has no schema.
    fields: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
