"""Tokens that somebody made up open neither door."""

import pytest

from tests.contract.conftest import IMPORTS, Caller
from tests.contract.hostile_tokens import TOKENS, HostileToken


@pytest.mark.parametrize("token", TOKENS, ids=[token.name for token in TOKENS])
def test_a_made_up_token_is_answered_as_the_table_says(
    call: Caller, secret: str, token: HostileToken
) -> None:
    response = call("GET", IMPORTS, headers={"Authorization": f"Bearer {token.make(secret)}"})

    assert response.status_code == token.status
    if token.status != 200:
        assert response.get_json()["invalid-params"] == [{"name": "Authorization", "reason": token.reason}]


@pytest.mark.parametrize("token", TOKENS, ids=[token.name for token in TOKENS])
def test_the_other_door_takes_no_such_token_at_all(call: Caller, secret: str, token: HostileToken) -> None:
    headers = {"Authorization": f"Bearer {token.make(secret)}"}

    response = call.client.post("/ls/api/oauth2/tokenInfo", headers=headers)

    assert (response.status_code, response.get_json()["error"]) == (401, "invalid_token")
