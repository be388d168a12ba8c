"""Postgres, Redis, an S3 store and a mail catcher in containers of their own, by testcontainers."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.redis import RedisContainer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from shared.embedded import postgres, redis
from shared.embedded.services import ServiceUrls
from tests.s3 import S3, at, make_bucket
from tests.supplies.images import Images
from tests.supplies.leftovers import owner_label, remove_leftovers
from tests.supplies.mails import CaughtMails

REDIS_PORT, MOTO_PORT, SMTP_PORT, MAIL_PAGE_PORT = 6379, 5000, 1025, 8025
POLL_SECONDS, START_SECONDS = 0.1, 60

_ONLY_FOR_SOCKETS = {"listen_addresses", "unix_socket_permissions", "port", "unixsocketperm"}


@contextmanager
def container_services(images: Images, _: Path) -> Iterator[ServiceUrls]:
    """Both with the settings of the embedded ones, and with a password of this session's own."""
    _prepare()
    password = secrets.token_hex(16)
    with _postgres(images.postgres, password) as database, _redis(images.redis, password) as queue:
        database_url = database.get_connection_url(host=_host(database), driver=None)
        yield ServiceUrls(database_url, f"redis://:{password}@{_address(queue, REDIS_PORT)}/0")


@contextmanager
def container_s3(images: Images, _: Path) -> Iterator[S3]:
    """Moto's server, with an empty bucket."""
    _prepare()
    moto = DockerContainer(images.moto, env={"MOTO_PORT": str(MOTO_PORT)}, ports=[MOTO_PORT], **_traits())
    with moto.waiting_for(HttpWaitStrategy(MOTO_PORT)) as running:
        s3 = S3(at(f"http://{_address(running, MOTO_PORT)}"))
        make_bucket(s3)
        yield s3


@contextmanager
def container_mails(images: Images, _: Path) -> Iterator[CaughtMails]:
    """A mail catcher that has caught nothing yet."""
    _prepare()
    catcher = DockerContainer(images.mail, ports=[SMTP_PORT, MAIL_PAGE_PORT], **_traits())
    with catcher.waiting_for(HttpWaitStrategy(MAIL_PAGE_PORT)) as running:
        smtp, page = (_address(running, port) for port in (SMTP_PORT, MAIL_PAGE_PORT))
        yield CaughtMails(f"smtp://{smtp}", f"http://{page}")


def _prepare() -> None:
    remove_leftovers()
    testcontainers_config.sleep_time = POLL_SECONDS
    testcontainers_config.max_tries = round(START_SECONDS / POLL_SECONDS)


def _postgres(image: str, password: str) -> PostgresContainer:
    options = [f"--{name}={value}" for name, value in _settings(postgres.SETTINGS)]
    container = PostgresContainer(
        image, username="postgres", password=password, dbname="longshore", **_traits()
    )
    container.with_env("PGDATA", "/var/lib/postgresql/longshore")
    return container.with_command(["postgres", "--listen_addresses=*", *options])


def _redis(image: str, password: str) -> RedisContainer:
    options = [part for name, value in _settings(redis.SETTINGS) for part in (f"--{name}", value)]
    container = RedisContainer(image, password=password, **_traits())
    return container.with_command(["redis-server", "--requirepass", password, *options])


def _settings(embedded: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in embedded.items() if name not in _ONLY_FOR_SOCKETS]


def _traits() -> dict[str, Any]:
    """What tells later sessions whose it is, and shared memory for parallel queries."""
    return {"labels": owner_label(os.getpid()), "shm_size": "256m"}


def _address(container: DockerContainer, port: int) -> str:
    return f"{_host(container)}:{container.get_exposed_port(port)}"


def _host(container: DockerContainer) -> str:
    # Engines before 23 give IPv6 a port of its own, and `localhost` may mean that.
    host = container.get_container_host_ip()
    return "127.0.0.1" if host == "localhost" else host
