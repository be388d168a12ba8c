"""Any headers are answered, and never with a failure of the service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.digests import DigestCheck
from api.http.encodings import encoding_of
from api.http.problems import Refused
from api.usecases.services import Service
from shared.ground import Ground
from tests.contract.conftest import IMPORTS, Caller
from tests.contract.liquid import liquid_client
from tests.fuzz.fuzzing import fuzzed, of_pieces
from tests.integration.job_builders import exported, with_documents

PIECES = """
    Bearer Basic bearer eyJhbGciOiJub25lIn0.e30. YTpi :YTpi: sha-256= sha-512=: sha-256=:AAAA:;a=1 ( ) gzip
    zstd br identity deflate bytes= bytes=0-1 bytes=-5 bytes=9- 99999999999999999999 0-0, -1 W/"a" "a" * */*
    a/b;q=0.5 application/json application/x-ndjson multipart/form-data; boundary= ;charset= ;q= ;q=-1 ;q=nan
    utf-8''%00 Mon, 01 Jan 0001 00:00:00 GMT +9999 31 Feb 2026 -0000 localhost .localhost [::1] :80 @ é ÿ %
    %0d%0a ; , = chunked 0x1 1e5 + - _ x default service-1
"""
NAMES = """
    AUTHORIZATION CONTENT_ENCODING CONTENT_DIGEST RANGE IF_RANGE IF_NONE_MATCH IF_MATCH IF_MODIFIED_SINCE
    IF_UNMODIFIED_SINCE ACCEPT ACCEPT_ENCODING ACCEPT_LANGUAGE HOST COOKIE X_REQUEST_ID X_FORWARDED_FOR
    X_LIQUIDPLATFORM_COMMUNITY EXPECT CONNECTION TE CONTENT_TYPE CONTENT_LENGTH USER_AGENT CACHE_CONTROL
"""


def as_header(text: str) -> str:
    """Without what no server would hand on."""
    return "".join(character for character in text if character.isprintable() and character < "\u0100")


VALUES = of_pieces([*PIECES.split(), " ", '"', "\\"], most=8).map(as_header)
GIVEN = st.dictionaries(st.sampled_from(NAMES.split()), VALUES, min_size=1, max_size=3)
PATHS = {
    "a list": ("GET", IMPORTS),
    "a new import": ("POST", IMPORTS),
    "a block": ("POST", f"{IMPORTS}/{{import_id}}/blocks"),
    "rejections": ("GET", f"{IMPORTS}/{{import_id}}/rejections"),
    "documents": ("GET", "/contacts"),
    "a token": ("POST", "/ls/api/oauth2/tokenInfo"),
    "an upload": ("POST", "/ls/api/batch/import"),
    "a job": ("POST", "/ls/api/batch/status"),
    "items": ("POST", "/ls/api/items/upsert"),
    "a file": ("GET", "{link}"),
}
WITHOUT_PREFIX = {"CONTENT_TYPE", "CONTENT_LENGTH"}


def environ_of(given: dict[str, str]) -> dict[str, str]:
    """As a server hands headers on."""
    return {name if name in WITHOUT_PREFIX else f"HTTP_{name}": value for name, value in given.items()}


@pytest.fixture
def doors(ground: Ground, service: Service, call: Caller) -> dict[str, str]:
    """What the paths above need to get past their door."""
    with_documents(ground, service, {"1": {"name": "Ann"}}, "contacts")
    [link] = exported(ground, service, item_type="contacts").shown().links
    return {
        "import_id": str(call.new_import()),
        "link": link.removeprefix(ground.settings.public_url),
        "token": liquid_client(call.client, ground, service).token,
    }


@fuzzed
@given(given=GIVEN, name=st.sampled_from(sorted(PATHS)))
def test_any_headers_are_answered(
    call: Caller, doors: dict[str, str], given: dict[str, str], name: str
) -> None:
    method, path = PATHS[name]
    own = {"Authorization": f"Bearer {doors['token']}"} if path.startswith("/ls/") else {}

    response = call(
        method, path.format(**doors), headers=own, data=b"[]", environ_overrides=environ_of(given)
    )

    assert response.status_code < 500, response.text


@fuzzed
@given(VALUES)
def test_any_digest_and_any_encoding_is_known_or_refused(value: str) -> None:
    for read in (DigestCheck, encoding_of):
        try:
            read(value)
        except Refused:
            continue
