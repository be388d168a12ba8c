"""Block storage as the database knows it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, func, true
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.models.base import Base


class StorageVolume(Base):
    """The one row that tells the volume of blocks from any other."""

    __tablename__ = "storage_volume"
    __table_args__ = (CheckConstraint("is_known", name="one"),)

    is_known: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=true())
    id: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    marked_at: Mapped[datetime | None]
