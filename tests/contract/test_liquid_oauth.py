"""Tokens of the Liquid Decisions API, asked for as the vendor's sample programs do."""

from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from api.usecases import accounts
from api.usecases.services import Service
from shared.ground import Ground

OAUTH = "/ls/api/oauth2"
_numbers = count(1)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client with an address of its own: failed logins are counted by address."""
    number = next(_numbers)
    made = app.test_client()
    made.environ_base["REMOTE_ADDR"] = f"10.3.{number // 250}.{number % 250}"
    return made


@pytest.fixture
def password_form(ground: Ground, service: Service) -> dict[str, str]:
    """What a user of `service` logs in with."""
    email = f"ann@{service.name}.example.org"
    accounts.add_user(ground, email, "right-one", [service.name])
    return {"grant_type": "password", "username": email, "password": "right-one"}


@pytest.fixture
def oauth_client(ground: Ground, service: Service) -> tuple[str, str]:
    """The id and secret of a client that may reach `service` without a user."""
    made = accounts.add_client(ground, f"app-{service.name}", "s3cret +%", [service.name])
    return made.id, "s3cret +%"


@pytest.fixture
def ask(client: FlaskClient) -> Callable[..., TestResponse]:
    """Asks for a token with form fields."""

    def ask(form: dict[str, Any], **options: Any) -> TestResponse:
        return client.post(f"{OAUTH}/token", data=form, **options)

    return ask


def bearer(answer: TestResponse) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def assert_refused(response: TestResponse, status: int, error: str) -> None:
    body = response.get_json()
    assert (response.status_code, body["error"]) == (status, error), body
    assert set(body) == {"error", "error_description"}
    assert body["error_description"].isascii()
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_password_gives_tokens(ask: Callable[..., TestResponse], password_form, service: Service) -> None:
    response = ask(password_form | {"scope": f"community={service.name} hardwareName=joe's Test harness"})

    body = response.get_json()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["scope"] == f"community={service.name} hardwareName=joe's Test harness"


def test_the_documentations_bare_scope_is_a_community(ask, password_form, service, client) -> None:
    answer = ask(password_form | {"scope": service.name.upper()})

    info = client.post(f"{OAUTH}/tokenInfo", headers=bearer(answer))
    assert info.get_json()["community"] == service.name


def test_a_client_may_prove_itself_by_fields_or_by_http_basic(ask, password_form, oauth_client) -> None:
    client_id, secret = oauth_client
    fields = {"client_id": client_id, "client_secret": secret}

    assert ask(password_form | fields).status_code == 200
    assert ask(password_form, auth=(client_id, "s3cret +%25")).status_code == 200
    assert ask(password_form | {"client_id": client_id}, auth=(client_id, secret)).status_code == 200


def test_client_credentials_give_a_token_of_the_clients_own(ask, client, oauth_client, service) -> None:
    answer = ask(
        {"grant_type": "client_credentials", "scope": f"community={service.name}"}, auth=oauth_client
    )

    body = answer.get_json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    info = client.post(f"{OAUTH}/tokenInfo", headers=bearer(answer)).get_json()
    assert info == {
        "userId": oauth_client[0],
        "authenticatedUserId": oauth_client[0],
        "community": service.name,
    }


def test_a_refresh_token_is_exchanged_once(ask, client, password_form, service) -> None:
    first = ask(password_form | {"scope": f"community={service.name} deviceId=A"}).get_json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

    second = ask(form)
    assert second.status_code == 200
    assert second.get_json()["scope"] == f"community={service.name} deviceId=A"
    assert_refused(ask(form), 400, "invalid_grant")
    assert_refused(client.get(f"{OAUTH}/validate", headers=bearer(second)), 401, "invalid_token")


def test_a_token_is_validated_and_described(ask, client, password_form) -> None:
    headers = bearer(ask(password_form))

    assert client.get(f"{OAUTH}/validate", headers=headers).status_code == 200
    assert client.post(f"{OAUTH}/validate", headers=headers).status_code == 200
    info = client.post(f"{OAUTH}/tokenInfo", headers=headers)
    email = password_form["username"]
    assert info.get_json() == {"userId": email, "authenticatedUserId": email, "community": None}


def test_a_community_is_chosen_for_a_token(ask, client, password_form, service) -> None:
    headers = bearer(ask(password_form))

    chosen = client.post(f"{OAUTH}/setCommunity", headers=headers, data={"community": service.name.upper()})

    assert chosen.status_code == 200
    info = client.post(f"{OAUTH}/tokenInfo", headers=headers)
    assert info.get_json()["community"] == service.name


def test_a_device_may_tell_about_itself(ask, client, password_form, service) -> None:
    headers = bearer(ask(password_form))
    about = {"community": service.name, "hardwareName": "h", "hardwareId": "7", "clientBuild": "1"}

    assert client.post(f"{OAUTH}/setProperties", headers=headers, data=about).status_code == 200
    assert client.post(f"{OAUTH}/setProperties", headers=headers, data={}).status_code == 200
    assert client.post(f"{OAUTH}/tokenInfo", headers=headers).get_json()["community"] == service.name


@pytest.mark.parametrize("call", ["setCommunity", "setProperties"])
@pytest.mark.parametrize("way", ["form", "multipart", "json", "a form announced as json"])
def test_a_community_is_chosen_whichever_way_it_is_sent(
    ask, client, password_form, service, call: str, way: str
) -> None:
    """In JSON it was not looked at, and a device that told about itself was answered that all was well."""
    headers, about = bearer(ask(password_form)), {"community": service.name, "clientBuild": "1"}
    bodies: dict[str, dict[str, Any]] = {
        "form": {"data": about},
        "multipart": {"data": about, "content_type": "multipart/form-data"},
        "json": {"json": about},
        "a form announced as json": {"data": urlencode(about), "content_type": "application/json"},
    }

    chosen = client.post(f"{OAUTH}/{call}", headers=headers, **bodies[way])

    assert (chosen.status_code, chosen.get_json()["community"]) == (200, service.name)
    assert client.post(f"{OAUTH}/tokenInfo", headers=headers).get_json()["community"] == service.name


def test_two_communities_are_none(ask, client, password_form, service) -> None:
    headers = bearer(ask(password_form))

    chosen = client.post(
        f"{OAUTH}/setCommunity", headers=headers, data={"community": [service.name, "other"]}
    )

    assert_refused(chosen, 400, "invalid_request")


@pytest.mark.parametrize("name", ["nowhere", 'a "quoted" ü', "a\0b"])
def test_a_community_that_was_not_granted_is_not_chosen(ask, client, password_form, name: str) -> None:
    headers = bearer(ask(password_form))

    chosen = client.post(f"{OAUTH}/setCommunity", headers=headers, data={"community": name})

    assert_refused(chosen, 403, "insufficient_scope")
    assert_refused(client.post(f"{OAUTH}/setCommunity", headers=headers), 400, "invalid_request")
    assert_refused(ask(password_form | {"scope": f"community={name}"}), 400, "invalid_scope")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        pytest.param({"grant_type": ""}, 400, "invalid_request", id="no grant"),
        pytest.param({"grant_type": 'é"'}, 400, "unsupported_grant_type", id="an unknown grant"),
        pytest.param({"grant_type": "authorization_code"}, 400, "unsupported_grant_type", id="no code grant"),
        pytest.param({"grant_type": "refresh_token"}, 400, "invalid_request", id="no refresh token"),
        pytest.param({"grant_type": ["password", "password"]}, 400, "invalid_request", id="a field twice"),
        pytest.param({"username": None}, 400, "invalid_request", id="no name"),
        pytest.param({"password": None}, 400, "invalid_request", id="no password"),
        pytest.param({"password": "wrong"}, 400, "invalid_grant", id="a wrong password"),
        pytest.param({"username": "nobody\0"}, 400, "invalid_grant", id="a name that cannot be"),
        pytest.param({"scope": "read write"}, 400, "invalid_scope", id="an unknown scope"),
        pytest.param(
            {"client_id": "nobody", "client_secret": "s"}, 401, "invalid_client", id="no such client"
        ),
        pytest.param({"client_id": "nobody"}, 401, "invalid_client", id="a client without its secret"),
        pytest.param({"grant_type": "client_credentials"}, 401, "invalid_client", id="no client"),
    ],
)
def test_a_wrong_request_is_told_as_the_rfc_says(ask, password_form, changes, status, error) -> None:
    form = {name: value for name, value in (password_form | changes).items() if value is not None}

    response = ask(form)

    assert_refused(response, status, error)
    assert response.headers.get("WWW-Authenticate") == ('Basic realm="longshore"' if status == 401 else None)


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /////w==", "Basic bm9jb2xvbg=="])
def test_what_is_not_http_basic_is_no_client(ask, password_form, header: str) -> None:
    assert_refused(ask(password_form, headers={"Authorization": header}), 401, "invalid_client")


def test_a_client_proves_itself_in_one_way_only(ask, password_form, oauth_client) -> None:
    fields = {"client_id": oauth_client[0], "client_secret": oauth_client[1]}

    assert_refused(ask(password_form | fields, auth=oauth_client), 400, "invalid_request")


def test_fields_outside_of_a_form_do_not_count(client, password_form) -> None:
    in_query = client.post(f"{OAUTH}/token", query_string=password_form)
    as_json = client.post(f"{OAUTH}/token", json=password_form)

    assert_refused(in_query, 400, "invalid_request")
    assert_refused(as_json, 400, "invalid_request")


def test_repeated_failures_are_told_to_wait(ask, password_form) -> None:
    for _ in range(5):
        assert_refused(ask(password_form | {"password": "wrong"}), 400, "invalid_grant")

    slowed = ask(password_form)

    assert_refused(slowed, 429, "temporarily_unavailable")
    assert int(slowed.headers["Retry-After"]) == 1


def test_no_secret_reaches_the_log(ask, password_form, oauth_client, caplog) -> None:
    caplog.set_level("DEBUG")
    with capture_logs() as logs:
        answer = ask(password_form, auth=oauth_client)
        body = ask(
            {"grant_type": "refresh_token", "refresh_token": answer.get_json()["refresh_token"]},
            auth=oauth_client,
        ).get_json()

    told = str(logs) + caplog.text
    for secret in (oauth_client[1], password_form["password"], body["access_token"], body["refresh_token"]):
        assert secret not in told
