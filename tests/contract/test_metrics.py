"""/metrics: for those who have its token, and the same from whichever process answers."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import httpx
import psutil
import pytest
from flask.testing import FlaskClient

from shared.ground import Ground
from shared.settings import Settings
from tests.acceptance.waiting import wait_for
from tests.contract.conftest import IMPORTS, Caller, application
from tests.scraping import TOKEN, Scraped, scrape
from tests.serving import Served, gunicorn

REQUESTS = 40
POOL = 10


@pytest.fixture(scope="module")
def watched(ground: Ground, settings: Settings) -> Iterator[FlaskClient]:
    """A client of an application with metrics."""
    with application(replace(settings, metrics_token=TOKEN)) as made:
        yield made.test_client()


@pytest.fixture(scope="module")
def several(environment: Mapping[str, str], ground: Ground) -> Iterator[Served]:
    """Several processes behind one port."""
    with gunicorn(
        environment
        | {"WEB_CONCURRENCY": "3", "LONGSHORE_METRICS_TOKEN": TOKEN, "LONGSHORE_DATABASE_POOL": str(POOL)}
    ) as served:
        yield served


def read(client: FlaskClient) -> Scraped:
    return Scraped(client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text)


def test_without_a_setting_there_are_no_metrics(call: Caller):
    assert call("GET", "/metrics").status_code == 404


@pytest.mark.parametrize("given", [None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"])
def test_whoever_has_not_the_token_learns_nothing(watched: FlaskClient, given: str | None):
    answer = watched.get("/metrics", headers={} if given is None else {"Authorization": given})

    assert answer.status_code == 401
    assert "longshore_" not in answer.text


def test_a_clients_own_token_is_none_for_metrics(watched: FlaskClient, call: Caller):
    answer = watched.get("/metrics", headers={"Authorization": f"Bearer {call.token}"})

    assert answer.status_code == 401


def test_a_block_is_counted_with_its_bytes(watched: FlaskClient, call: Caller):
    before = read(watched)

    call.add_block(call.new_import(), b'{"documentid":"1"}\n')

    now = read(watched)
    counted = [now.value(f"longshore_{n}_total", kind="block") for n in ("uploads", "uploaded_bytes")]
    known = [before.value(f"longshore_{n}_total", kind="block") for n in ("uploads", "uploaded_bytes")]
    assert [a - b for a, b in zip(counted, known, strict=True)] == [1, 19]


def test_a_block_that_is_refused_is_not_counted(watched: FlaskClient, call: Caller):
    before = read(watched).value("longshore_uploads_total")

    call.add_block(call.new_import(), b"")

    assert read(watched).value("longshore_uploads_total") == before


def test_no_label_holds_what_clients_choose(watched: FlaskClient, call: Caller):
    call("GET", "/secret-collection/secret-document")
    call("GET", "/no/such/thing/at/all/")
    call("SECRET", "/secret-collection")

    found = read(watched)

    told = str(found.labels("longshore_requests_total"))
    assert "secret" not in told.lower()
    assert call.service.name not in told
    assert found.value("longshore_requests_total", method="-", route="-") >= 1


def test_whichever_process_answers_tells_what_all_have_counted(several: Served, call: Caller):
    headers = {"Host": f"{call.service.name}.localhost", "Authorization": f"Bearer {call.token}"}

    def ask_once() -> int:
        return httpx.get(f"{several.url}{IMPORTS}", headers=headers, timeout=30, trust_env=False).status_code

    assert {ask_once() for _ in range(REQUESTS)} == {200}

    told = [scrape(several.port).value("longshore_requests_total", status="200") for _ in range(10)]
    listings = scrape(several.port).value("longshore_requests_total", route=f"{IMPORTS}")
    assert listings == REQUESTS
    assert told == sorted(told)


def test_what_a_killed_process_has_counted_stays_and_what_it_used_is_free(several: Served, call: Caller):
    before = scrape(several.port).value("longshore_requests_total")
    killed = psutil.Process(several.pid).children()

    for process in killed:
        process.kill()
    wait_for(lambda: len(set(psutil.Process(several.pid).children()) - set(killed)) == len(killed))

    found = scrape(several.port)
    assert found.value("longshore_requests_total") >= before > 0
    assert found.value("longshore_database_pool_connections") == POOL, "that of the process which answers"
