"""Maintenance, which is of the whole service and no tenant's."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, func, true
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.models.base import Base


class Maintenance(Base):
    """The one row that is there while workers may begin nothing."""

    __tablename__ = "maintenance"
    __table_args__ = (CheckConstraint("is_on", name="one"),)

    is_on: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=true())
    began_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reason: Mapped[str | None]  # for people, as the operator gave it
