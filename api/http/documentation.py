"""The documentation page: Swagger UI from the installed package, with nothing from any other host."""

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

FILES = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})

# Swagger UI sets style attributes and draws its icons from data: URLs; scripts come from us alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Longshore API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

# Without a validatorUrl of null the page would send the description's address to a public validator.
START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null
});
"""

blueprint = Blueprint("documentation", __name__, url_prefix="/docs")


@blueprint.get("")
def page() -> Response:
    """The page itself."""
    return Response(PAGE, content_type="text/html; charset=utf-8")


@blueprint.get("/start.js")
def start() -> Response:
    """The script that opens our description. Its own file, because the policy forbids inline scripts."""
    return Response(START, content_type="text/javascript; charset=utf-8")


@blueprint.get("/<name>")
def file(name: str) -> Response:
    """One of Swagger UI's files."""
    if name not in FILES:
        raise NotFound
    return send_from_directory(Path(flask_swagger_ui.__file__).parent / "dist", name)


@blueprint.after_request
def _restrict(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response
