"""The API process: an application made of its parts. gunicorn serves `api.app:create_app()`."""

import os
from types import TracebackType
from typing import cast

import structlog
from flask import Flask
from flask.json.provider import DefaultJSONProvider

from api.datastore import blocks, documents, imports, rejections, routing
from api.datastore.vocabulary import MEANINGS
from api.http import (
    bodies,
    callers,
    cors,
    documentation,
    draining,
    grounds,
    headers,
    health,
    looking,
    metrics,
    openapi,
    problems,
    rates,
    request_log,
    tracing,
)
from api.http.arguments import JSON_LIMIT_BYTES
from api.liquid import description as liquid_description
from api.liquid import downloads, items, jobs, oauth
from api.liquid import errors as liquid_errors
from api.liquid.admission import COMMUNITY_HEADER
from shared import logs
from shared.settings import Settings

ExceptionFound = tuple[type[BaseException], BaseException, TracebackType | None]

BLUEPRINTS = (
    imports.blueprint,
    blocks.blueprint,
    rejections.blueprint,
    documents.blueprint,
    health.blueprint,
)

LIQUID_BLUEPRINTS = (oauth.blueprint, jobs.blueprint, downloads.blueprint, items.blueprint)


class Application(Flask):
    """Flask, with what nobody expected logged once and in our form."""

    def log_exception(self, exc_info: ExceptionFound | tuple[None, None, None]) -> None:
        structlog.get_logger().error("request_broke", exc_info=exc_info)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Reads the environment only where no settings are given; connects to nothing.

    Raises SettingsInvalid.
    """
    settings = settings or Settings.read(os.environ)
    logs.configure(settings)
    app = Application("longshore", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = JSON_LIMIT_BYTES + 1
    _find_callers_address(app, settings)
    _answer_in_order(app)
    grounds.install(app, settings)
    looking.install(app)
    request_log.install(app)
    tracing.install(app, settings)
    headers.install(app, settings)
    cors.install(app, settings, [COMMUNITY_HEADER])
    draining.install(app)
    bodies.install(app)
    routing.install(app)
    problems.install(app, MEANINGS)
    api = openapi.describe(app)
    api.spec.components.security_scheme(liquid_description.SCHEME, liquid_description.BEARER)
    liquid_errors.install(app)
    rates.install(app, settings)
    for blueprint in (*BLUEPRINTS, *LIQUID_BLUEPRINTS):
        api.register_blueprint(blueprint)
    app.register_blueprint(documentation.blueprint)
    metrics.install(app, settings)
    return app


def _find_callers_address(app: Flask, settings: Settings) -> None:
    """Failed logins are counted by address: behind a load balancer everyone would have the same one."""
    if settings.trusted_proxies:
        proxies = callers.Proxies(settings.trusted_proxies)
        app.wsgi_app = callers.Callers(app.wsgi_app, proxies)  # type: ignore[method-assign]


def _answer_in_order(app: Flask) -> None:
    provider = cast(DefaultJSONProvider, app.json)
    provider.sort_keys = False  # properties in the order of the published reference
    provider.compact = True
