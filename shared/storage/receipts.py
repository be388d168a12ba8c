"""What storage gives for bytes that are durable."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """A receipt for bytes that are durable."""

    key: str
    size_bytes: int
    sha256: bytes
