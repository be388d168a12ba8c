"""Access to communities: opaque tokens given after a login, refreshed, and found again by their hashes."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.usecases.accounts import Client, User, spell_community
from api.usecases.services import Service
from shared.db import accounts, oauth_tokens
from shared.db.database import Session
from shared.db.models import OAuthToken
from shared.errors import LongshoreError
from shared.ground import Ground

ACCESS_SECONDS = 60 * 60
REFRESH_SECONDS = 30 * 24 * 60 * 60
TOKEN_BYTES = 32


class AccessRefused(LongshoreError):
    """The access token is unknown, has expired or was revoked."""

    code = "access_refused"


class RefreshRefused(LongshoreError):
    """The refresh token is unknown, spent, expired, revoked, or another client's."""

    code = "refresh_refused"


class CommunityRefused(LongshoreError):
    """The community does not exist or has not been granted; which of the two is not told."""

    code = "community_refused"


class CommunityMissing(LongshoreError):
    """The call needs a community and none has been chosen."""

    code = "community_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who a token is given to: a user, a client, or a user by way of a client."""

    user: User | None = None
    client: Client | None = None

    @property
    def user_id(self) -> int | None:
        return self.user.id if self.user else None

    @property
    def client_id(self) -> str | None:
        return self.client.id if self.client else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """New tokens, told only now; no refresh token for a client of its own."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    service: Service | None
    # What the client told about itself, in the door's notation.
    properties: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What an access token opens; without a service until a community is chosen."""

    token_id: int
    holder: Holder
    service: Service | None


def issue(ground: Ground, holder: Holder, *, community: str | None, properties: str, now: datetime) -> Issued:
    """Give the holder tokens of a new family. Raises CommunityRefused."""
    with ground.database.begin() as session:
        service = None if community is None else _granted(session, holder, community)
        oauth_tokens.forget_ended(session, user_id=holder.user_id, client_id=holder.client_id, now=now)
        token = OAuthToken(
            family=secrets.token_hex(16),
            user_id=holder.user_id,
            client_id=holder.client_id,
            service_id=service.id if service else None,
            scope=properties,
        )
        return _give(session, token, service, now)


def refresh(
    ground: Ground, refresh_token: str, client: Client | None, *, community: str | None, now: datetime
) -> Issued:
    """Exchange a refresh token for new tokens of its family.

    It is good once: shown again it has been stolen, now or before, and the whole family ends.
    Raises RefreshRefused, and CommunityRefused when another community is asked for than the token's.
    """
    shown = _sha256(refresh_token)
    with ground.database.begin() as session:
        oauth_tokens.take_turn(session, shown)
        spent = oauth_tokens.spend_refresh(session, shown, client.id if client else None, now)
        if spent is None:
            oauth_tokens.revoke_if_spent(session, shown, now)
        else:
            return _refreshed(session, spent, community, now)
    raise RefreshRefused("The refresh token is unknown, used, expired, revoked or another client's.")


def find_access(ground: Ground, access_token: str, now: datetime) -> Access:
    """What the access token opens now. Raises AccessRefused."""
    with ground.database.begin() as session:
        found = oauth_tokens.live(session, _sha256(access_token), now)
    if found is None:
        raise AccessRefused("The access token is unknown, expired or revoked.")
    user = User(found.user.id, found.user.email) if found.user else None
    client = Client(found.token.client_id) if found.token.client_id else None
    service = Service(found.service.id, found.service.name) if found.service else None
    return Access(token_id=found.token.id, holder=Holder(user=user, client=client), service=service)


def choose_community(ground: Ground, access: Access, name: str) -> Service:
    """Make the token one for this community. Raises CommunityRefused."""
    with ground.database.begin() as session:
        service = _granted(session, access.holder, name)
        oauth_tokens.choose_service(session, access.token_id, service.id)
    return service


def community_of(ground: Ground, access: Access, named: str | None) -> Service:
    """The community of one call: the token's, or while it has none the one that the call names.

    Raises CommunityMissing, and CommunityRefused for a name that is not the token's own or not granted.
    """
    if access.service is not None:
        if named is not None and spell_community(named) != access.service.name:
            raise CommunityRefused(f"The token is for {access.service.name!r}, and the call for {named!r}.")
        return access.service
    if named is None:
        raise CommunityMissing("The token has no community: ask for community=NAME or call setCommunity.")
    with ground.database.begin() as session:
        return _granted(session, access.holder, named)


def _granted(session: Session, holder: Holder, name: str) -> Service:
    row = None
    if name.isprintable():
        row = accounts.granted_service(
            session, spell_community(name), user_id=holder.user_id, client_id=holder.client_id
        )
    if row is None:
        who = "user" if holder.user else "client"
        raise CommunityRefused(f"No community called {name!r} has been granted to this {who}.")
    return Service(row.id, row.name)


def _refreshed(session: Session, spent: OAuthToken, community: str | None, now: datetime) -> Issued:
    row = oauth_tokens.service_of(session, spent)
    if community is not None and (row is None or spell_community(community) != row.name):
        raise CommunityRefused(f"The refresh token is not for a community called {community!r}.")
    token = OAuthToken(
        family=spent.family,
        user_id=spent.user_id,
        client_id=spent.client_id,
        service_id=spent.service_id,
        scope=spent.scope,
    )
    return _give(session, token, Service(row.id, row.name) if row else None, now)


def _give(session: Session, token: OAuthToken, service: Service | None, now: datetime) -> Issued:
    """Make up the token's secrets, keep their hashes, and return them."""
    access_token, refresh_token = secrets.token_urlsafe(TOKEN_BYTES), None
    token.access_sha256 = _sha256(access_token)
    token.access_expires_at = now + timedelta(seconds=ACCESS_SECONDS)
    if token.user_id is not None:  # a client can ask again by itself: RFC 6749, section 4.4.3
        refresh_token = secrets.token_urlsafe(TOKEN_BYTES)
        token.refresh_sha256 = _sha256(refresh_token)
        token.refresh_expires_at = now + timedelta(seconds=REFRESH_SECONDS)
    oauth_tokens.add(session, token)
    return Issued(
        access_token=access_token, refresh_token=refresh_token, service=service, properties=token.scope
    )


def _sha256(token: str) -> bytes:
    """Enough for a token: it is random, so unlike a password it cannot be guessed from its hash."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
