"""The API's description at /openapi.json, made from the views: what is documented is what is checked.

Problems are described by the very values that are answered, grouped by status.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from flask import Flask, Response
from flask_smorest import Api
from flask_smorest.response import ResponseMixin
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from api.http.problems import CONTENT_TYPE, Problem, answer, problem_of_http

INFO = {
    "description": (
        "Bulk import and export of JSON documents. In the Datastore imports API: create an import, add blocks"
        " of NDJSON, set its status to `started`, watch its counters, read what was rejected and why. The"
        " data service is taken from the host name, `NAME.<base domain>`; every other host name means the"
        " default one.\n\nUnder `/ls/api` is the Liquid Decisions API: batch jobs that import and export"
        " files of items. Bad parameters of a job are answered with 200 and a job that is `Rejected`, and"
        " says why."
    ),
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": (
        "A JSON Web Token signed (HS256, HS384 or HS512) with an active secret of the data service, its"
        " audience `datastore.developers`; `exp` and `nbf` are honoured."
    ),
}
OPTIONS = {
    "info": INFO,
    "servers": [{"url": "/", "description": "The service that sent this description."}],
    "security": [{"bearer": []}],
}


class ParamSchema(Schema):
    """One reason."""

    name = fields.String(required=True, metadata={"description": "What is wrong, usually a property."})
    reason = fields.String(required=True, metadata={"description": "Why, for a person to read."})


class ProblemSchema(Schema):
    """Why a request was not done."""

    title = fields.String(required=True)
    status = fields.String(required=True, metadata={"description": "The status code, as text."})
    invalid_params = fields.List(fields.Nested(ParamSchema), data_key="invalid-params")


class DescribedApi(Api):
    """An API whose errors are problem bodies, and nothing else."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Answer what Flask found by itself."""
        return answer(problem_of_http(error))


def describe(app: Flask) -> DescribedApi:
    """The API to register blueprints with; it serves its own description."""
    app.config.update(
        API_TITLE="Longshore",
        API_VERSION="1.0",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = DescribedApi(app, spec_kwargs=OPTIONS)
    api.spec.components.security_scheme("bearer", BEARER)
    return api


def problems(*told: Problem) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that documents the problems a view may answer with."""
    by_status = groupby(sorted(told, key=_status), key=_status)
    described = [_documented(status, list(group)) for status, group in by_status]

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        for document in described:
            view = document(view)
        return view

    return decorate


def _status(problem: Problem) -> int:
    return problem.status


def _documented(status: int, told: list[Problem]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    decorator: Callable[[Callable[..., Any]], Callable[..., Any]] = ResponseMixin().alt_response(
        status,
        schema=ProblemSchema,
        content_type=CONTENT_TYPE,
        description="; ".join(dict.fromkeys(problem.title for problem in told)),
        examples={f"problem{number}": _example(problem) for number, problem in enumerate(told, 1)},
        headers={name: {"schema": {"type": "string"}} for problem in told for name in problem.headers},
    )
    return decorator


def _example(problem: Problem) -> dict[str, Any]:
    summary = problem.params[0].reason if problem.params else problem.title
    return {"summary": summary, "value": problem.body()}
