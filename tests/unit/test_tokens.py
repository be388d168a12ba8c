"""Which tokens open the imports of a data service."""

import time
from typing import Any

import jwt
import pytest

from api.usecases.tokens import AUDIENCE, TokenForbidden, TokenInvalid, mint, verify

OTHER = "another-secret-of-the-tests-that-is-long-enough-for-every-hmac-algorithm-too"


def token(secret: str, *, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"aud": AUDIENCE} | claims, secret, algorithm=algorithm)


def test_a_minted_token_is_good(secret: str):
    assert verify(mint(secret, 60), [secret])["aud"] == AUDIENCE


def test_a_token_minted_without_lifetime_does_not_expire(secret: str):
    assert "exp" not in verify(mint(secret, None), [secret])


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_each_hmac_algorithm_is_good(secret: str, algorithm: str):
    assert verify(token(secret, algorithm=algorithm), [secret])


def test_any_active_secret_is_good(secret: str):
    assert verify(token(secret), [OTHER, secret])


def test_an_audience_may_be_one_of_several(secret: str):
    assert verify(token(secret, aud=["somebody", AUDIENCE]), [secret])


def test_claims_of_the_callers_own_may_have_any_type(secret: str):
    assert verify(token(secret, iat="yesterday", sub=7, jti=[]), [secret])["sub"] == 7


@pytest.mark.parametrize(
    "audience",
    ["somebody", ["somebody"], [], None, 7, {AUDIENCE: 1}, AUDIENCE + ".more"],
)
def test_a_token_for_another_audience_is_forbidden(secret: str, audience: object):
    with pytest.raises(TokenForbidden, match=r"datastore\.developers"):
        verify(token(secret, aud=audience), [secret])


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1660638385}, "has expired"),
        ({"nbf": time.time() + 3600}, "not valid yet"),
        ({"exp": "soon"}, "not a JSON Web Token"),
        ({"exp": None}, "not a JSON Web Token"),
        ({"exp": float("inf")}, "not a JSON Web Token"),
    ],
)
def test_a_token_out_of_its_time_is_invalid(secret: str, claims: dict[str, Any], reason: str):
    with pytest.raises(TokenInvalid, match=reason):
        verify(token(secret, **claims), [secret])


def test_a_token_signed_with_no_active_secret_is_invalid(secret: str):
    for active in ([], [OTHER]):
        with pytest.raises(TokenInvalid, match="not signed with an active secret"):
            verify(token(secret), active)


def test_an_unsigned_token_is_invalid(secret: str):
    with pytest.raises(TokenInvalid):
        verify(jwt.encode({"aud": AUDIENCE}, None, algorithm="none"), [secret])


@pytest.mark.parametrize("given", ["", "x", "x.y.z", "é.é.é"])
def test_what_is_no_token_is_invalid(secret: str, given: str):
    with pytest.raises(TokenInvalid):
        verify(given, [secret])


def test_no_reason_shows_token_or_secret(secret: str):
    given = token(OTHER, exp=1)

    with pytest.raises(TokenInvalid) as refused:
        verify(given, [secret, OTHER])

    assert given not in str(refused.value)
    assert OTHER not in str(refused.value)
