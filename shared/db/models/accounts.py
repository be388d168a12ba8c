"""Who may ask for tokens of the Liquid Decisions door, and the tokens they hold. Only hashes are kept."""

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Integer, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.models.base import Base


class User(Base):
    """A person, by e-mail address in lower case."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    def __repr__(self) -> str:
        return f"User(id={self.id})"


class UserCommunity(Base):
    """A data service that a user has been granted."""

    __tablename__ = "user_communities"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    service_id: Mapped[int] = mapped_column(
        ForeignKey("data_services.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class OAuthClient(Base):
    """A program that asks for tokens, for itself or for a user."""

    __tablename__ = "oauth_clients"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    secret_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    def __repr__(self) -> str:
        return f"OAuthClient(id={self.id!r})"


class OAuthClientCommunity(Base):
    """A data service that a client may reach without a user."""

    __tablename__ = "oauth_client_communities"

    client_id: Mapped[str] = mapped_column(
        ForeignKey("oauth_clients.id", ondelete="CASCADE"), primary_key=True
    )
    service_id: Mapped[int] = mapped_column(
        ForeignKey("data_services.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class OAuthToken(Base):
    """An access token and the refresh token given with it; `family` ties what comes from one login."""

    __tablename__ = "oauth_tokens"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    family: Mapped[str] = mapped_column(index=True)
    access_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    refresh_sha256: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str | None] = mapped_column(
        ForeignKey("oauth_clients.id", ondelete="CASCADE"), index=True
    )
    # None until a community is chosen.
    service_id: Mapped[int | None] = mapped_column(
        ForeignKey("data_services.id", ondelete="CASCADE"), index=True
    )
    scope: Mapped[str]
    issued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    access_expires_at: Mapped[datetime]
    refresh_expires_at: Mapped[datetime | None]
    refreshed_at: Mapped[datetime | None]  # when its refresh token was used
    revoked_at: Mapped[datetime | None]


class LoginFailures(Base):
    """How often an account or an address has lately tried to log in without success, by a hash."""

    __tablename__ = "login_failures"

    subject: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)  # those that are still being judged counted
    decided: Mapped[int] = mapped_column(Integer, server_default="0")
    last_at: Mapped[datetime] = mapped_column(index=True)
    blocked_until: Mapped[datetime]


class KnownLogin(Base):
    """That an account has logged in from an address, by the hash of both."""

    __tablename__ = "known_logins"

    place: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    last_at: Mapped[datetime] = mapped_column(index=True)
