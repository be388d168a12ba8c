"""Any token is refused that was not signed with the secret, and any link that was not made by us."""

import base64
import json
from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st

from api.usecases.tokens import ALGORITHMS, AUDIENCE, TokenForbidden, TokenInvalid, verify
from shared.links import Link
from tests.fuzz.fuzzing import fuzzed, of_pieces

SECRET = "a-secret-of-the-tests-that-is-long-enough-for-every-hmac-algorithm-there-is"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([*ALGORITHMS, "none", "RS256", AUDIENCE, "JWT", 0, 2**63]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "zip", "cty"]), VALUES)
CLAIMS = st.dictionaries(st.sampled_from(["aud", "exp", "nbf", "iat", "iss", "sub", "jti"]), VALUES)
PARTS = (HEADERS | CLAIMS).map(lambda part: json.dumps(part).encode()) | st.binary(max_size=30)
ENCODED = PARTS.map(lambda part: base64.urlsafe_b64encode(part).decode().rstrip("="))
FORGED = st.lists(ENCODED, max_size=5).map(".".join) | of_pieces([*"ab.=-_+/ \n\0é", "eyJhbGciOiJIUzI1NiJ9"])


def is_good(token: str) -> bool:
    try:
        verify(token, [SECRET])
    except (TokenInvalid, TokenForbidden):
        return False
    return True


@fuzzed
@given(FORGED)
def test_nothing_unsigned_is_good(token: str) -> None:
    assert not is_good(token)


@fuzzed
@given(CLAIMS, HEADERS, st.sampled_from(ALGORITHMS))
def test_signed_claims_of_any_kind_are_good_or_refused(
    claims: dict[str, Any], headers: dict[str, Any], algorithm: str
) -> None:
    signing = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (headers | {"alg": algorithm}, claims)
    )
    signature = jwt.algorithms.get_default_algorithms()[algorithm].sign(signing.encode(), SECRET.encode())
    token = f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    assert not is_good(token) or claims["aud"] == AUDIENCE or AUDIENCE in claims["aud"]


@fuzzed
@given(FORGED)
def test_any_text_is_a_link_or_none(token: str) -> None:
    link = Link.read(token)

    assert link is None or not link.is_genuine(b"0" * 32)
