"""The one form of every refusal: `application/problem+json` as the published API prints it.

`Problem` is the value, `Refused` raises one, `answer` writes one. Which domain error is which problem is a
door's own vocabulary: it comes in as a table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import structlog
from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException

from shared.errors import LongshoreError, TryLater

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 2

# They describe the page that werkzeug would have sent.
_NOT_COPIED = {"content-type", "content-length"}


class Param(NamedTuple):
    """One entry of `invalid-params`."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a request was not done. Without `params`, `invalid-params` is left out."""

    status: int
    title: str
    params: tuple[Param, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON object that goes on the wire; `status` is a string there."""
        body: dict[str, Any] = {"title": self.title, "status": str(self.status)}
        if self.params:
            body["invalid-params"] = [param._asdict() for param in self.params]
        return body


class Meaning(NamedTuple):
    """What a domain error is to a client; without a `param` its message stays inside."""

    status: int
    title: str
    param: str | None = None
    retry_seconds: int | None = None  # when to ask again, where waiting may help


class Refused(Exception):
    """Ends the request with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


NOT_FOUND = Problem(status=404, title="Not Found")
UNAVAILABLE = Problem(status=503, title="Service Unavailable", headers={"Retry-After": str(RETRY_SECONDS)})


def problem(status: int, title: str, name: str, reason: str, **headers: str) -> Problem:
    """A problem with one invalid parameter; `headers` are written with `_` for `-`."""
    named = {header.replace("_", "-"): value for header, value in headers.items()}
    return Problem(status=status, title=title, params=(Param(name, reason),), headers=named)


def answer(problem: Problem) -> Response:
    """The response that tells `problem`."""
    response = Response(json.dumps(problem.body()), status=problem.status, content_type=CONTENT_TYPE)
    response.headers.update(problem.headers)
    return response


def problem_of_http(error: HTTPException) -> Problem:
    """The problem of an error that Flask found by itself: no route, wrong method, too long a body."""
    given = {name: value for name, value in error.get_headers() if name.lower() not in _NOT_COPIED}
    status = error.code or 500
    if status == 413:
        params = (Param("body", "The body is larger than this endpoint takes."),)
        return Problem(status=413, title="Content Too Large", params=params)
    return Problem(status=status, title=error.name, headers=given)


def problem_of(error: LongshoreError, meanings: Mapping[type[LongshoreError], Meaning]) -> Problem:
    """The problem of a domain error; 500 for one that no client can cause."""
    meaning = meanings.get(type(error), Meaning(500, "Internal Server Error"))
    params = (Param(meaning.param, str(error)),) if meaning.param else ()
    if meaning.status == 503:
        return replace(UNAVAILABLE, params=params)
    seconds = error.retry_seconds if isinstance(error, TryLater) else meaning.retry_seconds
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return Problem(status=meaning.status, title=meaning.title, params=params, headers=headers)


def install(app: Flask, meanings: Mapping[type[LongshoreError], Meaning]) -> None:
    """Answer `Refused` and domain errors in their one form."""
    app.register_error_handler(Refused, _answer_refused)
    app.register_error_handler(LongshoreError, _answerer(meanings))


def _answer_refused(error: Refused) -> Response:
    return answer(error.problem)


def _answerer(
    meanings: Mapping[type[LongshoreError], Meaning],
) -> Callable[[LongshoreError], Response]:
    def answer_domain_error(error: LongshoreError) -> Response:
        problem = problem_of(error, meanings)
        if problem.status >= 500:
            # The client is told nothing of it, so it must be told here.
            structlog.get_logger().error("request_failed", code=error.code, reason=str(error))
        return answer(problem)

    return answer_domain_error
