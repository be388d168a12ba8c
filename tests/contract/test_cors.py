"""Pages of other origins: those that are listed may call both doors from a browser, others get nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.errors import SettingsInvalid
from shared.ground import Ground
from shared.settings import Settings
from tests.contract.conftest import IMPORTS, Caller, application
from tests.contract.liquid import liquid_client

PAGE, OTHER_PAGE, LOCAL_PAGE = "https://app.example", "http://localhost:3000", "http://[::1]:3000"
STATUS = "/ls/api/batch/status"


@pytest.fixture(scope="module")
def opened(ground: Ground, settings: Settings) -> Iterator[Flask]:
    with application(replace(settings, cors_origins=(PAGE, OTHER_PAGE, LOCAL_PAGE))) as made:
        yield made


@pytest.fixture
def browser(opened: Flask) -> FlaskClient:
    return opened.test_client()


@pytest.fixture
def caller(call: Caller, browser: FlaskClient) -> Caller:
    return replace(call, client=browser)


def preflight(client: FlaskClient, path: str, method: str, origin: str, headers: str) -> TestResponse:
    """The question that a browser asks before a request of a page."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return client.options(path, headers=asked)


def granted(response: TestResponse) -> dict[str, str]:
    """What a browser is allowed, by headers that each come once."""
    found = [(name, value) for name, value in response.headers if name.startswith("Access-Control-")]
    assert len(found) == len(dict(found)), found
    return {name.removeprefix("Access-Control-"): value for name, value in found}


@pytest.mark.parametrize("origin", [PAGE, OTHER_PAGE, LOCAL_PAGE])
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("PATCH", f"{IMPORTS}/1", "authorization,content-type"),
        ("POST", f"{IMPORTS}/1/blocks", "authorization,content-digest,content-encoding,content-type"),
        ("DELETE", f"{IMPORTS}/1", "authorization"),
        ("GET", "/films/1", "authorization,x-request-id"),
        ("HEAD", "/films/1", "authorization"),
        ("POST", STATUS, "authorization,x-liquidplatform-community"),
        ("POST", "/ls/api/items/upsert", "authorization,content-type"),
        ("GET", "/ls/api/batch/download/none/file.csv", "range"),
    ],
)
def test_a_listed_page_may_ask(browser: FlaskClient, origin: str, method: str, path: str, headers: str):
    answered = preflight(browser, path, method, origin, headers)

    allowed = granted(answered)
    assert answered.status_code == 204
    assert allowed["Allow-Origin"] == origin
    assert method in allowed["Allow-Methods"].split(", ")
    assert sorted(allowed["Allow-Headers"].lower().split(", ")) == sorted(headers.split(","))
    assert "Allow-Credentials" not in allowed
    assert "Origin" in answered.vary


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.evil.example",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://appxexample",
        "https://app.example/",
        "null",
        "*",
        "",
    ],
)
@pytest.mark.parametrize("path", [IMPORTS, STATUS])
def test_a_strange_page_gets_nothing(caller: Caller, origin: str, path: str):
    asked = preflight(caller.client, path, "GET", origin, "authorization")
    answered = caller("GET", path, headers={"Origin": origin})

    assert granted(asked) == granted(answered) == {}


@pytest.mark.parametrize("headers", ["cookie", "x-anything", "authorization,x-anything"])
def test_only_headers_that_mean_something_are_allowed(browser: FlaskClient, headers: str):
    allowed = granted(preflight(browser, IMPORTS, "GET", PAGE, headers)).get("Allow-Headers", "")

    assert "x-anything" not in allowed
    assert "cookie" not in allowed


def test_answers_can_be_read_refusals_included(caller: Caller, ground: Ground, browser: FlaskClient):
    page = {"Origin": PAGE}
    liquid = liquid_client(browser, ground, caller.service)
    answers = [
        (200, caller("GET", IMPORTS, headers=page)),
        (401, caller("GET", IMPORTS, headers=page | {"Authorization": None})),
        (404, caller("GET", f"{IMPORTS}/999999999", headers=page)),
        (404, caller("GET", "/__resources/nothing", headers=page)),
        (404, liquid(STATUS, data={"jobId": "none"}, headers=page)),
        (401, browser.post(STATUS, headers=page)),
        (404, browser.get("/ls/nothing", headers=page)),
    ]

    for status, answered in answers:
        allowed = granted(answered)
        assert answered.status_code == status
        assert allowed["Allow-Origin"] == PAGE
        assert {"Retry-After", "X-Request-Id", "Rejections-Not-Kept"} <= set(
            allowed["Expose-Headers"].split(", ")
        )
        assert "Allow-Credentials" not in allowed


def test_who_sends_no_origin_is_told_none(caller: Caller):
    answered = caller("GET", IMPORTS)

    assert granted(answered) == {}
    assert "Origin" in answered.vary


@pytest.mark.parametrize("path", [IMPORTS, STATUS, "/docs", "/openapi.json"])
def test_without_a_setting_no_page_gets_anything(call: Caller, path: str):
    assert granted(call("GET", path, headers={"Origin": PAGE})) == {}
    assert granted(preflight(call.client, path, "GET", PAGE, "authorization")) == {}


def test_a_question_that_is_no_preflight_needs_a_token(caller: Caller):
    asked = caller("OPTIONS", IMPORTS, headers={"Origin": PAGE, "Authorization": None})

    assert asked.status_code == 401


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://*.example",
        "null",
        "app.example",
        "https://app.example/",
        "https://a.example,",
        "ftp://a",
        "",
    ],
)
def test_what_is_no_origin_is_refused(environment: dict[str, str], origins: str):
    with pytest.raises(SettingsInvalid, match="LONGSHORE_CORS_ORIGINS: must be origins such as"):
        Settings.read(environment | {"LONGSHORE_CORS_ORIGINS": origins})


def test_origins_are_listed_with_commas(environment: dict[str, str]):
    settings = Settings.read(environment | {"LONGSHORE_CORS_ORIGINS": f"{PAGE}, {LOCAL_PAGE}"})

    assert settings.cors_origins == (PAGE, LOCAL_PAGE)
