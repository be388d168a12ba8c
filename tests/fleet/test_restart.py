"""A rolling restart of every API, every worker and beat, while blocks come in and workers are busy."""

import re
import time
from dataclasses import dataclass

import pytest

from tests.fleet.clients import Traffic
from tests.fleet.containers import APIS, WORKERS, Fleet, docker, said
from tests.fleet.departures import SERVICES, Departure, departures
from tests.fleet.supply import Supply, write_supply
from tests.fleet.uploads import Uploads

APPLIED, SENT = "/restarted", "/restarted-slowly"

# While any of them was to be worked on.
SPANS = f"""
SELECT extract(epoch FROM started_at), extract(epoch FROM ended_at)
  FROM imports i JOIN collections c ON c.id = i.collection_id
 WHERE c.path = '{APPLIED}'
"""
# Which epoch of each block was its last one so far, and when it was finished.
FINISHED = """
SELECT import_id, number, epoch, extract(epoch FROM coalesce(finished_at, 'infinity')) FROM blocks
"""
# Of HAProxy: after five times in milliseconds the status, and at the end the request.
LOGGED = re.compile(r' [\d+-]+(?:/[\d+-]+){4} (?P<status>-?\d+) .* "(?P<method>[A-Z]+) (?P<path>\S*)')


@dataclass(frozen=True)
class Restarted:
    """What was there before and after, and what was seen meanwhile."""

    before: dict[str, set[str]]  # ids of containers, by service
    after: dict[str, set[str]]
    departed: list[Departure]
    traffic: Traffic
    uploads: Uploads
    supply: Supply
    balancer_log: str


@pytest.fixture(scope="module")
def restarted(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Restarted:
    folder = tmp_path_factory.mktemp("restarted")
    for collection in (APPLIED, SENT):
        fleet.longshore("collections", "add", collection)
    supply = Supply(fleet, write_supply(folder / "lines.ndjson"), APPLIED)
    uploads, traffic = Uploads(fleet, SENT), Traffic(fleet, SENT)
    before, began = ids(fleet), time.time()
    with supply.going_on(), uploads.going_on(), departures(fleet, folder) as departed:
        uploads.wait_until_most_send()
        with traffic.going_on(threads=1):
            fleet.run("restart")
    [balancer] = fleet.containers("balancer")
    log = said(balancer, since=began)
    return Restarted(before, ids(fleet), departed, traffic, uploads, supply, log)


def ids(fleet: Fleet) -> dict[str, set[str]]:
    return {
        service: {docker("inspect", "--format", "{{.Id}}", name) for name in fleet.containers(service)}
        for service in SERVICES
    }


def test_every_api_worker_and_beat_is_another_one(restarted: Restarted):
    assert {service: len(there) for service, there in restarted.after.items()} == {
        "api": APIS,
        "worker": WORKERS,
        "beat": 1,
    }
    assert all(restarted.before[service].isdisjoint(restarted.after[service]) for service in SERVICES)


def test_every_api_was_told_to_stop_in_the_middle_of_an_upload_and_ended_it(restarted: Restarted):
    for api in departed(restarted, "api"):
        answered = {told["request_id"] for told in api.events("request_answered")}
        under_way = [sent for sent in restarted.uploads.blocks if sent.is_under_way(api.told_at)]
        assert [sent for sent in under_way if sent.request_id in answered and sent.status == 200]


def test_every_worker_was_told_to_stop_while_there_was_work(fleet: Fleet, restarted: Restarted):
    spans = [tuple(map(float, line.split("|"))) for line in fleet.query(SPANS).splitlines()]
    workers = departed(restarted, "worker")

    for worker in workers:
        assert any(began < worker.told_at < ended for began, ended in spans)
    ends = finished(fleet)
    assert any(is_amid_a_block(worker, ends) for worker in workers)


def finished(fleet: Fleet) -> dict[tuple[int, int], tuple[int, float]]:
    """By import and number of a block: its last epoch, and when it was finished, in Unix seconds."""
    rows = [line.split("|") for line in fleet.query(FINISHED).splitlines()]
    return {(int(of), int(number)): (int(epoch), float(at)) for of, number, epoch, at in rows}


def is_amid_a_block(worker: Departure, ends: dict[tuple[int, int], tuple[int, float]]) -> bool:
    """Whether the last one that it took before it was told was finished later, or in an epoch of another one.

    Slowed workers hold one nearly always, and give none back in the middle until they are told to stop.
    """
    claims = [told for told in worker.events("block_claimed") if told["at"] < worker.told_at]
    if not claims:
        return False
    epoch, finished_at = ends[claims[-1]["import_id"], claims[-1]["block"]]
    return epoch > claims[-1]["epoch"] or finished_at > worker.told_at


def departed(restarted: Restarted, service: str) -> list[Departure]:
    return [departure for departure in restarted.departed if departure.service == service]


def test_no_request_fails(restarted: Restarted):
    statuses = {(asked.what.split()[0], asked.status) for asked in restarted.uploads.asked}
    assert statuses == {("POST", 200), ("GET", 200), ("PATCH", 200)}
    assert set(restarted.traffic.reads) == {200}
    assert set(restarted.traffic.writes) == {200, 204}


def test_nor_does_the_balancer_know_of_one(restarted: Restarted):
    """Also those of the command line, which would have tried again."""
    logged = [found.groupdict() for found in LOGGED.finditer(restarted.balancer_log)]

    assert [told for told in logged if not 200 <= int(told["status"]) < 300] == []
    blocks = [told for told in logged if (told["method"], told["path"][-7:]) == ("POST", "/blocks")]
    assert len(blocks) > len(restarted.uploads.blocks) > 0


def test_no_line_is_lost_and_no_lease(restarted: Restarted):
    restarted.supply.assert_exact()
    restarted.uploads.assert_exact()
    assert {ended["failureCount"] for ended in restarted.supply.ended} == {0}
