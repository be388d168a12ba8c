"""What the stack stands on: Postgres, Redis and storage, embedded unless the environment names its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from api.cli.stack_folder import StackFolder
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.process import Program
from shared.embedded.redis import EmbeddedRedis
from shared.embedded.sockets import make_socket_folder
from shared.settings import PREFIX, Settings

URLS = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL")

# For the command line as a client; the service itself knows no such settings.
CLIENT_SETTINGS = ("LONGSHORE_URL", "LONGSHORE_TOKEN")

# Of the service itself, a bucket, mails and traces.
_OWN = (PREFIX, "AWS_", "SMTP_URL", "OTEL_")


@dataclass(frozen=True)
class EmbeddedService:
    """One service that we run ourselves."""

    title: str
    prepare: Callable[[], Program]
    is_ready: Callable[[], bool]


@dataclass(frozen=True)
class Foundation:
    """Which services to run, and where they and the given ones answer."""

    embedded: list[EmbeddedService]
    redis: EmbeddedRedis | None  # None: the environment names a Redis
    urls: dict[str, str]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """The environment of the stack's own programs."""
        return without_client_settings(given) | self.urls

    def settings(self, given: Mapping[str, str]) -> Settings:
        """The same as settings. Raises SettingsInvalid."""
        return Settings.read(self.environment(given))


def lay_foundation(folder: StackFolder, given: Mapping[str, str]) -> Foundation:
    """Decide, per service, between the environment's and our own."""
    sockets = make_socket_folder(folder.run)
    postgres = EmbeddedPostgres(
        folder=folder.postgres, sockets=sockets / "postgres", log=folder.logs / "postgres.log"
    )
    redis = EmbeddedRedis(folder=folder.redis, sockets=sockets, log=folder.logs / "redis.log")
    own = {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": redis.url,
        "STORAGE_URL": f"file://{quote(str(folder.blocks))}",
        "SMTP_URL": folder.mails_url,
    }
    embedded = []
    if not given.get("DATABASE_URL"):
        embedded.append(EmbeddedService("Postgres", postgres.prepare, postgres.is_ready))
    if not given.get("REDIS_URL"):
        embedded.append(EmbeddedService("Redis", redis.prepare, redis.is_ready))
    urls = {name: given.get(name) or url for name, url in own.items()}
    return Foundation(embedded, None if given.get("REDIS_URL") else redis, urls)


def without_client_settings(given: Mapping[str, str]) -> dict[str, str]:
    """The environment as the service may see it."""
    return {name: value for name, value in given.items() if name not in CLIENT_SETTINGS}


def service_settings(given: Mapping[str, str], urls: Mapping[str, str]) -> Settings:
    """Settings of a stack that runs at `urls`, with the environment's own besides."""
    own = {name: value for name, value in given.items() if name.startswith(_OWN)}
    return Settings.read({**without_client_settings(own), **urls})
