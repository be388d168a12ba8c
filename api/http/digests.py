"""Content-Digest (RFC 9530): a body checked against the digest its sender computed."""

import hashlib
import hmac
from typing import Any, cast

import http_sf

from api.http.problems import Problem, Refused, problem

_ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}

DIGEST_MALFORMED = problem(
    400, "Invalid content-digest", "Content-Digest", "Expected sha-256=:<base64>: or sha-512=:<base64>:"
)


def digest_mismatch(algorithm: str) -> Problem:
    """The refusal of a body that is not what its sender meant."""
    reason = f"The {algorithm} of the body that arrived is not the one announced"
    return problem(400, "Content digest does not match", "Content-Digest", reason)


class DigestCheck:
    """Digests of one body: given its pieces in turn, says at the end whether they are those announced."""

    def __init__(self, header: str | None) -> None:
        """`header` as it came; None checks nothing. Raises Refused where it cannot be understood."""
        self._announced = _parse(header) if header is not None else {}
        self._computed = {algorithm: _ALGORITHMS[algorithm]() for algorithm in self._announced}

    def update(self, piece: bytes) -> None:
        """Take the next bytes as they came on the wire, before any decoding."""
        for digest in self._computed.values():
            digest.update(piece)

    def finish(self) -> None:
        """Raises Refused unless every announced digest is that of the bytes taken."""
        for algorithm, announced in self._announced.items():
            if not hmac.compare_digest(self._computed[algorithm].digest(), announced):
                raise Refused(digest_mismatch(algorithm))


def _parse(header: str) -> dict[str, bytes]:
    """Digests by algorithm. Algorithms we do not know are left out, as the RFC asks."""
    try:
        members = cast(dict[str, Any], http_sf.parse(header.encode("latin-1"), tltype="dictionary"))
    except http_sf.StructuredFieldError as error:
        raise Refused(DIGEST_MALFORMED) from error
    known = {name: member[0] for name, member in members.items() if name in _ALGORITHMS}
    if not all(isinstance(value, bytes) for value in known.values()):
        raise Refused(DIGEST_MALFORMED)
    return known
