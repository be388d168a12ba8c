"""Whatever is wrong with a request is told, in one form, and in a fixed order."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.usecases import tokens
from tests.contract.conftest import IMPORTS, Caller
from tests.contract.wrong_requests import IMPORT_ID, JSON_TITLE, TABLE, Wrong


def assert_problem(response: TestResponse, status: int, title: str, *params: tuple[str, str]) -> None:
    expected: dict[str, Any] = {"title": title, "status": str(status)}
    if params:
        expected["invalid-params"] = [{"name": name, "reason": reason} for name, reason in params]
    assert response.get_json() == expected
    assert response.status_code == status
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("wrong", TABLE, ids=[wrong.name for wrong in TABLE])
def test_what_is_wrong_is_told(call: Caller, wrong: Wrong) -> None:
    path = wrong.path.replace("{id}", str(call.new_import()))

    response = call(wrong.method, path, **wrong.options)

    assert_problem(response, wrong.status, wrong.title, *wrong.params)


@pytest.mark.parametrize("body", [b"{bad", b"", b'{"a":NaN}', b"\xff", b"[" * 5000, b'{"a":"\\ud800"}'])
def test_what_is_not_json_is_told(call: Caller, body: bytes) -> None:
    response = call("POST", IMPORTS, data=body, content_type="application/json")

    [param] = response.get_json()["invalid-params"]
    assert_problem(response, 400, JSON_TITLE, ("body", param["reason"]))
    assert param["reason"].startswith("Not JSON: ")


def test_after_the_start_the_configuration_and_the_blocks_are_closed(call: Caller) -> None:
    import_id = call.new_import()
    call("PATCH", f"{IMPORTS}/{import_id}", json={"status": "started"})

    strategy = call("PATCH", f"{IMPORTS}/{import_id}", json={"strategy": ["update"]})
    block = call.add_block(import_id, b"{}")

    while_configuring = "only while the import is configuring, and it is started."
    assert_problem(strategy, 400, "Import closed", ("status", f"The strategy may change {while_configuring}"))
    assert_problem(block, 400, "Import closed", ("status", f"Blocks may be added {while_configuring}"))
    assert call("GET", f"{IMPORTS}/{import_id}").get_json()["blockCount"] == 0


def test_without_a_token(call: Caller) -> None:
    response = call("GET", IMPORTS, headers={"Authorization": None})

    reason = "Expected a token of the data service: Authorization: Bearer <token>"
    assert_problem(response, 401, "Unauthorized", ("Authorization", reason))
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="longshore"'


def test_with_a_token_of_another_secret(call: Caller) -> None:
    token = tokens.mint("another-secret-of-the-tests-long-enough-for-any-hmac", None)

    response = call("GET", IMPORTS, headers={"Authorization": f"Bearer {token}"})

    reason = "The token is not signed with an active secret of this data service."
    assert_problem(response, 401, "Unauthorized", ("Authorization", reason))
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="longshore", error="invalid_token"'


def test_the_token_is_judged_before_anything_else(call: Caller) -> None:
    options: dict[str, Any] = {"headers": {"Authorization": None}, "data": b"{bad"}

    statuses = {
        call("PATCH", f"{IMPORTS}/0", **options).status_code,
        call("POST", f"{IMPORTS}/999999999/blocks", **options).status_code,
        call("GET", "/nowhere", **options).status_code,
    }

    assert statuses == {401}


def test_the_id_is_judged_before_the_body(call: Caller) -> None:
    wrong: dict[str, Any] = {"data": b"{bad", "content_type": "text/plain"}

    assert_problem(call("PATCH", f"{IMPORTS}/0", **wrong), 400, "Invalid import ID", IMPORT_ID)
    assert_problem(call("PATCH", f"{IMPORTS}/999999999", **wrong), 404, "Not Found")
    assert_problem(call("POST", f"{IMPORTS}/999999999/blocks", **wrong), 404, "Not Found")


def test_a_host_name_of_no_data_service(call: Caller) -> None:
    response = call.client.get(IMPORTS, base_url="http://nobody.localhost")

    assert_problem(response, 404, "Not Found")


def test_a_method_that_is_not_there_names_those_that_are(call: Caller) -> None:
    response = call("PUT", f"{IMPORTS}/1")

    assert_problem(response, 405, "Method Not Allowed")
    assert {"GET", "PATCH", "DELETE"} <= {name.strip() for name in response.headers["Allow"].split(",")}
