"""Users and OAuth clients of the Liquid Decisions door: who there is, and which communities each may reach.

A community is a data service, under the name that this door's clients know it by.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from marshmallow import ValidationError, validate

from api.usecases.passwords import hash_secret
from shared.db import accounts, services
from shared.db.accounts import Granted
from shared.db.database import Session
from shared.errors import LongshoreError, NameRefused, NameTaken, ServiceNotFound
from shared.ground import Ground

__all__ = ["Client", "Granted", "User"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
MAX_EMAIL_CHARACTERS = 254
MIN_SECRET_CHARACTERS = 8  # NIST SP 800-63B: the least of a password. Clients bring theirs from elsewhere.
_check_email = validate.Email()


class UserNotFound(LongshoreError):
    """No user has this address."""

    code = "user_not_found"


class ClientNotFound(LongshoreError):
    """No OAuth client has this id."""

    code = "client_not_found"


@dataclass(frozen=True, slots=True)
class User:
    """A person, found."""

    id: int
    email: str


@dataclass(frozen=True, slots=True)
class Client:
    """A program, found."""

    id: str


def add_user(ground: Ground, email: str, password: str, communities: Iterable[str] = ()) -> User:
    """Add a user who may reach these communities.

    Raises NameRefused for an unusable address or too short a password, NameTaken for a known address and
    ServiceNotFound for an unknown community; then there is no user.
    """
    email = spell_email(email)
    _check_address(email)
    _check_secret("password", password)
    password_hash = hash_secret(password)
    with ground.database.begin() as session:
        row = accounts.add_user(session, email, password_hash)
        if row is None:
            raise NameTaken(f"A user with the address {email!r} exists already.")
        accounts.grant_user(session, row.id, _service_ids(session, communities))
        return User(row.id, row.email)


def grant_user(ground: Ground, email: str, communities: Iterable[str]) -> None:
    """Let a user reach these communities, too. Safe to repeat. Raises UserNotFound, ServiceNotFound."""
    with ground.database.begin() as session:
        row = accounts.user(session, spell_email(email))
        if row is None:
            raise UserNotFound(f"No user has the address {email!r}: `longshore users list` prints them.")
        accounts.grant_user(session, row.id, _service_ids(session, communities))


def list_users(ground: Ground) -> list[Granted]:
    """Every user by address, with the communities granted."""
    with ground.database.begin() as session:
        return accounts.users(session)


def add_client(ground: Ground, client_id: str, secret: str, communities: Iterable[str] = ()) -> Client:
    """Add a client that may reach these communities without a user.

    Raises NameRefused for an unusable id or too short a secret, NameTaken for a known id and
    ServiceNotFound for an unknown community; then there is no client.
    """
    if _CLIENT_ID.fullmatch(client_id) is None:
        raise NameRefused(
            f"{client_id!r} cannot be a client's id: 1 to 128 of A-Z, a-z, 0-9, '.', '_', '~' and '-'"
            " are expected."
        )
    _check_secret("secret", secret)
    secret_hash = hash_secret(secret)
    with ground.database.begin() as session:
        row = accounts.add_client(session, client_id, secret_hash)
        if row is None:
            raise NameTaken(f"A client with the id {client_id!r} exists already.")
        accounts.grant_client(session, row.id, _service_ids(session, communities))
        return Client(row.id)


def grant_client(ground: Ground, client_id: str, communities: Iterable[str]) -> None:
    """Let a client reach these communities without a user, too. Safe to repeat.

    Raises ClientNotFound, ServiceNotFound.
    """
    with ground.database.begin() as session:
        if accounts.client(session, client_id) is None:
            raise ClientNotFound(f"No client has the id {client_id!r}: `longshore clients list` prints them.")
        accounts.grant_client(session, client_id, _service_ids(session, communities))


def list_clients(ground: Ground) -> list[Granted]:
    """Every client by id, with the communities it may reach without a user."""
    with ground.database.begin() as session:
        return accounts.clients(session)


def spell_email(email: str) -> str:
    """The one spelling of an address that users are known by."""
    return email.strip().lower()


def spell_community(name: str) -> str:
    """The data service that a community's name means: clients write it in any case."""
    return name.strip().lower()


def _check_address(email: str) -> None:
    try:
        _check_email(email)
    except ValidationError:
        is_address = False
    else:
        is_address = len(email) <= MAX_EMAIL_CHARACTERS
    if not is_address:
        raise NameRefused(
            f"{email!r} cannot be a user's address: an e-mail address such as ann@example.org is expected."
        )


def _check_secret(what: str, secret: str) -> None:
    if len(secret) < MIN_SECRET_CHARACTERS:
        raise NameRefused(
            f"A {what} needs at least {MIN_SECRET_CHARACTERS} characters, better twenty,"
            f" and this has {len(secret)}."
        )


def _service_ids(session: Session, communities: Iterable[str]) -> list[int]:
    found = {name: services.get(session, spell_community(name)) for name in communities}
    for name, row in found.items():
        if row is None:
            raise ServiceNotFound(name)
    return [row.id for row in found.values() if row is not None]
