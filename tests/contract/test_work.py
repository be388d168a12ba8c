"""What GET of an import tells of its work, through everything that can be the matter with it."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from shared.ground import Ground
from tests.contract.conftest import IMPORTS, Caller
from tests.integration.builders import (
    after_batches,
    block_files,
    claim,
    go_home,
    let_leases_expire,
    let_pauses_pass,
    numbered,
    tuned,
    work,
)

WORKER = "worker-3f2a9c"
POSTGRES_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00")
NOBODY = {"worker": None, "heartbeatAgeSeconds": None, "nextRetryDatetime": None, "lastError": None}

Act = Callable[[Ground, int], object]


def take(ground: Ground, import_id: int) -> None:
    assert claim(tuned(ground, lease_seconds=60), import_id, worker=WORKER)


def die(ground: Ground, import_id: int) -> None:
    take(ground, import_id)
    let_leases_expire(ground, import_id)


def go_on_after_a_death(ground: Ground, import_id: int) -> None:
    die(ground, import_id)
    work(tuned(ground, batch_lines=3), import_id, should_stop=after_batches(1, go_home))


def lose_the_block(ground: Ground, import_id: int) -> None:
    block_files(ground, import_id)[0].unlink()
    work(tuned(ground, retry_seconds=100.0), import_id)


def lose_the_block_for_good(ground: Ground, import_id: int) -> None:
    lose_the_block(ground, import_id)
    let_pauses_pass(ground, import_id)
    work(tuned(ground, attempts=1), import_id)


LOST = "Block storage has lost the bytes."
DIED = "Its worker stopped while it held block 1."

CASES: dict[str, tuple[Act, dict[str, Any]]] = {
    "waiting": (lambda *_: None, NOBODY | {"state": "waiting", "blockid": 1, "attempts": 0}),
    "running": (take, {"state": "working", "worker": WORKER, "blockid": 1, "attempts": 1}),
    "worker dead": (die, {"state": "silent", "worker": WORKER, "attempts": 1, "lastError": None}),
    "taken over": (
        go_on_after_a_death,
        {"state": "waiting", "worker": None, "attempts": 0, "lastError": DIED},
    ),
    "failing": (lose_the_block, {"state": "retrying", "worker": None, "attempts": 1, "lastError": LOST}),
    "failed": (
        lose_the_block_for_good,
        {"state": "ended", "reason": f"It failed several times: {LOST}", "lastError": LOST, "blockid": None},
    ),
    "complete": (work, NOBODY | {"state": "ended", "blockid": None, "attempts": 0}),
}


@pytest.fixture
def import_id(call: Caller) -> int:
    """An import of ten lines, started."""
    made = call.new_import()
    call.add_block(made, numbered(10))
    call("PATCH", f"{IMPORTS}/{made}", json={"status": "started"})
    return made


def shown(call: Caller, import_id: int) -> dict[str, Any]:
    found: dict[str, Any] = call("GET", f"{IMPORTS}/{import_id}").get_json()["work"]
    return found


@pytest.mark.parametrize(("act", "expected"), CASES.values(), ids=CASES.keys())
def test_an_import_tells_of_its_work(
    call: Caller, ground: Ground, import_id: int, act: Act, expected: dict[str, Any]
):
    act(ground, import_id)

    told = shown(call, import_id)
    assert told.items() >= expected.items()
    assert (told["heartbeatAgeSeconds"] is None) == (told["worker"] is None)


def test_a_paused_import_says_so(call: Caller, import_id: int):
    call("PATCH", f"{IMPORTS}/{import_id}", json={"status": "paused"})

    assert shown(call, import_id)["state"] == "paused"


def test_the_next_attempt_is_told_as_every_moment_is(call: Caller, ground: Ground, import_id: int):
    lose_the_block(ground, import_id)

    assert POSTGRES_MOMENT.fullmatch(shown(call, import_id)["nextRetryDatetime"])


def test_creating_and_changing_an_import_tell_of_its_work_too(call: Caller):
    configuration = {"strategy": ["create"], "collection": "/contacts"}

    created = call("POST", IMPORTS, json=configuration).get_json()
    started = call("PATCH", f"{IMPORTS}/{created['importid']}", json={"status": "started"}).get_json()

    assert (created["work"]["state"], started["work"]["state"]) == ("configuring", "waiting")


def test_lists_of_imports_stay_short(call: Caller, import_id: int):
    [row, *_] = call("GET", IMPORTS).get_json()["data"]

    assert (row["importid"], "work" in row) == (import_id, False)
