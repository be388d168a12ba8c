"""What a fleet of real containers does when its parts come and go: every import ends exact."""

from pathlib import Path

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import Import, Traffic, run_imports
from tests.fleet.conftest import assert_exact
from tests.fleet.containers import APIS, WORKERS, Fleet, cut_off, docker, events, stopped, wait_until_healthy

OK = {200, 204}
BLOCKS = "/__resources/imports/<importid>/blocks"


def test_all_apis_take_blocks_and_all_workers_apply_them(fleet: Fleet, file: Path):
    collections = [f"/spread-{number}" for number in range(4)]
    for collection in collections:
        fleet.longshore("collections", "add", collection)

    imports = run_imports(fleet, dict.fromkeys(collections, file))

    for collection, found in zip(collections, imports, strict=True):
        assert_exact(fleet, collection, found)
    apis, workers = fleet.containers("api"), fleet.containers("worker")
    assert (len(apis), len(workers)) == (APIS, WORKERS)
    uploads = {api: [e for e in events(api, "request_answered") if e["route"] == BLOCKS] for api in apis}
    assert all(uploads.values()), {api: len(taken) for api, taken in uploads.items()}
    batches = {worker: events(worker, "batch_applied") for worker in workers}
    assert all(batches.values()), {worker: len(applied) for worker, applied in batches.items()}


def test_an_api_that_is_killed_costs_a_retry_at_most(fleet: Fleet, collection: str, file: Path):
    victim = fleet.containers("api")[0]
    traffic = Traffic(fleet, collection)

    with traffic.going_on():
        job = Import(fleet, file, collection)
        wait_for(lambda: len(traffic.writes) > 20)
        docker("kill", victim)
        found = job.result()
        docker("start", victim)
        wait_until_healthy(victim)

    assert_exact(fleet, collection, found)
    assert set(traffic.reads) == {200}
    # 0: on a connection that is kept, HAProxy tells by its end that a request can be sent again.
    assert set(traffic.writes) <= OK | {502, 503, 0}
    assert None not in traffic.retry_after


def test_a_rolling_restart_fails_no_request_and_loses_no_line(fleet: Fleet, collection: str, file: Path):
    before = set(fleet.containers("api") + fleet.containers("worker"))
    ids = {docker("inspect", "--format", "{{.Id}}", name) for name in before}
    traffic = Traffic(fleet, collection)

    with traffic.going_on():
        job = Import(fleet, file, collection)
        fleet.run("restart")
        found = job.result()

    assert_exact(fleet, collection, found)
    after = fleet.containers("api") + fleet.containers("worker")
    assert len(after) == APIS + WORKERS
    assert ids.isdisjoint(docker("inspect", "--format", "{{.Id}}", name) for name in after)
    assert set(traffic.reads) == {200}
    assert set(traffic.writes) <= OK


def test_imports_go_on_when_redis_is_back(fleet: Fleet, collection: str, file: Path):
    [redis] = fleet.containers("redis")

    with stopped(redis):
        job = Import(fleet, file, collection)
        wait_for(lambda: fleet.query("SELECT count(*) FROM imports WHERE status = 'started'") != "0")
    found = job.result()

    assert_exact(fleet, collection, found)


def test_imports_go_on_when_postgres_was_restarted(fleet: Fleet, collection: str, file: Path):
    [postgres] = fleet.containers("postgres")
    job = Import(fleet, file, collection)
    wait_for(lambda: fleet.documents(collection))

    docker("restart", postgres)
    found = job.result()

    assert_exact(fleet, collection, found)


def test_a_worker_cut_off_from_the_network_is_replaced_and_comes_back(
    fleet: Fleet, collection: str, file: Path
):
    job = Import(fleet, file, collection)
    wait_for(lambda: fleet.documents(collection))
    victim = fleet.containers("worker")[0]

    with cut_off(victim):
        found = job.result()
    assert_exact(fleet, collection, found)

    applied = len(events(victim, "batch_applied"))
    # The same file again: every line is skipped, by whoever is there.
    wait_for(
        lambda: Import(fleet, file, collection).result() and len(events(victim, "batch_applied")) > applied,
        seconds=180,
    )
