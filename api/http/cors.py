"""Which pages of other origins a browser lets read our answers: those that a setting lists, else none.

They send their token in a header of their own. Cookies and a browser's own logins are never asked for.
"""

import re
from collections.abc import Iterable

from flask import Flask, Response, request
from flask_cors import CORS

from shared.settings import Settings

METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Digest",
    "Content-Encoding",
    "Content-Type",
    "If-None-Match",
    "Range",
    "X-Request-Id",
)
ANSWER_HEADERS = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Rejections-Not-Kept",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
REMEMBERED_SECONDS = 600


def install(app: Flask, settings: Settings, request_headers: Iterable[str] = ()) -> None:
    """Let pages of the listed origins in; `request_headers` are those of a door beside the usual ones."""
    if not settings.cors_origins:
        return
    app.before_request(_answer_preflight)
    app.after_request(_vary)
    CORS(
        app,
        origins=[_exactly(origin) for origin in settings.cors_origins],
        methods=METHODS,
        allow_headers=[*REQUEST_HEADERS, *request_headers],
        expose_headers=ANSWER_HEADERS,
        max_age=REMEMBERED_SECONDS,
        vary_header=False,
    )


def _exactly(origin: str) -> re.Pattern[str]:
    """Only the origin itself: the library would take the brackets of an IPv6 address for a pattern."""
    return re.compile(re.escape(origin) + r"\Z", re.IGNORECASE)


def _answer_preflight() -> Response | None:
    """Before anybody is asked for a token: a browser sends none with the question whether it may."""
    is_preflight = (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )
    return Response(status=204) if is_preflight else None


def _vary(response: Response) -> Response:
    response.vary.add("Origin")
    return response
