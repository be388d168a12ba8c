"""What surrounds the API: health, description, documentation, request ids, headers, logs, failures."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import make_url
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from shared.ground import Ground
from shared.settings import Settings
from tests.acceptance.waiting import wait_for
from tests.contract.conftest import IMPORTS, Caller, application
from tests.integration.builders import storage_away

AGAIN_SECONDS = 5.0  # within which a probe looks again
UNAVAILABLE = {"title": "Service Unavailable", "status": "503"}


@pytest.fixture(scope="module")
def without(settings: Settings) -> Iterator[dict[str, Flask]]:
    """Applications by what each cannot reach."""
    unmigrated = make_url(settings.database_url).set(database="template1")
    nowhere = {
        "database": replace(settings, database_url="postgresql://longshore@localhost:1/nowhere"),
        "migrations": replace(settings, database_url=unmigrated.render_as_string(hide_password=False)),
        "redis": replace(settings, redis_url="redis://localhost:1"),
        "storage": replace(settings, storage_url="file:///proc/nowhere"),
    }
    with ExitStack() as opened:
        yield {missing: opened.enter_context(application(changed)) for missing, changed in nowhere.items()}


def test_a_healthy_process_is_live_and_ready(app: Flask) -> None:
    client = app.test_client()

    assert client.get("/health/live").get_json() == {"status": "live"}
    assert client.get("/health/ready").get_json() == {"status": "ready"}


@pytest.mark.parametrize("missing", ["database", "migrations", "storage"])
def test_readiness_names_what_is_missing(without: dict[str, Flask], missing: str) -> None:
    client = without[missing].test_client()

    response = client.get("/health/ready")

    assert response.status_code == 503
    assert [param["name"] for param in response.get_json()["invalid-params"]] == [missing]
    assert int(response.headers["Retry-After"]) > 0
    assert not re.search(r"localhost|nowhere|template1|:1\b", response.text), "no internals"
    assert client.get("/health/live").status_code == 200


def test_while_the_volume_is_away_nothing_is_acknowledged(call: Caller, ground: Ground) -> None:
    """Its mount point would take the bytes, and the same process goes on when it is mounted again."""
    import_id = call.new_import()

    with storage_away(ground) as bare:
        refused = call.add_block(import_id, b'{"documentid":"1"}')
        wait_for(lambda: call.client.get("/health/ready").status_code == 503, seconds=AGAIN_SECONDS)
        ready = call.client.get("/health/ready")
        assert list(bare.iterdir()) == []

    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    [param] = refused.get_json()["invalid-params"]
    assert param["name"] == "Import block"
    assert "The volume of blocks is not there" in param["reason"]
    assert [param["name"] for param in ready.get_json()["invalid-params"]] == ["storage"]
    assert call.add_block(import_id, b'{"documentid":"1"}').status_code == 200
    wait_for(lambda: call.client.get("/health/ready").status_code == 200, seconds=AGAIN_SECONDS)


def test_without_redis_requests_are_answered_and_readiness_says_so(without: dict[str, Flask]) -> None:
    response = without["redis"].test_client().get("/health/ready")

    assert response.status_code == 200
    assert response.get_json() == {"status": "degraded", "missing": ["redis"]}


@contextmanager
def full(client: Redis) -> Iterator[None]:
    client.config_set("maxmemory", 1)
    yield
    client.config_set("maxmemory", 0)


@contextmanager
def read_only(client: Redis) -> Iterator[None]:
    client.replicaof("127.0.0.1", 1)
    yield
    client.replicaof("NO", "ONE")


@pytest.mark.parametrize("unwritable", [full, read_only])
def test_a_redis_that_cannot_be_written_to_wakes_nobody_and_readiness_says_so(
    call: Caller, settings: Settings, unwritable: Callable[[Redis], AbstractContextManager[None]]
) -> None:
    with Redis.from_url(settings.redis_url) as client, unwritable(client):
        wait_for(
            lambda: readiness(call) == {"status": "degraded", "missing": ["redis"]}, seconds=AGAIN_SECONDS
        )

    wait_for(lambda: readiness(call) == {"status": "ready"}, seconds=AGAIN_SECONDS)


def readiness(call: Caller) -> object:
    answer = call.client.get("/health/ready")
    assert answer.status_code == 200
    return answer.get_json()


def test_without_the_database_a_request_may_be_tried_again(without: dict[str, Flask]) -> None:
    response = without["database"].test_client().get(IMPORTS, headers={"Authorization": "Bearer x"})

    assert response.status_code == 503
    assert response.get_json() == UNAVAILABLE
    assert int(response.headers["Retry-After"]) > 0


def test_what_nobody_expected_is_told_once_and_only_inside(settings: Settings) -> None:
    def break_down() -> None:
        raise RuntimeError("a secret detail")

    with application(settings) as app, capture_logs() as logs:
        app.add_url_rule("/broken", view_func=break_down)
        response = app.test_client().get("/broken")

    assert response.status_code == 500
    assert response.get_json() == {"title": "Internal Server Error", "status": "500"}
    assert [line["event"] for line in logs] == ["request_broke", "request_answered"]


def test_a_request_leaves_one_line_without_its_token_or_its_documents(call: Caller) -> None:
    import_id = call.new_import()

    with capture_logs(processors=[merge_contextvars]) as logs:
        call.add_block(import_id, b'{"documentid":"private"}', X_Request_Id="from-the-client")

    [line] = logs
    assert line.pop("seconds") >= 0
    assert line == {
        "event": "request_answered",
        "log_level": "info",
        "method": "POST",
        "route": "/__resources/imports/<importid>/blocks",
        "status": 200,
        "service": call.service.name,
        "import_id": import_id,
        "request_id": "from-the-client",
    }


@pytest.mark.parametrize(
    ("given", "is_kept"), [("a-1:b_2.c", True), ("", False), ("a b", False), ("x" * 129, False), ("é", False)]
)
def test_a_request_id_is_kept_where_it_is_usable(call: Caller, given: str, is_kept: bool) -> None:
    answered = call("GET", IMPORTS, headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert (answered == given) is is_kept
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", answered)


@pytest.mark.parametrize(
    "path",
    [
        IMPORTS,
        "/__resources/nothing",
        "/health/live",
        "/openapi.json",
        "/ls/api/nothing",
        "/docs",
        "/docs/start.js",
    ],
)
def test_answers_are_neither_kept_nor_guessed_at_nor_framed(call: Caller, path: str) -> None:
    headers = call("GET", path).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "refresh_token", "none"])
def test_no_answer_about_a_token_is_kept(app: Flask, grant_type: str) -> None:
    """RFC 6749, section 5.1, and so for refusals."""
    form = {"grant_type": grant_type, "username": "nobody@example.org", "password": "p", "refresh_token": "x"}

    response = app.test_client().post("/ls/api/oauth2/token", data=form)

    assert response.status_code in (400, 401)
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("public_url", "told"),
    [
        ("http://longshore.example", None),
        ("https://longshore.example", "max-age=31536000"),
        ("HTTPS://longshore.example", "max-age=31536000"),
    ],
)
def test_who_knows_the_service_by_https_never_comes_without(
    settings: Settings, public_url: str, told: str | None
) -> None:
    with application(replace(settings, public_url=public_url)) as app:
        answers = [app.test_client().get(path) for path in ("/docs", "/health/live", "/nothing/at/all")]

    assert [answer.headers.get("Strict-Transport-Security") for answer in answers] == [told] * 3


def test_the_documentation_needs_no_other_host(app: Flask) -> None:
    client = app.test_client()

    page = client.get("/docs")

    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) == 4
    for file in files:
        assert file.startswith("/docs/")
        with client.get(file) as response:
            assert response.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
    assert client.get("/docs/oauth2-redirect.html").status_code == 404


def test_the_description_names_every_problem_of_every_endpoint(app: Flask) -> None:
    description = app.test_client().get("/openapi.json").get_json()

    endpoints = {
        f"{method} {path}": operation
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    }
    assert len(endpoints) == 27
    for name, operation in endpoints.items():
        told = set(operation["responses"])
        is_liquid = " /ls/" in name
        if operation.get("security") == []:
            assert is_liquid or "/health/" in name
        else:
            assert {"401", "500", "503", *(["400"] if is_liquid else ["403", "404"])} <= told
        for status in told - {"200", "204", "206", "304"}:
            form = "json" if is_liquid else "problem+json"
            assert set(operation["responses"][status]["content"]) == {f"application/{form}"}
