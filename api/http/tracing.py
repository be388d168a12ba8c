"""A span for each request, below the one that its `traceparent` names, where spans are sent anywhere.

OpenTelemetry's own instrumentation of Flask is not used, because it tells paths and queries. They hold ids of
documents and the secrets of download links.
"""

from contextlib import ExitStack

from flask import Flask, Response, g, request

from shared import tracing
from shared.settings import Settings

_UNSEEN = ("/health/", "/metrics")


def install(app: Flask, settings: Settings) -> None:
    """Watch the requests of the application; probes are too many and say too little."""
    if not settings.is_traced:
        return

    @app.before_request
    def begin() -> None:
        tracing.begin(settings, "api")
        _begin_span()

    app.after_request(_note)
    app.teardown_request(_end)


def _begin_span() -> None:
    route = _route()
    if route is not None and route.startswith(_UNSEEN):
        return
    g.span = ExitStack()
    g.span.enter_context(
        tracing.span(
            f"{request.method} {route}" if route else "no such route",
            kind="request",
            parent=request.headers.get("traceparent"),
            request_id=g.request_id,
        )
    )


def _note(response: Response) -> Response:
    service, route = g.get("service"), _route()
    # Without a route the method is whatever the client likes.
    asked = {"http.request.method": request.method, "http.route": route} if route else {}
    told = {"http.response.status_code": response.status_code}
    tracing.note(**asked, **told, service=service.name if service else None)
    if response.status_code >= 500:
        tracing.fail(response.status)
    return response


def _end(_: BaseException | None) -> None:
    if (span := g.pop("span", None)) is not None:
        span.close()


def _route() -> str | None:
    return request.url_rule.rule if request.url_rule else None
