"""Logins of users and clients: checked against their hashes, and slowed down where they keep failing.

Nobody is locked out for good: each wait ends by itself, has a ceiling, and is forgotten after a quiet hour.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from api.usecases.accounts import Client, User, spell_email
from api.usecases.passwords import is_right
from shared.db import accounts, login_failures
from shared.errors import LongshoreError
from shared.ground import Ground

QUIET = timedelta(hours=1)
LONGEST_WAIT_SECONDS = 60
_FORGOTTEN_AT_ONCE = 100  # more than a failure adds, so that what is kept stays bounded by what failed lately
_IPV6_SITE_BITS = 64  # one household or machine may use any address below


class UserRefused(LongshoreError):
    """There is no such user, or the password is another."""

    code = "user_refused"


class ClientRefused(LongshoreError):
    """There is no such client, or the secret is another."""

    code = "client_refused"


class TooManyFailures(LongshoreError):
    """Logins to this account or from this address failed too often to try again at once."""

    code = "too_many_failures"

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(f"Too many logins failed. Try again in {retry_seconds} s.")
        self.retry_seconds = retry_seconds


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a login comes from and when; None for an address that the server does not tell."""

    address: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Slowness:
    """How the wait grows: none for some failures, then one second, doubling up to a ceiling."""

    free_failures: int
    ceiling_seconds: int = LONGEST_WAIT_SECONDS

    def wait_seconds(self, failures: int) -> int:
        """The wait after that many failures."""
        beyond = failures - self.free_failures
        return 0 if beyond <= 0 else min(self.ceiling_seconds, 2 ** min(beyond - 1, 30))


# An office behind one address shares its failures, hence the larger allowance.
ACCOUNT = Slowness(free_failures=5)
ADDRESS = Slowness(free_failures=20)


def log_in_user(ground: Ground, email: str, password: str, origin: Origin) -> User:
    """The user with this address and password. Raises UserRefused, TooManyFailures."""
    email = spell_email(email)
    with _slowed(ground, f"user:{email}", origin):
        with ground.database.begin() as session:
            row = accounts.user(session, email) if email.isprintable() else None
        if not is_right(password, row.password_hash if row else None) or row is None:
            raise UserRefused("No user has this name and password.")
    return User(row.id, row.email)


def log_in_client(ground: Ground, client_id: str, secret: str, origin: Origin) -> Client:
    """The client with this id and secret. Raises ClientRefused, TooManyFailures."""
    with _slowed(ground, f"client:{client_id}", origin):
        with ground.database.begin() as session:
            row = accounts.client(session, client_id) if client_id.isprintable() else None
        if not is_right(secret, row.secret_hash if row else None) or row is None:
            raise ClientRefused("No client has this id and secret.")
    return Client(row.id)


def site_of(address: str | None) -> str | None:
    """What an address is counted as: itself, or the network of an IPv6 address; None for what is none."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return None
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found.packed, _IPV6_SITE_BITS), strict=False))


@contextmanager
def _slowed(ground: Ground, account: str, origin: Origin) -> Iterator[None]:
    """Refuse to try while a wait lasts, count what fails, forgive the account that succeeds.

    Known and unknown accounts alike, or the waits would tell which ones there are.
    """
    subject = _subject(account)
    limits = {subject: ACCOUNT}
    site = site_of(origin.address)
    if site is not None:
        limits[_subject(f"address:{site}")] = ADDRESS
    _ensure_no_wait(ground, limits, origin.at)
    try:
        yield
    except (UserRefused, ClientRefused):
        _count_failure(ground, limits, origin.at)
        raise
    with ground.database.begin() as session:
        login_failures.forgive(session, subject)


def _ensure_no_wait(ground: Ground, limits: dict[bytes, Slowness], now: datetime) -> None:
    latest = now + timedelta(seconds=LONGEST_WAIT_SECONDS)
    with ground.database.begin() as session:
        until = login_failures.blocked_until(session, limits, now=now, latest=latest)
    if until is not None:
        raise TooManyFailures(ceil((until - now).total_seconds()))


def _count_failure(ground: Ground, limits: dict[bytes, Slowness], now: datetime) -> None:
    with ground.database.begin() as session:
        for subject, slowness in limits.items():
            failures = login_failures.count(session, subject, now=now, forgotten_before=now - QUIET)
            wait = timedelta(seconds=slowness.wait_seconds(failures))
            login_failures.block(session, subject, now + wait)
        login_failures.forget(session, now - QUIET, limit=_FORGOTTEN_AT_ONCE)


def _subject(name: str) -> bytes:
    """A key of fixed size that shows neither names nor addresses."""
    return hashlib.sha256(name.encode(errors="replace")).digest()
