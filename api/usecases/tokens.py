"""JSON Web Tokens of data administrators (RFC 7519), signed with a data service's secret."""

import time
from collections.abc import Iterable
from typing import Any

import jwt
from jwt.types import Options

from shared.errors import LongshoreError

AUDIENCE = "datastore.developers"
ALGORITHMS = ("HS256", "HS384", "HS512")

# What `exp` and `nbf` say is honoured; other claims are the caller's own and may have any type.
_CHECKS: Options = {
    "verify_signature": True,
    "verify_exp": True,
    "verify_nbf": True,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TokenInvalid(LongshoreError):
    """The token is missing, malformed, badly signed, expired or not valid yet."""

    code = "token_invalid"


class TokenForbidden(LongshoreError):
    """The token is good, but not meant for this audience."""

    code = "token_forbidden"


def mint(secret: str, lifetime_seconds: int | None) -> str:
    """A token for imports; without a lifetime it does not expire."""
    claims: dict[str, Any] = {"aud": AUDIENCE}
    if lifetime_seconds is not None:
        claims["exp"] = int(time.time()) + lifetime_seconds
    return jwt.encode(claims, secret, algorithm=ALGORITHMS[0])


def verify(token: str, secrets: Iterable[str]) -> dict[str, Any]:
    """The token's claims. Raises TokenInvalid, or TokenForbidden when its audience is another."""
    reason = "The token is not signed with an active secret of this data service."
    for secret in secrets:
        try:
            claims: dict[str, Any] = jwt.decode(token, secret, algorithms=list(ALGORITHMS), options=_CHECKS)
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError:
            raise TokenInvalid("The token has expired.") from None
        except jwt.ImmatureSignatureError:
            raise TokenInvalid("The token is not valid yet.") from None
        except jwt.InvalidTokenError:
            reason = "The token is not a JSON Web Token signed with HS256, HS384 or HS512."
            break
        return _meant_for_us(claims)
    raise TokenInvalid(reason)


def _meant_for_us(claims: dict[str, Any]) -> dict[str, Any]:
    audience = claims.get("aud")
    if audience != AUDIENCE and not (isinstance(audience, list) and AUDIENCE in audience):
        raise TokenForbidden(f"The token's audience must be {AUDIENCE}.")
    return claims
