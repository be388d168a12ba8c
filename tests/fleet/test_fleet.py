"""What a fleet of real containers does when its parts come and go: every import ends exact."""

import time
from pathlib import Path

import httpx

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import IMPORTS, Import, Traffic, run_imports
from tests.fleet.conftest import assert_exact
from tests.fleet.containers import (
    APIS,
    WORKERS,
    Fleet,
    docker,
    events,
    started_at,
    stopped,
    wait_until_healthy,
)
from tests.fleet.supply import slowed
from tests.fleet.uploads import Uploads

OK = {200, 204}
BLOCKS = f"{IMPORTS}/<importid>/blocks"
STARTED = """
SELECT count(*) FROM imports i JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{}' AND i.status = 'started'
"""


def test_all_apis_take_blocks_and_all_workers_apply_them(fleet: Fleet, file: Path):
    collections = [f"/spread-{number}" for number in range(4)]
    for collection in collections:
        fleet.longshore("collections", "add", collection)

    wait_for(lambda: all_are_asked(fleet))

    # Long enough for every worker to wake up.
    with slowed(fleet, 0.1):
        imports = run_imports(fleet, dict.fromkeys(collections, file))

    for collection, found in zip(collections, imports, strict=True):
        assert_exact(fleet, collection, found)
    apis, workers = fleet.containers("api"), fleet.containers("worker")
    assert (len(apis), len(workers)) == (APIS, WORKERS)
    uploads = {api: [e for e in events(api, "request_answered") if e["route"] == BLOCKS] for api in apis}
    assert all(uploads.values()), {api: len(taken) for api, taken in uploads.items()}
    batches = {worker: events(worker, "batch_applied") for worker in workers}
    assert all(batches.values()), {worker: len(applied) for worker, applied in batches.items()}


def all_are_asked(fleet: Fleet) -> bool:
    """Whether the balancer knows each API by now, which one request more may show."""
    headers = {"Authorization": f"Bearer {fleet.token}"}
    httpx.get(f"{fleet.url}{IMPORTS}", headers=headers, trust_env=False, timeout=60).raise_for_status()
    return all(events(api, "request_answered") for api in fleet.containers("api"))


def test_an_api_that_is_killed_costs_a_retry_at_most(fleet: Fleet, collection: str, file: Path):
    victim = fleet.containers("api")[0]
    sent_to = f"{collection}-slowly"
    fleet.longshore("collections", "add", sent_to)
    traffic, uploads = Traffic(fleet, sent_to), Uploads(fleet, sent_to)

    with slowed(fleet), traffic.going_on(threads=1), uploads.going_on():
        uploads.wait_until_most_send()
        job = Import(fleet, file, collection)
        wait_for(lambda: fleet.documents(collection), seconds=120)
        killed_at = time.time()
        docker("kill", victim)
        found = job.result()
        docker("start", victim)
        wait_until_healthy(victim)

    assert_exact(fleet, collection, found)
    uploads.assert_exact()
    assert_under_way(fleet, collection, killed_at)
    broken = [asked for asked in uploads.asked if asked.status != 200]
    assert [asked for asked in broken if asked.what == "POST blocks" and asked.is_under_way(killed_at)]
    assert set(traffic.reads) == {200}
    # 0: on a connection that is kept, HAProxy tells by its end that a request can be sent again.
    assert set(traffic.writes) | {asked.status for asked in broken} <= OK | {502, 503, 0}
    assert None not in [*traffic.retry_after, *(asked.retry_after for asked in broken if asked.status)]


def assert_under_way(fleet: Fleet, collection: str, at: float) -> None:
    """The collection's only import had been started at this moment, in Unix seconds, and had not ended."""
    started, ended = fleet.span(collection)
    assert started < at < ended


def test_imports_go_on_when_redis_is_back(fleet: Fleet, collection: str, file: Path):
    [redis] = fleet.containers("redis")

    with stopped(redis):
        job = Import(fleet, file, collection)
        wait_for(lambda: fleet.query(STARTED.format(collection)) != "0", seconds=120)
    found = job.result()

    assert_exact(fleet, collection, found)
    assert_under_way(fleet, collection, started_at(redis))


def test_imports_go_on_when_postgres_was_restarted(fleet: Fleet, collection: str, file: Path):
    [postgres] = fleet.containers("postgres")

    with slowed(fleet):
        job = Import(fleet, file, collection)
        wait_for(lambda: fleet.documents(collection), seconds=120)
        docker("restart", postgres)
        wait_until_healthy(postgres)
    found = job.result()

    assert_exact(fleet, collection, found)
    assert_under_way(fleet, collection, started_at(postgres))
