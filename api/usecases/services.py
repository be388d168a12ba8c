"""Data services and the secrets that sign their tokens."""

import re
import secrets
from dataclasses import dataclass

from shared.db import services
from shared.errors import NameRefused, NameTaken, ServiceNotFound
from shared.ground import Ground

# A label of a host name, since the host names the service.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SECRET_BYTES = 48
MIN_SECRET_CHARACTERS = 32  # RFC 7518, section 3.2: a key as long as the HMAC's output


@dataclass(frozen=True, slots=True)
class Service:
    """A data service, found."""

    id: int
    name: str


def add_service(ground: Ground, name: str, secret: str | None = None) -> tuple[Service, str]:
    """Create a data service and its first secret, made up where none is given; returns both.

    Raises NameRefused for a name or secret that breaks the rules, NameTaken for one that exists.
    """
    if _NAME.fullmatch(name) is None:
        raise NameRefused(
            f"{name!r} cannot name a data service: 1 to 63 of a-z, 0-9 and '-' are expected,"
            " with a letter or digit at both ends."
        )
    secret = _checked(secret)
    with ground.database.begin() as session:
        row = services.add(session, name)
        if row is None:
            raise NameTaken(f"A data service called {name!r} exists already.")
        services.add_secret(session, row.id, secret)
        return Service(row.id, row.name), secret


def find_service(ground: Ground, name: str) -> Service:
    """The data service of this name. Raises ServiceNotFound."""
    with ground.database.begin() as session:
        row = services.get(session, name)
    if row is None:
        raise ServiceNotFound(name)
    return Service(row.id, row.name)


def find_with_secrets(ground: Ground, name: str) -> tuple[Service, list[str]]:
    """The data service of this name, and what may sign its tokens now, newest first. Raises ServiceNotFound.

    At once, since every request asks: one after the other took a fifth of a short one.
    """
    with ground.database.begin() as session:
        found = services.secrets_of(session, name)
    if not found:
        raise ServiceNotFound(name)
    service_id, _ = found[0]
    return Service(service_id, name), [secret for _, secret in found if secret is not None]


def list_services(ground: Ground) -> list[Service]:
    """Every data service by name."""
    with ground.database.begin() as session:
        return [Service(row.id, row.name) for row in services.all_services(session)]


def active_secrets(ground: Ground, service: Service) -> list[str]:
    """Secrets that may sign the service's tokens now, newest first."""
    with ground.database.begin() as session:
        return list(services.active_secrets(session, service.id))


def rotate_secret(ground: Ground, name: str, *, retire: bool = False, secret: str | None = None) -> str:
    """Add an active secret and return it; with `retire` the older ones end in the same moment.

    Raises ServiceNotFound, and NameRefused for a secret that is too short.
    """
    service = find_service(ground, name)
    secret = _checked(secret)
    with ground.database.begin() as session:
        if retire:
            services.retire_secrets(session, service.id)
        services.add_secret(session, service.id, secret)
    return secret


def _checked(secret: str | None) -> str:
    if secret is None:
        return secrets.token_urlsafe(SECRET_BYTES)
    if len(secret) < MIN_SECRET_CHARACTERS:
        raise NameRefused(
            f"A secret needs at least {MIN_SECRET_CHARACTERS} characters, and this has {len(secret)}."
        )
    return secret
