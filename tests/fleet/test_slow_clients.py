"""What becomes of slow clients: who goes on is served, who does not is let go, nobody keeps others out."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import IMPORTS
from tests.fleet.containers import Fleet, docker
from tests.fleet.slow_clients import Told, crowded, head_of_upload, send_slowly

# For the head of a request at the balancer, and for the next bytes of a body at an API. The balancer waits
# for TIMEOUT_SECONDS for anything: who takes longer must have gone on.
PATIENCE_SECONDS, TIMEOUT_SECONDS = 15, 20
LATE_SECONDS = 10  # on a busy machine
PROMPT_SECONDS = 4

PLACES = 60  # of an API, for requests under way
CONNECTIONS = 1000  # of an address

LINES = [b'{"documentid":"%d","text":"%s"}\n' % (number, b"x" * 900) for number in range(TIMEOUT_SECONDS + 6)]


def ask(fleet: Fleet, method: str, path: str, **body: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {fleet.token}"}
    given = {"json": body} if body else {}
    return httpx.request(
        method, fleet.url + path, headers=headers, trust_env=False, timeout=60, **given
    ).raise_for_status()


def new_import(fleet: Fleet, collection: str) -> str:
    made = ask(fleet, "POST", IMPORTS, strategy=["create"], collection=collection)
    return f"{IMPORTS}/{made.json()['importid']}"


@pytest.fixture(scope="module")
def paths(fleet: Fleet) -> dict[str, str]:
    """Imports, one for each client."""
    fleet.longshore("collections", "add", "/slow")
    return {name: new_import(fleet, "/slow") for name in ("steady", "stalled")}


@pytest.fixture(scope="module")
def told(fleet: Fleet, paths: dict[str, str]) -> dict[str, Told]:
    """What each slow client was told; all of them came at the same time."""
    length = sum(map(len, LINES))
    steady = [head_of_upload(paths["steady"], fleet.token, length), *LINES]
    stalled = [head_of_upload(paths["stalled"], fleet.token, length), LINES[0]]
    dribbled = [b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Long: ", *[b"x"] * 60]
    clients = {"steady": steady, "stalled": stalled, "dribbled": dribbled}
    with ThreadPoolExecutor(len(clients)) as pool:
        running = {name: pool.submit(send_slowly, fleet, pieces) for name, pieces in clients.items()}
        return {name: client.result() for name, client in running.items()}


def test_an_upload_that_is_slow_but_steady_goes_through(
    fleet: Fleet, paths: dict[str, str], told: dict[str, Told]
):
    assert told["steady"].status == 200, told["steady"].answer
    assert told["steady"].seconds > TIMEOUT_SECONDS
    assert ask(fleet, "GET", f"{paths['steady']}/blocks/1").content == b"".join(LINES)


def test_who_dribbles_a_head_is_cut_and_told(told: dict[str, Told]):
    dribbled = told["dribbled"]

    assert dribbled.status == 408
    assert PATIENCE_SECONDS - 1 < dribbled.seconds < PATIENCE_SECONDS + LATE_SECONDS


def test_who_stops_in_the_middle_is_let_go_and_leaves_nothing(
    fleet: Fleet, paths: dict[str, str], told: dict[str, Told]
):
    stalled = told["stalled"]

    assert stalled.status == 400
    assert "Body incomplete" in stalled.answer
    assert PATIENCE_SECONDS - 1 < stalled.seconds < PATIENCE_SECONDS + LATE_SECONDS
    assert ask(fleet, "GET", paths["stalled"]).json()["blockCount"] == 0
    # It is told, and has the balancer's patience to take that and go.
    kept_seconds = seconds_at_balancer(fleet, paths["stalled"])
    assert kept_seconds < PATIENCE_SECONDS + TIMEOUT_SECONDS + LATE_SECONDS


def seconds_at_balancer(fleet: Fleet, path: str) -> float:
    """How long an upload kept its place there, as the balancer logs it in the end."""
    timers = re.compile(rf'/(\d+) \d+ \d+ .*"POST {path}/blocks')
    [balancer] = fleet.containers("balancer")
    return int(wait_for(lambda: timers.search(docker("logs", balancer)))[1]) / 1000


def assert_prompt(fleet: Fleet) -> None:
    """Whoever comes from elsewhere is answered at once, each time on a new connection."""
    headers = {"Authorization": f"Bearer {fleet.token}", "Connection": "close"}
    with httpx.Client(base_url=fleet.url, headers=headers, trust_env=False, timeout=60) as client:
        began = time.monotonic()
        for _ in range(3):
            client.get(IMPORTS).raise_for_status()
        assert time.monotonic() - began < PROMPT_SECONDS


def test_a_crowd_of_idle_connections_keeps_nobody_else_out(fleet: Fleet):
    """Four thousand of them are all there are: for 15 seconds nobody was let in."""
    with crowded(fleet.containers("api")[0], 5 * CONNECTIONS):
        assert_prompt(fleet)


def test_a_crowd_of_slow_uploads_takes_half_of_the_places_and_is_told(fleet: Fleet):
    """Not even a token was needed to keep everybody waiting."""
    apis = fleet.containers("api")
    upload = head_of_upload(f"{IMPORTS}/1", "none", 10_000_000)
    refused = len(apis) * PLACES // 2 + 20

    with crowded(apis[0], len(apis) * PLACES + 20, upload) as crowd:
        assert_prompt(fleet)
        wait_for(lambda: crowd.refused() >= refused)
        assert crowd.refused() == refused
