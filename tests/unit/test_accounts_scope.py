"""The notation of scopes, as the vendor's clients write them."""

import pytest
from authlib.oauth2.rfc6749 import InvalidScopeError

from api.liquid.oauth_scope import MAX_CHARACTERS, Scope, read_scope, write_scope


@pytest.mark.parametrize(
    ("text", "community", "properties"),
    [
        pytest.param(None, None, "", id="none"),
        pytest.param("  ", None, "", id="blank"),
        pytest.param("community=Demo", "Demo", "", id="a community"),
        pytest.param("MyCommunity", "MyCommunity", "", id="the documentation's bare word"),
        pytest.param("community=", None, "", id="a community not chosen yet"),
        pytest.param("deviceId=AB12", None, "deviceId=AB12", id="a device only"),
        pytest.param("deviceId=AB12 community=Demo", "Demo", "deviceId=AB12", id="in another order"),
        pytest.param(
            "hardwareName=joe's Test harness community=Demo hardwareId=7",
            "Demo",
            "hardwareName=joe's Test harness hardwareId=7",
            id="a value with spaces",
        ),
        pytest.param(
            "community=Demo hardwareName=a=b  xcommunity=c",
            "Demo",
            "hardwareName=a=b  xcommunity=c",
            id="a value with what looks like pairs",
        ),
    ],
)
def test_a_scope_is_read_and_written_back(text, community, properties):
    scope = read_scope(text)

    assert scope == Scope(community, properties)
    assert read_scope(write_scope(scope.community, scope.properties)) == scope


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("comunity=Demo", id="a misspelt name"),
        pytest.param("read write", id="several bare words"),
        pytest.param("Demo deviceId=AB12", id="a bare word beside a pair"),
        pytest.param("community=Demo community=Other", id="a name twice"),
        pytest.param("community=De\0mo", id="a control character"),
        pytest.param("deviceId=" + "x" * MAX_CHARACTERS, id="too long"),
    ],
)
def test_what_is_no_scope_is_told(text):
    with pytest.raises(InvalidScopeError):
        read_scope(text)
