"""Hashes of passwords and client secrets: argon2id, and the same time to check whoever is named."""

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# 19 MiB, two passes and one lane are the least that OWASP's Password Storage Cheat Sheet recommends: each
# thread of each API may be checking one. 32 ms on one of two cores of the machine it was chosen on.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# What an account that does not exist is checked against; made from a random text nobody has kept.
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$WfapKgO2L6MdpuQs3jmppw$AL6cQCqGXSOA+YvMjnUnFnwVUmec6rGTPTCiMmcPn3Q"


def hash_secret(secret: str) -> str:
    """The hash to keep of a password or client secret."""
    return HASHER.hash(secret)


def is_right(secret: str, kept_hash: str | None) -> bool:
    """Whether the hash was made of `secret`; without one False, after as much work."""
    try:
        HASHER.verify(kept_hash or NOBODY, secret)
    except VerifyMismatchError:
        return False
    return kept_hash is not None
