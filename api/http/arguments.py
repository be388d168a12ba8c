"""Query strings and JSON bodies into checked values; a refusal names each wrong or unknown property."""

from collections.abc import Mapping
from typing import Any, NoReturn

import flask_smorest
import orjson
from flask import Request
from marshmallow import RAISE, Schema, ValidationError
from webargs.core import is_json
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.problems import Param, Problem, Refused, problem

JSON_LIMIT_BYTES = 64 * 1024

TITLES = {"json": "JSON does not validate.", "query": "Query does not validate."}
NOT_JSON = problem(415, "Invalid content-type", "Content-type", "Expected content-type: application/json")
ENCODED_JSON = problem(
    415, "Invalid content-encoding", "Content-Encoding", "A JSON body is taken without content-encoding"
)


class ArgumentsParser(FlaskParser):
    """Refuses with 400 and our problem body where webargs would answer 422 with its own."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"json": RAISE, "query": RAISE}  # noqa: RUF012

    def load_json(self, req: Request, schema: Schema) -> object:
        """The body's value. orjson, because it refuses NaN, lone surrogates and absurd nesting."""
        if not is_json(req.mimetype):
            raise Refused(NOT_JSON)
        if req.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused(ENCODED_JSON)
        body = req.get_data()
        if len(body) > JSON_LIMIT_BYTES:
            # Werkzeug hands out a chunked body cut off at its limit as if that were all of it.
            raise RequestEntityTooLarge
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refused(problem(400, TITLES["json"], "body", f"Not JSON: {error}")) from error

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        """Raise Refused with one entry for each property that is wrong."""
        messages: dict[str, Any] = error.messages_dict
        [(location, properties)] = messages.items()
        params = tuple(Param(_name(key), _reason(messages)) for key, messages in properties.items())
        refusal = Problem(status=error_status_code or 400, title=TITLES[location], params=params)
        raise Refused(refusal) from error


class Blueprint(flask_smorest.Blueprint):
    """A blueprint whose arguments are parsed by our rules."""

    ARGUMENTS_PARSER = ArgumentsParser()


def _name(key: str) -> str:
    return "body" if key == "_schema" else key


def _reason(messages: Mapping[int, Any] | list[str]) -> str:
    """Messages come as a list of texts, or as a mapping from a list's index to such a list."""
    if isinstance(messages, Mapping):
        return " ".join(f"[{index}] {_reason(inner)}" for index, inner in messages.items())
    return " ".join(messages)
