"""Download links: they name a file and the moment they end, and are signed with a key of their export.

The key is made with the export and goes with it, so a link to a deleted one proves nothing.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote

KEY_BYTES = 32
_CLAIM = struct.Struct(">qiq")  # export, file number, end in seconds since 1970


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says of itself, before anybody has believed it."""

    export_id: int
    file_number: int
    expires_at: datetime
    signature: bytes

    @classmethod
    def read(cls, token: str) -> Self | None:
        """What the token says; None for one that we cannot have made."""
        try:
            content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            export_id, file_number, ends = _CLAIM.unpack(content[: _CLAIM.size])
            expires_at = datetime.fromtimestamp(ends, UTC)
        except (binascii.Error, struct.error, ValueError, OverflowError, OSError):
            return None
        if _written(content) != token:
            return None
        return cls(export_id, file_number, expires_at, content[_CLAIM.size :])

    def is_genuine(self, key: bytes) -> bool:
        """Whether it was signed with the key; takes the same time for every wrong signature."""
        claim = _claim(self.export_id, self.file_number, self.expires_at)
        return hmac.compare_digest(_signature(key, claim), self.signature)


def make_key() -> bytes:
    """A key for one export's links."""
    return secrets.token_bytes(KEY_BYTES)


def make_token(key: bytes, *, export_id: int, file_number: int, expires_at: datetime) -> str:
    """The part of a link that proves itself."""
    claim = _claim(export_id, file_number, expires_at)
    return _written(claim + _signature(key, claim))


def path_of(token: str, name: str) -> str:
    """Where the Liquid Decisions door gives the file away."""
    return f"/ls/api/batch/download/{token}/{quote(name, safe='')}"


def _written(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _claim(export_id: int, file_number: int, expires_at: datetime) -> bytes:
    return _CLAIM.pack(export_id, file_number, int(expires_at.timestamp()))


def _signature(key: bytes, claim: bytes) -> bytes:
    return hmac.digest(key, claim, hashlib.sha256)
