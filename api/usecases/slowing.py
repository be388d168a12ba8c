"""Slows logins down where they keep failing, by account and by address.

Nobody is locked out for good: each wait ends by itself, has a ceiling, and is forgotten after a quiet hour.
Who logs in where they have done so before waits for their own failures there only (the device cookies of
OWASP, by address: programs keep no cookies).
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_network
from math import ceil
from typing import NamedTuple

from shared.addresses import address_of
from shared.db import known_logins, login_failures
from shared.db.database import Session
from shared.errors import LongshoreError, TryLater
from shared.ground import Ground

QUIET = timedelta(hours=1)
KNOWN = timedelta(days=30)  # how long an account is known where it has logged in
LONGEST_WAIT_SECONDS = 60
_FORGOTTEN_AT_ONCE = 100  # more than a login adds, so that what is kept stays bounded by what came lately
_PATIENCE_SECONDS = 5.0  # should a process have died while it judged
_LOOK_SECONDS = 0.2
_IPV6_SITE_BITS = 64  # one household or machine may use any address below


class LoginRefused(LongshoreError):
    """The account is unknown, or its password or secret is another."""

    code = "login_refused"


class TooManyFailures(TryLater):
    """Logins to this account or from this address failed too often to try again at once."""

    code = "too_many_failures"

    def __init__(self, retry_seconds: int, *, is_undecided: bool) -> None:
        super().__init__(f"Too many logins failed. Try again in {retry_seconds} s.", retry_seconds)
        self.is_undecided = is_undecided  # some of them are still being judged


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a login comes from and when; None for an address that the server does not tell."""

    address: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Slowness:
    """How the wait grows: none for some guesses, then one second, doubling up to a ceiling."""

    guesses: int  # that may be wrong before the first wait
    ceiling_seconds: int = LONGEST_WAIT_SECONDS

    def wait_seconds(self, failures: int) -> int:
        """The wait after that many failures."""
        beyond = failures - self.guesses
        return 0 if beyond < 0 else min(self.ceiling_seconds, 2 ** min(beyond, 30))


# An office, or a load balancer that is not declared, shares one address, hence the larger allowance.
ACCOUNT = Slowness(guesses=5)
ADDRESS = Slowness(guesses=100)


class _Counted(NamedTuple):
    """What a login is counted under, by hashes."""

    own: bytes
    address: bytes | None  # None: it does not count
    place: bytes | None  # the account and the address together; None without an address

    def limits(self) -> dict[bytes, Slowness]:
        shared = {} if self.address is None else {self.address: ADDRESS}
        return {self.own: ACCOUNT, **shared}


def site_of(address: str | None) -> str | None:
    """What an address is counted as: itself, or the network of an IPv6 address; None for what is none."""
    found = address_of(address or "")
    if isinstance(found, IPv6Address):
        return str(ip_network((found.packed, _IPV6_SITE_BITS), strict=False))
    return str(found) if found else None


@contextmanager
def slowed(ground: Ground, account: str, origin: Origin) -> Iterator[None]:
    """Refuse to try while a wait lasts, count what is tried, forgive who succeeds.

    Known and unknown accounts alike, or the waits would tell which ones there are. The body judges, and
    raises LoginRefused. Raises TooManyFailures.
    """
    counted = _take_patiently(ground, account, origin)
    try:
        yield
    except LoginRefused:
        _decide(ground, counted)
        raise
    with ground.database.begin() as session:
        login_failures.forgive(session, counted.own)
        if counted.address is not None:
            login_failures.give_back(session, counted.address, origin.at)
        if counted.place is not None:
            known_logins.note(session, counted.place, origin.at)
            known_logins.forget(session, origin.at - KNOWN, limit=_FORGOTTEN_AT_ONCE)


def _take_patiently(ground: Ground, account: str, origin: Origin) -> _Counted:
    """As `_take`, once it is known whether those before it have failed.

    Programs that start together log in at once with the same right password, and are not to be refused.
    """
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return _take(ground, account, origin)
        except TooManyFailures as slowed:
            if not slowed.is_undecided or time.monotonic() >= ends_at:
                raise
        time.sleep(_LOOK_SECONDS)


def _take(ground: Ground, account: str, origin: Origin) -> _Counted:
    """Count the login as failed, before it is judged: many at once are no more than one after the other."""
    now = origin.at
    with ground.database.begin() as session:
        counted = _counted(session, account, origin)
        for subject, slowness in counted.limits().items():
            _count(session, subject, slowness, now)
        login_failures.forget(session, now - QUIET, limit=_FORGOTTEN_AT_ONCE)
    return counted


def _count(session: Session, subject: bytes, slowness: Slowness, now: datetime) -> None:
    latest = now + timedelta(seconds=LONGEST_WAIT_SECONDS)
    failures = login_failures.take(session, subject, now=now, latest=latest, forgotten_before=now - QUIET)
    if failures is None:
        until, is_undecided = login_failures.wait(session, subject)
        raise TooManyFailures(ceil((until - now).total_seconds()), is_undecided=is_undecided)
    wait = timedelta(seconds=slowness.wait_seconds(failures))
    login_failures.block(session, subject, now + wait)


def _decide(ground: Ground, counted: _Counted) -> None:
    with ground.database.begin() as session:
        for subject in counted.limits():
            login_failures.decide(session, subject)


def _counted(session: Session, account: str, origin: Origin) -> _Counted:
    """Where an account has logged in before, it is counted apart: guesses of others do not make it wait."""
    site = site_of(origin.address)
    if site is None:
        return _Counted(_subject(account), None, None)
    place = _subject(f"place:{site}:{account}")
    if known_logins.is_known(session, place, since=origin.at - KNOWN):
        return _Counted(place, None, place)
    return _Counted(_subject(account), _subject(f"address:{site}"), place)


def _subject(name: str) -> bytes:
    """A key of fixed size that shows neither names nor addresses."""
    return hashlib.sha256(name.encode(errors="replace")).digest()
