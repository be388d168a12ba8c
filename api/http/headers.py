"""Headers that all answers carry, whatever made them: what a browser may not do with them.

A page of ours that needs more than nothing says so itself, as the documentation does.
"""

from flask import Flask, Response

from shared.settings import Settings

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}

# For the host itself only: others below the same name are not ours to decide about.
HTTPS_ONLY = "max-age=31536000"


def install(app: Flask, settings: Settings) -> None:
    """Give each answer what its view has not given it."""
    headers = headers_for(settings.public_url)

    @app.after_request
    def complete(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response


def headers_for(public_url: str) -> dict[str, str]:
    """Clients that know the service by https are told never to come without (RFC 6797)."""
    if public_url.lower().startswith("https://"):
        return HEADERS | {"Strict-Transport-Security": HTTPS_ONLY}
    return HEADERS
