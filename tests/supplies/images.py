"""The images that the containers of tests are made of, and whether they can be had."""

import gc
import os
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from docker.errors import DockerException, ImageNotFound
from dotenv import dotenv_values
from requests.exceptions import RequestException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import DockerClient

import docker

# Where `make images-offline` tells the names of the images that it made.
OFFLINE = Path(__file__).parents[2] / "docker/offline.env"
ENGINE_SECONDS = 5
RYUK_DISABLED = "TESTCONTAINERS_RYUK_DISABLED"


class Images(NamedTuple):
    """Names as Docker knows them."""

    postgres: str = "postgres:18"
    redis: str = "redis:8"
    moto: str = "motoserver/moto:5.2.5"
    mail: str = "axllent/mailpit:v1.27"


class FleetImages(NamedTuple):
    """The same for what docker/fleet.sh starts; longshore's own is made of the first one."""

    python: str = "python:3.13-slim"
    haproxy: str = "haproxy:3.2"
    postgres: str = "postgres:18"
    redis: str = "redis:8"
    s3: str = "versity/versitygw:v1.8.0"
    mail: str = "axllent/mailpit:v1.27"


AnyImages = TypeVar("AnyImages", Images, FleetImages)


def read_images(environment: Mapping[str, str], offline: Path = OFFLINE) -> Images:
    """What POSTGRES_IMAGE and its like say, in offline.env or after it in the environment."""
    return _named(Images, {**environment, **dotenv_values(offline)})


def read_fleet_images(environment: Mapping[str, str], offline: Path = OFFLINE) -> FleetImages:
    """The same for a fleet, where the environment has the last word."""
    return _named(FleetImages, {**dotenv_values(offline), **environment})


def _named(kind: type[AnyImages], told: Mapping[str, str | None]) -> AnyImages:
    names = {field: told.get(f"{field.upper()}_IMAGE") for field in kind._fields}
    return kind(**{field: name for field, name in names.items() if name})


def why_not(images: Iterable[str]) -> str | None:
    """What keeps these images from being used; None where nothing does.

    A moment's work where they are here; else the registry is asked about each that is not.
    """
    client = _connect()
    if client is None:
        return "no Docker engine answers"
    try:
        _do_without_ryuk_unless_here(client)
        missing = next((name for name in images if not _can_be_had(client, name)), None)
    finally:
        client.close()
    return missing and f"the image {missing} is not here and cannot be pulled (make images-offline makes one)"


def _connect() -> docker.DockerClient | None:
    # The client leaves the socket by which it found nobody to the garbage collector, which warns of it.
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        with suppress(DockerException, RequestException):
            return DockerClient(timeout=ENGINE_SECONDS).client
        gc.collect()
    return None


def _can_be_had(client: docker.DockerClient, name: str) -> bool:
    return _is_here(client, name) or _can_be_pulled(client, name)


def _is_here(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _can_be_pulled(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get_registry_data(name)
    except (DockerException, RequestException):
        return False
    return True


def _do_without_ryuk_unless_here(client: docker.DockerClient) -> None:
    """Ryuk, which removes what killed sessions leave, is one more image: without it the next session does."""
    if RYUK_DISABLED not in os.environ and not _can_be_had(client, testcontainers_config.ryuk_image):
        os.environ[RYUK_DISABLED] = "true"
