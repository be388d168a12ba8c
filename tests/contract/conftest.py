"""A client of one data service, over the application and real services."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.http import grounds
from api.usecases import tokens
from api.usecases.services import Service
from shared.ground import Ground
from shared.settings import Settings

IMPORTS = "/__resources/imports"


class ThoroughClient(FlaskClient):
    """Takes each answer to its end and closes it, as a server does."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        return super().open(*args, **({"buffered": True} | options))


@dataclass(frozen=True)
class Caller:
    """Sends requests to a data service with a good token, unless told otherwise."""

    client: FlaskClient
    service: Service
    token: str

    def __call__(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        given = {name: value for name, value in headers.items() if value is not None}
        host = f"http://{self.service.name}.localhost"
        return self.client.open(path, method=method, base_url=host, headers=given, **options)

    def new_import(self, *strategies: str) -> int:
        """A new import's id."""
        configuration = {"strategy": list(strategies or ("create", "update")), "collection": "/contacts"}
        return int(self("POST", IMPORTS, json=configuration).get_json()["importid"])

    def add_block(self, import_id: int, data: Any, **headers: str) -> TestResponse:
        """Send `data` as a block; `headers` are written with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        options: dict[str, Any] = {"data": data, "content_type": "application/x-ndjson", "headers": named}
        return self("POST", f"{IMPORTS}/{import_id}/blocks", **options)


@contextmanager
def application(settings: Settings) -> Iterator[Flask]:
    """The application for as long as the body runs."""
    made = create_app(settings)
    made.test_client_class = ThoroughClient
    yield made
    grounds.close(made)


@pytest.fixture(scope="session")
def app(ground: Ground, settings: Settings) -> Iterator[Flask]:
    """The application on this session's services, which are migrated; one for all, as it takes its time."""
    with application(settings) as made:
        yield made


@pytest.fixture
def call(app: Flask, service: Service, secret: str) -> Caller:
    """A client of `service`."""
    return Caller(app.test_client(), service, tokens.mint(secret, None))
