"""The one form of every refusal of this door: `{"error": …, "error_description": …}`, as RFC 6749 has it.

Views raise Authlib's errors and domain errors; the table below says what the latter are to a client.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from api.http import problems, rates
from api.usecases import access, jobs, logins, signs_of_life, slowing
from shared import errors

PREFIX = "/ls/"
BASIC = 'Basic realm="longshore"'
BEARER = 'Bearer realm="longshore", error="invalid_token"'
UNEXPECTED = "The service failed. Its log tells why."
LATER = "The service cannot work just now. Try again soon."

# RFC 6749, section 5.2: what an error_description may not hold.
_UNTELLABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
_NOT_COPIED = {"content-type", "content-length"}


class Meaning(NamedTuple):
    """What a domain error is to a client of this door."""

    status: int
    error: str
    challenge: str | None = None


_UNAVAILABLE = Meaning(503, "temporarily_unavailable")
_UNKNOWN = Meaning(500, "server_error")

MEANINGS: Mapping[type[errors.LongshoreError], Meaning] = {
    logins.UserRefused: Meaning(400, "invalid_grant"),
    logins.ClientRefused: Meaning(401, "invalid_client", BASIC),
    slowing.TooManyFailures: Meaning(429, "temporarily_unavailable"),
    errors.TooManyJobs: Meaning(429, "temporarily_unavailable"),
    rates.TooManyRequests: Meaning(429, "temporarily_unavailable"),
    access.AccessRefused: Meaning(401, "invalid_token", BEARER),
    access.RefreshRefused: Meaning(400, "invalid_grant"),
    access.CommunityRefused: Meaning(400, "invalid_scope"),
    access.CommunityMissing: Meaning(400, "invalid_scope"),
    jobs.JobComesIn: _UNAVAILABLE,
    signs_of_life.UploadGivenUp: _UNAVAILABLE,
    errors.DatabaseUnavailable: _UNAVAILABLE,
    errors.ConflictOfTransactions: _UNAVAILABLE,
    errors.StorageFault: _UNAVAILABLE,
    errors.StorageAway: _UNAVAILABLE,
}


def speak(blueprint: Blueprint) -> None:
    """Let the blueprint tell whatever goes wrong in its requests in this door's form."""
    blueprint.register_error_handler(OAuth2Error, answer_oauth)
    blueprint.register_error_handler(errors.LongshoreError, _answer_domain)
    blueprint.register_error_handler(problems.Refused, _answer_problem)
    blueprint.register_error_handler(HTTPException, _answer_http)


def install(app: Flask) -> None:
    """Tell also what belongs to no blueprint, because nothing under this door has that path or method."""
    app.before_request(_answer_unrouted)


def answer(
    status: int, body: Mapping[str, Any], headers: Iterable[tuple[str, str]] | Mapping[str, str] = ()
) -> Response:
    """A JSON answer; its error_description keeps to the characters that one may have."""
    told = dict(body)
    if "error_description" in told:
        told["error_description"] = tellable(told["error_description"])
    response = jsonify(told)
    response.status_code = status
    response.headers.update(dict(headers))
    return response


def tellable(text: str) -> str:
    """The text in the characters that an error_description may have."""
    return _UNTELLABLE.sub("?", text.replace('"', "'"))


def answer_oauth(error: OAuth2Error) -> Response:
    """The answer for one of Authlib's errors, those included whose body leaves out what they describe."""
    status, body, headers = error()
    return answer(status, body | {"error_description": error.get_error_description()}, headers)


def refusal(status: int, error: str, description: str, **headers: str) -> Response:
    """The answer that says no; `headers` are written with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(status, {"error": error, "error_description": description}, named)


def _answer_domain(error: errors.LongshoreError) -> Response:
    meaning = MEANINGS.get(type(error), _UNKNOWN)
    if isinstance(error, errors.TryLater):
        return refusal(meaning.status, meaning.error, str(error), Retry_After=str(error.retry_seconds))
    if meaning.status < 500:
        challenge = {"WWW_Authenticate": meaning.challenge} if meaning.challenge else {}
        return refusal(meaning.status, meaning.error, str(error), **challenge)
    # The client is told nothing of it, so it must be told here.
    structlog.get_logger().error("request_failed", code=error.code, reason=str(error))
    if meaning.status == 503:
        return refusal(503, meaning.error, LATER, Retry_After=str(problems.RETRY_SECONDS))
    return refusal(meaning.status, meaning.error, UNEXPECTED)


def _answer_problem(error: problems.Refused) -> Response:
    problem = error.problem
    reasons = "; ".join(f"{param.name}: {param.reason}" for param in problem.params)
    body = {"error": "invalid_request", "error_description": reasons or problem.title}
    return answer(problem.status, body, problem.headers)


def _answer_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:
        return refusal(status, "server_error", UNEXPECTED)
    if isinstance(error, RequestEntityTooLarge):
        is_ours = error.description != RequestEntityTooLarge.description
        told = error.description if is_ours else None
        return refusal(413, "invalid_request", told or "The body is larger than this endpoint takes.")
    given = [(name, value) for name, value in error.get_headers() if name.lower() not in _NOT_COPIED]
    name = "invalid_request" if status == 400 else error.name.lower().replace(" ", "_")
    return answer(status, {"error": name, "error_description": error.description or error.name}, given)


def _answer_unrouted() -> Response | None:
    """Before any view: Flask knows by now that there is none, and would ask the application's handlers."""
    error = request.routing_exception
    if error is None or not request.path.startswith(PREFIX) or (error.code or 500) < 400:
        return None
    try:
        rates.count_address()
    except rates.TooManyRequests as refused:
        return _answer_domain(refused)
    return _answer_http(error)
