"""Bearer tokens that somebody made up, each with what the Datastore API answers. No other API takes them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.usecases.tokens import AUDIENCE

NO_TOKEN = "The token is not a JSON Web Token signed with HS256, HS384 or HS512."
NOT_SIGNED = "The token is not signed with an active secret of this data service."
EXPIRED = "The token has expired."
TOO_EARLY = "The token is not valid yet."
OTHERS = f"The token's audience must be {AUDIENCE}."
MISSING = "Expected a token of the data service: Authorization: Bearer <token>"

OWN = "a-secret-that-an-attacker-chose-and-that-is-long-enough-for-every-hmac-algorithm"
CLAIMS: dict[str, Any] = {"aud": AUDIENCE}
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_EC = ec.generate_private_key(ec.SECP256R1())
_ED = ed25519.Ed25519PrivateKey.generate()
_PEM = _RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class HostileToken(NamedTuple):
    """A token, made with the service's own secret where that is the trick, and the answer."""

    name: str
    make: Callable[[str], str]
    status: int
    reason: str = ""


def part(value: object) -> str:
    """One part of a token: bytes as they are, anything else as JSON."""
    given = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()


def forged(name: str, header: object, payload: object = CLAIMS, reason: str = NO_TOKEN) -> HostileToken:
    """Signed by nobody."""
    return HostileToken(name, lambda _: f"{part(header)}.{part(payload)}.{part(b'x' * 32)}", 401, reason)


def signed(name: str, status: int = 401, reason: str = NO_TOKEN, **claims: Any) -> HostileToken:
    """Signed with the service's secret, its claims another thing than they should be."""
    return HostileToken(name, lambda secret: jwt.encode(CLAIMS | claims, secret, "HS256"), status, reason)


def by_attacker(name: str, **header: Any) -> HostileToken:
    """Signed with a key of the attacker's, which the header says is the right one."""
    return HostileToken(name, lambda _: jwt.encode(CLAIMS, OWN, "HS256", headers=header), 401, NOT_SIGNED)


def by_key(name: str, key: Any, algorithm: str) -> HostileToken:
    return HostileToken(name, lambda _: jwt.encode(CLAIMS, key, algorithm), 401, NO_TOKEN)


def confused(_: str) -> str:
    """HMAC with a public key as its secret, for a verifier that takes the algorithm from the token."""
    signing = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(CLAIMS)}"
    return f"{signing}.{part(hmac.digest(_PEM, signing.encode(), hashlib.sha256))}"


def without_signature(secret: str) -> str:
    return jwt.encode(CLAIMS, secret, "HS256").rpartition(".")[0] + "."


def with_other_payload(secret: str) -> str:
    header, _, signature = jwt.encode({"aud": "somebody"}, secret, "HS256").split(".")
    return f"{header}.{part(CLAIMS)}.{signature}"


def with_other_algorithm(secret: str) -> str:
    _, payload, signature = jwt.encode(CLAIMS, secret, "HS256").split(".")
    return f"{part({'alg': 'HS512'})}.{payload}.{signature}"


TOKENS = [
    forged("no algorithm", {"alg": "none"}),
    forged("no algorithm, in capitals", {"alg": "NONE"}),
    forged("no algorithm, mixed", {"alg": "nOnE"}),
    forged("an empty algorithm", {"alg": ""}),
    forged("no word of an algorithm", {"typ": "JWT"}),
    forged("null for an algorithm", {"alg": None}),
    forged("a list of algorithms", {"alg": ["HS256"]}),
    forged("an object for an algorithm", {"alg": {}}),
    forged("an algorithm of a small name", {"alg": "hs256"}),
    forged("a number for a kid", {"alg": "HS256", "kid": 1}),
    forged("a list for a header", []),
    forged("a number for a header", 1),
    forged("a header that is not JSON", b"{"),
    forged("a header that is not UTF-8", b'{"alg":"\xff"}'),
    forged("a header nested 1,000 deep", b'{"alg":' + b"[" * 1000 + b"]" * 1000 + b"}"),
    forged("a header nested 4,400 deep", b"[" * 4400),
    forged("a header of 5,000 digits", b'{"alg":' + b"9" * 5000 + b"}"),
    forged("any signature", {"alg": "HS256"}, reason=NOT_SIGNED),
    forged("an extension that must be understood", {"alg": "HS256", "crit": ["x"], "x": 1}),
    HostileToken("no signature", without_signature, 401, NOT_SIGNED),
    HostileToken("another payload under the signature", with_other_payload, 401, NOT_SIGNED),
    HostileToken("another algorithm over the signature", with_other_algorithm, 401, NOT_SIGNED),
    HostileToken("HMAC with a public key", confused, 401, NOT_SIGNED),
    by_key("RS256", _RSA, "RS256"),
    by_key("PS512", _RSA, "PS512"),
    by_key("ES256", _EC, "ES256"),
    by_key("EdDSA", _ED, "EdDSA"),
    by_attacker("another secret"),
    by_attacker("a kid of a file that is empty", kid="../../../../dev/null"),
    by_attacker("a kid of SQL", kid="' UNION SELECT 'x"),
    by_attacker("a jku", jku="http://127.0.0.1:1/keys.json"),
    by_attacker("an x5u", x5u="http://127.0.0.1:1/chain.pem"),
    by_attacker("a jwk", jwk={"kty": "oct", "k": part(OWN.encode())}),
    signed("expired a moment ago", 401, EXPIRED, exp=int(time.time()) - 1),
    signed("expired before 1970", 401, EXPIRED, exp=-1),
    signed("an end in the year 0 of computers", 401, EXPIRED, exp=0),
    signed("an end that is a word", exp="tomorrow"),
    signed("an end that is a list", exp=[9999999999]),
    signed("an endless end", exp=float("inf")),
    signed("an end that is no number", exp=float("nan")),
    signed("valid from tomorrow", 401, TOO_EARLY, nbf=int(time.time()) + 86400),
    signed("valid from a word", nbf="yesterday"),
    signed("somebody else's audience", 403, OTHERS, aud="somebody"),
    signed("no audience", 403, OTHERS, aud=None),
    signed("an audience in capitals", 403, OTHERS, aud=AUDIENCE.upper()),
    signed("an audience and a blank", 403, OTHERS, aud=f"{AUDIENCE} "),
    signed("an object for an audience", 403, OTHERS, aud={AUDIENCE: True}),
    signed("an end that is to come", 200, exp=int(time.time()) + 86400),
    HostileToken("no end at all", lambda secret: jwt.encode(CLAIMS, secret, "HS256"), 200),
    HostileToken(
        "an end that no calendar has", lambda s: jwt.encode(CLAIMS | {"exp": 10**18}, s, "HS256"), 200
    ),
    HostileToken("a list of claims", lambda s: _signed_bytes(b"[]", s), 401, NO_TOKEN),
    HostileToken(
        "claims nested 2,000 deep", lambda s: _signed_bytes(b"[" * 2000 + b"]" * 2000, s), 401, NO_TOKEN
    ),
    HostileToken(
        "claims of 5,000 digits", lambda s: _signed_bytes(b'{"exp":' + b"9" * 5000 + b"}", s), 401, NO_TOKEN
    ),
    HostileToken("claims that are not UTF-8", lambda s: _signed_bytes(b'{"a":"\xff"}', s), 401, NO_TOKEN),
    HostileToken("7,000 letters", lambda _: "a" * 7000, 401, NO_TOKEN),
    HostileToken("5,000 dots", lambda _: "." * 5000, 401, NO_TOKEN),
    HostileToken("five parts", lambda _: "a.b.c.d.e", 401, NO_TOKEN),
    HostileToken("letters beyond ASCII", lambda _: "é.é.é", 401, NO_TOKEN),
    HostileToken("blanks", lambda _: "   ", 401, MISSING),
    HostileToken("a good one and a comma", lambda s: jwt.encode(CLAIMS, s, "HS256") + ",x", 401, NO_TOKEN),
]


def _signed_bytes(payload: bytes, secret: str) -> str:
    return jwt.api_jws.encode(payload, secret, "HS256")
