"""How often a data service, or an address that nobody vouches for, may ask: counted by all APIs together."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import count

import httpx
import pytest
import redis
from flask import Flask
from werkzeug.test import TestResponse

from api.usecases import tokens
from api.usecases.services import Service, add_service
from shared.ground import Ground
from shared.settings import Settings
from tests.contract.conftest import IMPORTS, Caller, application
from tests.contract.liquid import Liquid, liquid_client
from tests.scraping import TOKEN
from tests.serving import Served, gunicorn

LIMIT = 5
KEYS = "longshore:rates:*"
_addresses = (f"10.9.{number // 250}.{number % 250}" for number in count(1))

OfApp = Callable[[Flask], Caller]


@pytest.fixture(scope="module")
def limited(ground: Ground, settings: Settings) -> Iterator[Flask]:
    """An application with both limits."""
    both = replace(settings, requests_a_minute=LIMIT, address_requests_a_minute=LIMIT, metrics_token=TOKEN)
    with application(both) as made:
        yield made


@pytest.fixture
def of_app(service: Service, secret: str) -> OfApp:
    """Makes a client of an application that comes from an address of its own."""
    address = next(_addresses)

    def client(app: Flask) -> Caller:
        made = app.test_client()
        made.environ_base["REMOTE_ADDR"] = address
        return Caller(made, service, tokens.mint(secret, None))

    return client


@pytest.fixture
def caller(limited: Flask, of_app: OfApp) -> Caller:
    return of_app(limited)


@pytest.fixture
def liquid(limited: Flask, ground: Ground, service: Service) -> Liquid:
    client = limited.test_client()
    client.environ_base["REMOTE_ADDR"] = next(_addresses)
    return liquid_client(client, ground, service)


def use_up(ask: Callable[[], TestResponse | httpx.Response]) -> set[int]:
    """The statuses of as many requests as there may be."""
    return {ask().status_code for _ in range(LIMIT)}


def is_soon(response: TestResponse | httpx.Response) -> bool:
    return 1 <= int(response.headers["Retry-After"]) <= 60


def test_a_data_service_that_asks_too_often_is_told_when_to_ask_again(caller: Caller):
    assert use_up(lambda: caller("GET", IMPORTS)) == {200}

    refused = caller("POST", IMPORTS, json={"strategy": ["create"], "collection": "/contacts"})

    assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
    assert is_soon(refused)
    problem = refused.get_json()
    assert (problem["title"], problem["status"]) == ("Too many requests", "429")
    [param] = problem["invalid-params"]
    assert param["name"] == "request"
    assert param["reason"].startswith(f"The data service may send {LIMIT} requests a minute, and has")


def test_the_other_door_says_so_in_its_own_form(liquid: Liquid):
    assert use_up(lambda: liquid("/ls/api/batch/status", data={"jobId": "none"})) == {404}

    refused = liquid("/ls/api/batch/status", data={"jobId": "none"})

    assert (refused.status_code, refused.get_json()["error"]) == (429, "temporarily_unavailable")
    assert f"{LIMIT} requests a minute" in refused.get_json()["error_description"]
    assert is_soon(refused)


def test_both_doors_count_together(caller: Caller, liquid: Liquid):
    use_up(lambda: caller("GET", IMPORTS))

    assert liquid("/ls/api/batch/status", data={"jobId": "none"}).status_code == 429


def test_nobody_else_is_refused_for_it(caller: Caller, limited: Flask, ground: Ground, secret: str):
    use_up(lambda: caller("GET", IMPORTS))
    assert caller("GET", IMPORTS).status_code == 429
    other, _ = add_service(ground, f"{caller.service.name}-other", secret)

    answered = replace(caller, service=other)("GET", IMPORTS)

    assert answered.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.1"},
        {"X-Real-IP": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"X-LiquidPlatform-community": "another"},
        {"X-Forwarded-Host": "another.localhost"},
        {"User-Agent": "another"},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("is_admitted", [True, False])
def test_what_a_client_says_of_itself_changes_nothing(
    caller: Caller, headers: dict[str, str], is_admitted: bool
):
    own = headers if is_admitted else headers | {"Authorization": "Bearer none"}
    assert use_up(lambda: caller("GET", IMPORTS, headers=own)) == {200 if is_admitted else 401}

    assert caller("GET", IMPORTS, headers=own).status_code == 429


def test_who_is_refused_is_counted_by_address_and_keeps_out_nobody_with_a_good_token(caller: Caller):
    assert use_up(lambda: caller("GET", IMPORTS, headers={"Authorization": None})) == {401}

    refused = caller("GET", IMPORTS, headers={"Authorization": "Bearer none"})

    assert refused.status_code == 429
    assert "address" in refused.get_json()["invalid-params"][0]["reason"]
    assert caller("GET", IMPORTS).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "form"),
    [
        ("GET", "/openapi.json", "application/problem+json"),
        ("GET", "/docs", "application/problem+json"),
        ("GET", "/docs/swagger-ui.css", "application/problem+json"),
        ("GET", "/__resources/nothing", "application/problem+json"),
        ("PUT", "/health/live", "application/problem+json"),
        ("GET", "/ls/api/batch/download/none/file.json", "application/json"),
        ("GET", "/ls/api/nothing", "application/json"),
        ("POST", "/ls/api/batch/status", "application/json"),
        ("GET", "/ls/api/oauth2/validate", "application/json"),
    ],
)
def test_what_needs_no_token_is_counted_by_address(caller: Caller, method: str, path: str, form: str):
    use_up(lambda: caller.client.open(path, method=method))

    refused = caller.client.open(path, method=method)

    assert (refused.status_code, refused.content_type) == (429, form)
    assert is_soon(refused)


def test_a_network_of_ipv6_is_one_address(limited: Flask):
    client = limited.test_client()

    def ask() -> TestResponse:
        client.environ_base["REMOTE_ADDR"] = next(sites)
        return client.get("/docs")

    sites = (f"2001:db8:0:9::{number:x}" for number in count(1))
    assert use_up(ask) == {200}

    assert ask().status_code == 429


def test_probes_metrics_and_logins_are_not_counted(caller: Caller):
    probes = [
        lambda: caller.client.get("/health/live"),
        lambda: caller.client.get("/health/ready"),
        lambda: caller.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}),
        lambda: caller.client.post("/ls/api/oauth2/token", data={"grant_type": "none"}),
    ]
    for ask in probes:
        assert 429 not in {ask().status_code for _ in range(2 * LIMIT)}

    assert caller("GET", "/docs").status_code == 200


def test_zero_is_no_limit(ground: Ground, settings: Settings, of_app: OfApp):
    with application(settings) as app:
        caller = of_app(app)

        assert {caller("GET", IMPORTS).status_code for _ in range(3 * LIMIT)} == {200}
        assert {caller("GET", "/docs").status_code for _ in range(3 * LIMIT)} == {200}


def test_what_is_kept_in_redis_goes_by_itself(caller: Caller, settings: Settings):
    caller("GET", IMPORTS)

    with redis.Redis.from_url(settings.redis_url) as client:
        kept = {key: client.ttl(key) for key in client.scan_iter(KEYS)}

    assert kept
    assert all(0 < seconds <= 120 for seconds in kept.values()), kept


@pytest.fixture(scope="module")
def two(environment: Mapping[str, str], ground: Ground) -> Iterator[list[Served]]:
    """Two APIs."""
    own = environment | {"LONGSHORE_REQUESTS_A_MINUTE": str(LIMIT)}
    with ExitStack() as opened:
        yield [opened.enter_context(gunicorn(own)) for _ in range(2)]


def test_several_apis_count_together(two: list[Served], call: Caller):
    headers = {"Host": f"{call.service.name}.localhost", "Authorization": f"Bearer {call.token}"}

    def ask(served: Served) -> int:
        answer = httpx.get(f"{served.url}{IMPORTS}", headers=headers, timeout=30, trust_env=False)
        return answer.status_code

    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(ask, two * LIMIT))

    assert sorted(answers) == [200] * LIMIT + [429] * LIMIT
