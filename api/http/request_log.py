"""One log line for each request, an id that ties a request's lines together."""

import re
from time import monotonic
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from shared.metrics import metrics

_USABLE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def install(app: Flask) -> None:
    """Watch all requests of the application."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def request_id(given: str | None) -> str:
    """The id the client gave where it is fit for logs and headers, else a new one."""
    return given if given and _USABLE_REQUEST_ID.fullmatch(given) else uuid4().hex


def _begin() -> None:
    clear_contextvars()  # threads serve many requests
    g.began = monotonic()
    g.request_id = request_id(request.headers.get("X-Request-Id"))
    bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    _log(response)
    response.headers["X-Request-Id"] = g.request_id
    if request.method == "HEAD":
        response.close()  # werkzeug drops the body of an answer to HEAD without closing it
    return response


def _forget(_: BaseException | None) -> None:
    clear_contextvars()


def _log(response: Response) -> None:
    """Bodies, tokens, query strings and the path itself (it may hold a documentid) stay out."""
    route = request.url_rule.rule if request.url_rule else None
    quiet = route is not None and route.startswith("/health/")
    seconds = monotonic() - g.began
    # Without a route, method and path are whatever the client likes.
    labels = (request.method, route) if route else ("-", "-")
    metrics().requests.labels(*labels, response.status_code).inc()
    metrics().request_seconds.labels(*labels).observe(seconds)
    logger = structlog.get_logger()
    (logger.debug if quiet else logger.info)(
        "request_answered",
        method=request.method,
        route=route,
        status=response.status_code,
        seconds=round(seconds, 4),
    )
