"""Who calls: a bearer token tells the account and, for most calls, the community it works in."""

from datetime import UTC, datetime

from authlib.oauth2.rfc6750 import InvalidTokenError
from flask import g, request
from structlog.contextvars import bind_contextvars

from api.http import rates
from api.http.grounds import current_ground
from api.usecases import access
from api.usecases.access import Access, AccessRefused, CommunityMissing, CommunityRefused
from api.usecases.services import Service

# Sent by some of the vendor's clients beside a token that has no community yet.
COMMUNITY_HEADER = "X-LiquidPlatform-community"


class TokenMissing(InvalidTokenError):
    """The request shows no token."""

    description = "Expected a token: Authorization: Bearer ACCESS_TOKEN"

    def get_headers(self) -> list[tuple[str, str]]:
        """RFC 6750, section 3.1: the challenge says nothing of an error where nothing was tried."""
        kept = [(name, value) for name, value in super().get_headers() if name != "WWW-Authenticate"]
        return [*kept, ("WWW-Authenticate", 'Bearer realm="longshore"')]


_REFUSALS = (TokenMissing, AccessRefused, CommunityMissing, CommunityRefused)


def admit_liquid() -> None:
    """Let the request in to the community of its token, or refuse it.

    Raises TokenMissing, AccessRefused, CommunityMissing, CommunityRefused, TooManyRequests.
    """
    with rates.refused_by_address(*_REFUSALS):
        _find_access()
        named = request.headers.get(COMMUNITY_HEADER) or None
        g.service = access.community_of(current_ground(), current_access(), named)
    bind_contextvars(service=g.service.name)
    rates.count_service()


def authenticate() -> None:
    """Let the request in whatever its token's community.

    Raises TokenMissing, AccessRefused, TooManyRequests.
    """
    with rates.refused_by_address(*_REFUSALS):
        _find_access()
    found = current_access().service
    if found is None:
        rates.count_address()
        return
    g.service = found
    rates.count_service()


def _find_access() -> None:
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing
    g.access = access.find_access(current_ground(), token.strip(), datetime.now(UTC))


def current_access() -> Access:
    """The account that this request was admitted for, and its token."""
    found: Access = g.access
    return found


def current_service() -> Service:
    """The community that `admit_liquid` let this request in to."""
    service: Service = g.service
    return service
