"""How this door's views say what `/openapi.json` tells of them.

Bad parameters of a job are no refusal here: they are answered with 200 and a job that is Rejected.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask_smorest import Blueprint

from api.liquid.schemas import REFUSAL

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

SCHEME = "liquid"
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token of the Liquid Decisions API, from `/ls/api/oauth2/token`.",
}

TOKEN_REFUSED = {401: "The token is missing, unknown, expired or revoked"}
_ANYWHERE = {
    400: "A parameter is missing or cannot be used",
    429: "Too many requests within a minute",
    413: "The body is larger than this endpoint takes",
    500: "The service failed",
    503: "The service cannot work just now",
}
_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
_TEXT = {"schema": {"type": "string"}}

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def described(
    answer: object,
    body: Mapping[str, object] | None = None,
    refusals: Mapping[int, str] = TOKEN_REFUSED,
    *,
    needs_token: bool = True,
    needs_body: bool = True,
) -> Decorator:
    """A decorator that documents a view: the schemas of its answer and, by content type, of its body."""
    operation: dict[str, Any] = {
        "security": [{SCHEME: []}] if needs_token else [],
        "responses": {200: told("OK", {JSON: answer}), **refusals_of(refusals)},
    }
    if body:
        content = {
            content_type: {"schema": _in(content_type, schema)} for content_type, schema in body.items()
        }
        operation["requestBody"] = {"required": needs_body, "content": content}
    return documented(operation)


def _in(content_type: str, schema: object) -> object:
    """The schema; in a form nothing may come twice, and that is what makes a list of it."""
    if content_type == JSON:
        return schema
    return {"allOf": [schema], "additionalProperties": {"type": ["string", "number", "boolean"]}}


def form(fields: object, as_json: object = None) -> dict[str, object]:
    """A body whose fields may come whichever way."""
    return {FORM: fields, MULTIPART: fields, JSON: as_json or fields}


def documented(operation: Mapping[str, Any]) -> Decorator:
    """A decorator that documents a view by an OpenAPI operation as it stands."""
    decorator: Decorator = Blueprint.doc(**operation)
    return decorator


def told(meaning: str, content: Mapping[str, object], headers: Mapping[str, Any] | None = None) -> object:
    """A response: what it holds, by content type."""
    schemas = {content_type: {"schema": schema} for content_type, schema in content.items()}
    return {"description": meaning, "content": schemas, "headers": headers or {}}


def refusals_of(refusals: Mapping[int, str]) -> dict[int, object]:
    """The responses that say no, by status; those that any call may give are among them."""
    return {
        status: told(meaning, {JSON: REFUSAL}, {_HEADERS[status]: _TEXT} if status in _HEADERS else {})
        for status, meaning in {**_ANYWHERE, **refusals}.items()
    }
