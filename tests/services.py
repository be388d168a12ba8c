"""Where the tests' Postgres and Redis come from: the environment's SERVICES says it, once for the session.

`embedded`, the default, runs those of the wheels. `external` takes a database of its own on the servers
that DATABASE_URL and REDIS_URL name, and leaves nothing there. Another kind is one more entry of _SUPPLIES.
"""

import secrets
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from sqlalchemy import create_engine, make_url, text

from shared.db.queries.reader import reader_of
from shared.embedded.services import ServiceUrls, embedded_services

# Gives both services for as long as they are in use; their files, if any, go into the folder.
Supply = Callable[[Path], AbstractContextManager[ServiceUrls]]

URLS = ("DATABASE_URL", "REDIS_URL")
_REDIS_DATABASES = 16  # of a server that was not told otherwise


@dataclass(frozen=True)
class Services:
    """What was chosen."""

    kind: str
    description: str
    supply: Supply


def choose_services(environment: MutableMapping[str, str]) -> Services:
    """What the environment asks for. Takes the URLs out of it: nothing that a test starts may find them.

    Raises pytest.UsageError.
    """
    kind = environment.get("SERVICES") or "embedded"
    urls = {name: environment.pop(name, "") for name in URLS}
    if kind not in _SUPPLIES:
        raise pytest.UsageError(f"SERVICES is {kind!r}; expected is one of: {', '.join(_SUPPLIES)}.")
    return _SUPPLIES[kind](urls)


def _embedded(_: dict[str, str]) -> Services:
    return Services("embedded", "embedded (wheels)", embedded_services)


def _external(urls: dict[str, str]) -> Services:
    missing = [name for name in URLS if not urls[name]]
    if missing:
        raise pytest.UsageError(f"SERVICES=external needs {' and '.join(missing)} in the environment.")
    given = ServiceUrls(urls["DATABASE_URL"], urls["REDIS_URL"])
    where = make_url(given.database_url).render_as_string(hide_password=True)
    return Services("external", f"external ({where})", partial(_external_services, given))


_SUPPLIES: dict[str, Callable[[dict[str, str]], Services]] = {"embedded": _embedded, "external": _external}


@contextmanager
def _external_services(given: ServiceUrls, _: Path) -> Iterator[ServiceUrls]:
    with _own_database(given.database_url) as database_url, _own_redis(given.redis_url) as redis_url:
        yield ServiceUrls(database_url, redis_url)


@contextmanager
def _own_database(server_url: str) -> Iterator[str]:
    """A new database of the server; dropped at the end, with the reader's role that tests make for it."""
    name = f"longshore_tests_{secrets.token_hex(4)}"
    url = make_url(server_url).set(drivername="postgresql")
    own = url.set(database=name).render_as_string(hide_password=False)
    server = create_engine(url.set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield own
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(text(f"DROP ROLE IF EXISTS {reader_of(own).role}"))
        server.dispose()


@contextmanager
def _own_redis(server_url: str) -> Iterator[str]:
    """The server's first empty database, made empty again at the end."""
    for number in range(_REDIS_DATABASES):
        url = redis_url_of(server_url, number)
        with redis.Redis.from_url(url) as client:
            # The mark keeps other sessions out until it is taken away with the rest.
            if client.dbsize() == 0 and client.set("taken-by-tests", 1, nx=True):
                yield url
                client.flushdb()
                return
    raise pytest.UsageError(f"No database of this Redis is empty, of {_REDIS_DATABASES}: tests need one.")


def redis_url_of(server_url: str, number: int) -> str:
    parts = urlsplit(server_url)
    if parts.scheme == "unix":
        # Not by geturl: it makes unix:/path of unix:///path.
        return f"unix://{parts.path}?db={number}"
    return parts._replace(path=f"/{number}").geturl()
