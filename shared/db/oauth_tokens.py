"""Tokens of the Liquid Decisions door, always looked up by the hash of what the caller showed."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, delete, func, select, text, update
from sqlalchemy.orm import Session

from shared.db.accounts import is_granted
from shared.db.models import DataService, OAuthToken, User

# Without turns, a theft could be noticed while the thief refreshes: the new token would stay good.
TAKE_TURN = """
SELECT pg_advisory_xact_lock(hashtextextended('oauth family ' || family, 0))
  FROM oauth_tokens WHERE refresh_sha256 = :refresh_sha256
"""


class LiveToken(NamedTuple):
    """A token that is good, whose it is, and the data service chosen for it that is still granted."""

    token: OAuthToken
    user: User | None
    service: DataService | None


def add(session: Session, token: OAuthToken) -> None:
    """Keep the token."""
    session.add(token)
    session.flush()


def live(session: Session, access_sha256: bytes, now: datetime) -> LiveToken | None:
    """The token that this access token opens now, or None."""
    granted = is_granted(OAuthToken.user_id, OAuthToken.client_id)
    found = (
        select(OAuthToken, User, DataService)
        .outerjoin(User, User.id == OAuthToken.user_id)
        .outerjoin(DataService, and_(DataService.id == OAuthToken.service_id, granted))
        .where(
            OAuthToken.access_sha256 == access_sha256,
            OAuthToken.access_expires_at > now,
            OAuthToken.revoked_at.is_(None),
        )
    )
    row = session.execute(found).one_or_none()
    return None if row is None else LiveToken(*row)


def take_turn(session: Session, refresh_sha256: bytes) -> None:
    """Wait until no one else refreshes or revokes in the family of this refresh token; lasts as long as
    the transaction."""
    session.execute(text(TAKE_TURN), {"refresh_sha256": refresh_sha256})


def spend_refresh(
    session: Session, refresh_sha256: bytes, client_id: str | None, now: datetime
) -> OAuthToken | None:
    """The client's token with this refresh token, which is good once; None where it is not good now."""
    spent = (
        update(OAuthToken)
        .where(
            OAuthToken.refresh_sha256 == refresh_sha256,
            OAuthToken.client_id.is_not_distinct_from(client_id),
            OAuthToken.refresh_expires_at > now,
            OAuthToken.refreshed_at.is_(None),
            OAuthToken.revoked_at.is_(None),
        )
        .values(refreshed_at=now)
        .returning(OAuthToken)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(spent).one_or_none()


def revoke_if_spent(session: Session, refresh_sha256: bytes, now: datetime) -> None:
    """End every token of the login that this refresh token came from, if it has been spent before."""
    spent = OAuthToken.refresh_sha256 == refresh_sha256, OAuthToken.refreshed_at.is_not(None)
    family = select(OAuthToken.family).where(*spent).scalar_subquery()
    session.execute(
        update(OAuthToken)
        .where(OAuthToken.family == family, OAuthToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )


def service_of(session: Session, token: OAuthToken) -> DataService | None:
    """The data service chosen for the token, or None."""
    return None if token.service_id is None else session.get(DataService, token.service_id)


def choose_service(session: Session, token_id: int, service_id: int) -> None:
    """From now on the token is one for this data service."""
    session.execute(update(OAuthToken).where(OAuthToken.id == token_id).values(service_id=service_id))


def forget_ended(session: Session, *, user_id: int | None, client_id: str | None, now: datetime) -> None:
    """Remove the holder's tokens that are good for nothing any more.

    A spent refresh token stays until it would have expired: until then its reuse tells of a theft.
    """
    ends_at = func.greatest(OAuthToken.access_expires_at, OAuthToken.refresh_expires_at)
    holder = (
        OAuthToken.user_id == user_id
        if user_id is not None
        else and_(OAuthToken.user_id.is_(None), OAuthToken.client_id == client_id)
    )
    session.execute(
        delete(OAuthToken).where(holder, ends_at < now).execution_options(synchronize_session=False)
    )
