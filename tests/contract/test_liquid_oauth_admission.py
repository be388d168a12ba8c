"""Who is let in to the Liquid Decisions API, and the one form of everything it refuses."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from itertools import count

import pytest
from flask import Blueprint, abort, jsonify
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from api.http import problems
from api.liquid import errors
from api.liquid.admission import admit_liquid, current_access, current_service
from api.usecases import access, accounts
from api.usecases.access import Holder
from api.usecases.accounts import User
from api.usecases.services import Service
from shared.ground import Ground
from shared.settings import Settings
from tests.contract.conftest import application

WORK = "/ls/api/work"
NOW = datetime.now(UTC)
_numbers = count(1)


@pytest.fixture(scope="module")
def client(ground: Ground, settings: Settings) -> Iterator[FlaskClient]:
    """A client of an application with some views that need a community."""
    blueprint = Blueprint("liquid_work", __name__, url_prefix=WORK)
    blueprint.before_request(admit_liquid)
    errors.speak(blueprint)

    @blueprint.post("")
    def work():
        return jsonify(service=current_service().name, user=current_access().holder.user.email)

    @blueprint.post("/<what>")
    def fail(what: str):
        if what == "problem":
            raise problems.Refused(problems.problem(415, "Wrong", "Content-Encoding", "Expected gzip"))
        if what == "broken":
            raise RuntimeError("a secret detail")
        abort(int(what))

    with application(settings) as app:
        app.register_blueprint(blueprint)
        yield app.test_client()


@pytest.fixture
def user(ground: Ground, service: Service) -> User:
    return accounts.add_user(ground, f"bob-{next(_numbers)}@example.org", "a-password", [service.name])


@pytest.fixture
def headers(ground: Ground, user: User, service: Service) -> dict[str, str]:
    """Those of a request that is let in."""
    return bearer(ground, user, service.name)


def bearer(ground: Ground, user: User, community: str | None = None, **headers: str) -> dict[str, str]:
    issued = access.issue(ground, Holder(user=user), community=community, properties="", now=NOW)
    return {"Authorization": f"Bearer {issued.access_token}"} | headers


def test_a_token_with_a_community_is_let_in_to_it(client, ground, user, service) -> None:
    response = client.post(WORK, headers=bearer(ground, user, service.name))

    assert response.get_json() == {"service": service.name, "user": user.email}


def test_a_token_without_a_community_is_not_let_in(client, ground, user) -> None:
    response = client.post(WORK, headers=bearer(ground, user))

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_scope")
    assert "setCommunity" in response.get_json()["error_description"]


def test_the_platforms_header_names_the_community_but_not_another_one(client, ground, user, service) -> None:
    named = {"X-LiquidPlatform-community": service.name.upper()}
    other = {"X-LiquidPlatform-community": "other"}

    assert client.post(WORK, headers=bearer(ground, user) | named).status_code == 200
    assert client.post(WORK, headers=bearer(ground, user, service.name) | named).status_code == 200
    for headers in (bearer(ground, user) | other, bearer(ground, user, service.name) | other):
        refused = client.post(WORK, headers=headers)
        assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (None, 'Bearer realm="longshore"'),
        ("Bearer ", 'Bearer realm="longshore"'),
        ("Basic YTpi", 'Bearer realm="longshore"'),
        ("Bearer unknown", 'Bearer realm="longshore", error="invalid_token"'),
        ("bearer é", 'Bearer realm="longshore", error="invalid_token"'),
    ],
)
@pytest.mark.parametrize("path", [WORK, "/ls/api/oauth2/validate", "/ls/api/oauth2/tokenInfo"])
def test_without_a_good_token_nobody_is_let_in(client, path, header, challenge) -> None:
    response = client.post(path, headers={"Authorization": header} if header else {})

    assert (response.status_code, response.get_json()["error"]) == (401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == challenge


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("POST", "/problem", 415, "invalid_request"),
        ("POST", "/broken", 500, "server_error"),
        ("POST", "/400", 400, "invalid_request"),
        ("POST", "/404", 404, "not_found"),
        ("POST", "/413", 413, "invalid_request"),
        ("POST", "/415", 415, "unsupported_media_type"),
        ("PUT", "", 405, "method_not_allowed"),
        ("GET", "/no/such/path", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
    ],
)
def test_all_that_is_refused_has_one_form(client, headers, method, path, status, error) -> None:
    response = client.open(WORK + path, method=method, headers=headers)

    body = response.get_json()
    assert (response.status_code, body["error"], set(body)) == (status, error, {"error", "error_description"})
    assert "secret detail" not in response.text
    assert ("Allow" in response.headers) is (status == 405)


def test_a_form_that_is_too_large_is_refused(client) -> None:
    response = client.post("/ls/api/oauth2/token", data={"grant_type": "x" * 100_000})

    assert (response.status_code, response.get_json()["error"]) == (413, "invalid_request")


def test_other_doors_keep_their_own_form(client) -> None:
    response = client.put("/health/live")

    assert response.status_code == 405
    assert response.content_type == "application/problem+json"


def test_without_the_database_a_request_may_be_tried_again(settings: Settings) -> None:
    url = "postgresql://longshore@localhost:1/nowhere"

    with application(replace(settings, database_url=url)) as app, capture_logs() as logs:
        response = app.test_client().get("/ls/api/oauth2/validate", headers={"Authorization": "Bearer x"})

    assert (response.status_code, response.get_json()["error"]) == (503, "temporarily_unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert "request_failed" in [line["event"] for line in logs]


@pytest.mark.parametrize(("number", "trusted", "expected"), [(0, "10.4.9.9", 429), (1, "10.4.0.0/24", 400)])
def test_behind_a_trusted_load_balancer_addresses_are_told_apart(
    settings, ground, number, trusted, expected
) -> None:
    form = {"grant_type": "password", "password": "wrong"}

    with application(replace(settings, trusted_proxies=(ip_network(trusted),))) as app:
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"10.4.0.{number}"
        for guess in range(101):
            answered = client.post(
                "/ls/api/oauth2/token",
                data=form | {"username": f"{number}-{guess}"},
                headers={"X-Forwarded-For": f"10.5.{number}.{guess}"},
            )

    assert answered.status_code == expected
