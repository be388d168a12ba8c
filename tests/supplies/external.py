"""A database and a prefix of its own on servers that run already, where nothing is left but mails."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import obstore
import pytest
import redis
from sqlalchemy import create_engine, make_url, text

from shared.db.queries.reader import reader_of
from shared.embedded.services import ServiceUrls
from tests.s3 import S3
from tests.supplies.mails import CaughtMails

_REDIS_DATABASES = 16  # of a server that was not told otherwise
# Keeps other sessions out of a database of Redis.
_MARK = "taken-by-tests"


@contextmanager
def external_services(given: ServiceUrls, _: Path) -> Iterator[ServiceUrls]:
    with _own_database(given.database_url) as database_url, own_redis(given.redis_url) as redis_url:
        yield ServiceUrls(database_url, redis_url)


@contextmanager
def external_s3(url: str, access: Mapping[str, str], _: Path) -> Iterator[S3]:
    """What is under a prefix of this session's own; removed at the end."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    own = "/".join(filter(None, (prefix.strip("/"), f"longshore_tests_{secrets.token_hex(4)}")))
    s3 = S3(access, f"s3://{bucket}/{own}")
    try:
        yield s3
    finally:
        objects = s3.bucket(own)
        for found in obstore.list(objects):
            obstore.delete(objects, [each["path"] for each in found])


@contextmanager
def external_mails(smtp_url: str, page_url: str, _: Path) -> Iterator[CaughtMails]:
    yield CaughtMails(smtp_url, page_url)


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
def own_redis(server_url: str) -> Iterator[str]:
    """The server's first empty database, made empty again at the end."""
    for number in range(_REDIS_DATABASES):
        url = redis_url_of(server_url, number)
        with redis.Redis.from_url(url) as client:
            if client.dbsize() == 0 and client.set(_MARK, 1, nx=True):
                try:
                    yield url
                finally:
                    client.flushdb()
                return
    raise pytest.UsageError(f"No database of this Redis is empty, of {_REDIS_DATABASES}: tests need one.")


def empty_redis(url: str) -> None:
    """Let Redis forget everything, but not that its database is taken, where it is."""
    with redis.Redis.from_url(url) as client, client.pipeline() as at_once:
        is_taken = client.exists(_MARK)
        at_once.flushdb()
        if is_taken:
            at_once.set(_MARK, 1)
        at_once.execute()


def redis_url_of(server_url: str, number: int) -> str:
    parts = urlsplit(server_url)
    if parts.scheme == "unix":
        # Not by geturl: it makes unix:/path of unix:///path.
        return f"unix://{parts.path}?db={number}"
    return parts._replace(path=f"/{number}").geturl()
