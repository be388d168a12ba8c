"""What a client claims of where it comes from and whom it speaks to: only trusted proxies are believed."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from email.message import Message
from http.client import HTTPResponse
from itertools import count, repeat

import pytest
import redis

from shared.ground import Ground
from shared.settings import Settings
from tests.contract.conftest import IMPORTS, Caller
from tests.contract.liquid import liquid_client
from tests.serving import Served, gunicorn

LIMIT = 4
PUBLIC_URL = "https://longshore.example"
_numbers = count(1)

Headers = list[tuple[str, str]]

NAME = "LONGSHORE_TRUSTED_PROXIES"
# The proxy is here. A stranger comes from another address of this machine; another proxy may be elsewhere.
PROXY, STRANGER, FIRST_PROXY = "127.0.0.1", "127.0.0.2", "192.0.2.9"
TRUSTED = {"nobody": {}, "one": {NAME: PROXY}, "two": {NAME: "localhost, 192.0.2.0/24"}}


@pytest.fixture(scope="module")
def behind(environment: Mapping[str, str], ground: Ground) -> Iterator[dict[str, Served]]:
    """APIs by the proxies that they trust, with a limit by address."""
    own = environment | {"LONGSHORE_ADDRESS_REQUESTS_A_MINUTE": str(LIMIT)}
    with ExitStack() as opened:
        yield {name: opened.enter_context(gunicorn(own | trusted)) for name, trusted in TRUSTED.items()}


@pytest.fixture(autouse=True)
def forget(settings: Settings) -> None:
    """All of these tests come from one address."""
    with redis.Redis.from_url(settings.redis_url) as client:
        for key in client.scan_iter("longshore:rates:*"):
            client.delete(key)


def ask(served: Served, headers: Headers, target: str = "/docs", *, peer: str = PROXY) -> tuple[int, Message]:
    """Status and headers of the answer to a request that is sent as it stands, from this address."""
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
    with socket.create_connection(("127.0.0.1", served.port), 30, source_address=(peer, 0)) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        response = HTTPResponse(client)
        response.begin()
        return response.status, response.headers


def spoofed() -> str:
    """Another address each time."""
    return f"203.0.113.{next(_numbers) % 250}"


def statuses(served: Served, claims: Iterator[Headers], *, peer: str = PROXY) -> list[int]:
    """Of one request more than an address may send."""
    return [ask(served, [("Host", "localhost"), *next(claims)], peer=peer)[0] for _ in range(LIMIT + 1)]


REFUSED_AT_LAST = [200] * LIMIT + [429]


@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "X_Forwarded_For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"],
)
def test_without_proxies_nobody_chooses_an_address(behind: dict[str, Served], name: str):
    claims = ([(name, spoofed())] for _ in count())

    assert statuses(behind["nobody"], claims) == REFUSED_AT_LAST


@pytest.mark.parametrize("trusted", ["one", "two"])
def test_a_stranger_who_reaches_an_api_past_its_proxy_is_counted_as_itself(
    behind: dict[str, Served], trusted: str
):
    """It was believed: any container beside the API's could pass for any address."""
    claims = ([("X-Forwarded-For", f"{spoofed()}, {PROXY}")] for _ in count())

    assert statuses(behind[trusted], claims, peer=STRANGER) == REFUSED_AT_LAST
    assert statuses(behind[trusted], repeat([("X-Forwarded-For", STRANGER)])) == [429] * (LIMIT + 1)


def test_a_forwarded_header_is_not_listened_to(behind: dict[str, Served]):
    claims = ([("Forwarded", f"for={spoofed()};host=another.localhost;proto=https")] for _ in count())

    assert statuses(behind["one"], claims) == REFUSED_AT_LAST


@pytest.mark.parametrize("is_one_line", [True, False], ids=["one line", "two lines"])
def test_what_a_client_says_before_the_proxy_does_is_not_listened_to(
    behind: dict[str, Served], is_one_line: bool
):
    def through_proxy(claimed: str) -> Headers:
        if is_one_line:
            return [("X-Forwarded-For", f"{claimed}, 198.51.100.7")]
        return [("X-Forwarded-For", claimed), ("X-Forwarded-For", "198.51.100.7")]

    claims = (through_proxy(spoofed()) for _ in count())

    assert statuses(behind["one"], claims) == REFUSED_AT_LAST


def test_a_header_that_only_looks_like_the_proxys_is_not_listened_to(behind: dict[str, Served]):
    """To a WSGI server both are one name."""
    claims = ([("X_Forwarded_For", spoofed()), ("X-Forwarded-For", "198.51.100.7")] for _ in count())

    assert statuses(behind["one"], claims) == REFUSED_AT_LAST


@pytest.mark.parametrize("trusted", ["one", "two"])
def test_clients_of_one_proxy_are_told_apart(behind: dict[str, Served], trusted: str):
    claims = ([("X-Forwarded-For", spoofed())] for _ in count())

    assert statuses(behind[trusted], claims) == [200] * (LIMIT + 1)


def test_clients_of_two_proxies_are_told_apart(behind: dict[str, Served]):
    claims = ([("X-Forwarded-For", f"{spoofed()}, {FIRST_PROXY}")] for _ in count())

    assert statuses(behind["two"], claims) == [200] * (LIMIT + 1)


def test_of_two_proxies_the_first_knows_the_client(behind: dict[str, Served]):
    claims = ([("X-Forwarded-For", f"{spoofed()}, 198.51.100.8, 192.0.2.{n % 250}")] for n in count())

    assert statuses(behind["two"], claims) == REFUSED_AT_LAST


def test_who_comes_past_one_of_two_proxies_does_not_choose(behind: dict[str, Served]):
    claims = ([("X-Forwarded-For", f"{spoofed()}, {FIRST_PROXY}, 198.51.100.7")] for _ in count())

    assert statuses(behind["two"], claims) == REFUSED_AT_LAST


@pytest.mark.parametrize("trusted", ["nobody", "one", "two"])
@pytest.mark.parametrize(
    "claim",
    [
        ("X-Forwarded-Host", "{other}.localhost"),
        ("X_Forwarded_Host", "{other}.localhost"),
        ("X-Original-Host", "{other}.localhost"),
        ("X-Host", "{other}.localhost"),
        ("Forwarded", "for=192.0.2.1;host={other}.localhost"),
        ("X-Forwarded-Prefix", "/{other}"),
        ("Script-Name", "/{other}"),
        ("SCRIPT_NAME", "/{other}"),
        ("X-Forwarded-Server", "{other}.localhost"),
    ],
    ids=lambda claim: claim[0],
)
def test_the_data_service_is_that_of_the_host(
    behind: dict[str, Served], call: Caller, claim: tuple[str, str], trusted: str
):
    name, value = claim[0], claim[1].format(other="default")
    own = [("Host", f"{call.service.name}.localhost"), ("Authorization", f"Bearer {call.token}")]

    status, _ = ask(
        behind[trusted], [*own, ("X-Forwarded-For", "192.0.2.1, 192.0.2.2"), (name, value)], IMPORTS
    )

    assert status == 200


@pytest.mark.parametrize("trusted", ["nobody", "one"])
def test_a_claimed_host_opens_no_other_data_service(behind: dict[str, Served], call: Caller, trusted: str):
    headers = [
        ("Host", "nobody.localhost"),
        ("Authorization", f"Bearer {call.token}"),
        ("X-Forwarded-Host", f"{call.service.name}.localhost"),
        ("X-Forwarded-For", "192.0.2.1"),
    ]

    assert ask(behind[trusted], headers, IMPORTS)[0] == 404


def test_two_hosts_are_none(behind: dict[str, Served], call: Caller):
    hosts = [("Host", f"{call.service.name}.localhost"), ("Host", "default.localhost")]

    status, _ = ask(behind["nobody"], [*hosts, ("Authorization", f"Bearer {call.token}")], IMPORTS)

    assert status in (400, 404)


@pytest.mark.parametrize("trusted", ["nobody", "one"])
@pytest.mark.parametrize("proto", ["https", "http", "https, http", "javascript", ""])
def test_a_claimed_scheme_changes_nothing(behind: dict[str, Served], trusted: str, proto: str):
    """Also not that some headers say https and others do not, which gunicorn would refuse."""
    claims = [("X-Forwarded-Proto", proto), ("X-Forwarded-Ssl", "on"), ("X-Forwarded-Protocol", "http")]

    status, headers = ask(behind[trusted], [("Host", "localhost"), *claims])

    assert status == 200
    assert "Strict-Transport-Security" not in headers


def test_links_lead_where_the_settings_say(app, ground: Ground, call: Caller):
    liquid = liquid_client(app.test_client(), ground, call.service)
    claims = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "javascript",
        "X-Forwarded-Prefix": "/evil.example",
        "Forwarded": "host=evil.example;proto=javascript",
    }
    form = {"jobName": "A job", "itemType": "contacts", "contentType": "application/json"}
    job = liquid("/ls/api/batch/export", data=form, headers=claims).get_json()
    liquid.work_off(job)

    told = liquid("/ls/api/batch/status", data={"jobId": job["jobId"]}, headers=claims)

    assert "http://localhost:8080/ls/api/batch/download/" in told.text
    assert "evil" not in told.text
