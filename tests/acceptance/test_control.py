"""Workers that are told to stop, and imports that are told to while every worker is busy or none is there."""

import os
import signal
import time
from collections.abc import Callable
from itertools import count, cycle
from typing import Any

import psutil
import pytest

from api.usecases.maintenance import begin_maintenance, end_maintenance, wait_for_workers
from shared.db.models import Block
from shared.ground import Ground
from tests.acceptance.administration import Administration
from tests.acceptance.client import Client, applied_lines
from tests.acceptance.processes import families, held, pool_children
from tests.acceptance.waiting import wait_for

LINES = 120_000  # of one block: a second or two of work
MANY_LINES = 2 * LINES  # where the import is to last while others are looked at
DRAIN_SECONDS = 5.0
OBEYED_SECONDS = 1.0
CONTROLS = 100
BUSY_IMPORTS = 4
WORKERS = 2  # of the stack
_numbers = count(1)


def a_block(count: int = LINES) -> bytes:
    return b"".join(b'{"documentid":"%d","value":%d}\n' % (n, n) for n in range(count))


def started(client: Client, collection: str, block: bytes) -> int:
    """The id of an import of one block, started."""
    importid = client.create(collection, "create")
    client.add_block(importid, block)
    client.set_status(importid, "started")
    return importid


def is_under_way(resource: dict[str, Any]) -> bool:
    return resource["work"]["state"] == "working" and applied_lines(resource) > 0


def has_no_worker(resource: dict[str, Any]) -> bool:
    return resource["work"]["worker"] is None


def all_processes(pids: list[int]) -> list[int]:
    """The children before the processes that started them: they get no other word."""
    return [process.pid for process in reversed(families(pids))]


@pytest.mark.parametrize("told", [list, all_processes], ids=["main processes", "all processes"])
def test_a_worker_that_is_told_to_stop_does_so_soon_and_its_block_goes_on_where_it_was(
    client: Client,
    collection: str,
    running_pids: Callable[[str], list[int]],
    stack_ground: Ground,
    told: Callable[[list[int]], list[int]],
) -> None:
    """Whoever stops a service may tell its main process, or all of its processes."""
    importid = started(client, collection, a_block())
    client.wait_until(importid, is_under_way)
    workers = families(running_pids("worker"))

    told_at = time.monotonic()
    for pid in told(running_pids("worker")):
        os.kill(pid, signal.SIGTERM)
    left = client.wait_until(importid, has_no_worker, seconds=DRAIN_SECONDS)
    _, alive = psutil.wait_procs(workers, timeout=max(0.0, told_at + DRAIN_SECONDS - time.monotonic()))

    assert alive == []
    assert (left["status"], left["failureCount"], left["work"]["worker"]) == ("running", 0, None)
    assert left["work"]["attempts"] == 0
    assert 0 < left["createdDocuments"] < LINES
    ended = client.wait_for_end(importid)
    # A line applied a second time would be skipped: its document is there already.
    assert (ended["createdDocuments"], ended["skippedDocuments"], ended["failureCount"]) == (LINES, 0, 0)
    with stack_ground.database.begin() as session:
        assert session.get_one(Block, (importid, 1)).epoch == 2


def test_a_child_that_is_told_to_stop_alone_gives_its_block_back(
    client: Client, collection: str, running_pids: Callable[[str], list[int]]
) -> None:
    importid = started(client, collection, a_block())
    worker = client.wait_until(importid, is_under_way)["work"]["worker"]
    children = [psutil.Process(pid) for pid in pool_children(running_pids("worker"))]

    for child in children:
        child.send_signal(signal.SIGTERM)
    client.wait_until(importid, lambda seen: seen["work"]["worker"] != worker, seconds=DRAIN_SECONDS)
    _, alive = psutil.wait_procs(children, timeout=DRAIN_SECONDS)

    assert alive == []
    ended = client.wait_for_end(importid)
    assert (ended["createdDocuments"], ended["skippedDocuments"], ended["failureCount"]) == (LINES, 0, 0)


def test_with_all_workers_busy_nothing_is_applied_after_a_control_and_counters_say_what_was(
    client: Client, administration: Administration
) -> None:
    block = a_block(MANY_LINES)
    imports = {}
    for number in range(4):
        path = f"/busy-{number}"
        administration.add_collection(path)
        imports[started(client, path, block)] = path
    told: dict[int, dict[str, Any]] = {}

    while len(told) < len(imports):
        importid = wait_for(lambda: _one_under_way(client, imports.keys() - told.keys()))
        told[importid] = client.set_status(importid, "canceled" if len(told) % 2 else "paused")
        client.wait_until(importid, has_no_worker)

    for importid, path in imports.items():
        now = client.get(importid)
        assert applied_lines(now) == applied_lines(told[importid]) == len(client.documents(path)) < MANY_LINES
    for importid, answer in told.items():
        if answer["status"] == "paused":
            client.set_status(importid, "resumed")
            assert client.wait_for_end(importid)["createdDocuments"] == MANY_LINES


@pytest.mark.large
def test_with_all_workers_busy_99_of_100_pauses_and_cancels_are_obeyed_within_a_second(
    client: Client, administration: Administration
) -> None:
    """The promise is that second; how much sooner it is, is measured by `make bench`."""
    block = a_block(MANY_LINES)
    imports: set[int] = set()
    wishes = cycle(["paused", "canceled"])

    def one_far_from_its_end() -> int | None:
        seen = {importid: client.get(importid) for importid in imports}
        for importid in (one for one, resource in seen.items() if applied_lines(resource) > LINES):
            client.delete(importid)
            imports.discard(importid)
        while len(imports) < BUSY_IMPORTS:
            path = f"/controlled-{next(_numbers)}"
            administration.add_collection(path)
            imports.add(started(client, path, block))
        return _one_under_way(client, imports, at_once=WORKERS)

    def seconds_until_obeyed() -> float:
        importid, wish = wait_for(one_far_from_its_end), next(wishes)
        began = time.monotonic()
        client.set_status(importid, wish)
        client.wait_until(importid, has_no_worker)
        seconds = time.monotonic() - began
        if wish == "paused":
            client.set_status(importid, "resumed")
        else:
            imports.discard(importid)
        return seconds

    seconds = sorted(seconds_until_obeyed() for _ in range(CONTROLS))

    for importid in imports:
        client.delete(importid)
    assert seconds[-2] < OBEYED_SECONDS, seconds


def _one_under_way(client: Client, importids: set[int], *, at_once: int = 1) -> int | None:
    """One of those that workers are at, as soon as there are so many."""
    under_way = [importid for importid in sorted(importids) if is_under_way(client.get(importid))]
    return under_way[0] if len(under_way) >= at_once else None


def test_with_no_worker_at_all_controls_are_obeyed_at_once(
    client: Client, collection: str, running_pids: Callable[[str], list[int]]
) -> None:
    importid = started(client, collection, a_block())
    client.wait_until(importid, is_under_way)

    with held(running_pids("worker")):
        paused = client.set_status(importid, "paused")
        resumed = client.set_status(importid, "resumed")
        canceled = client.set_status(importid, "canceled")

        assert [answer["status"] for answer in (paused, resumed, canceled)] == [
            "paused",
            "resumed",
            "canceled",
        ]
        assert canceled["endedDatetime"] is not None
    client.wait_until(importid, has_no_worker)
    assert client.get(importid)["createdDocuments"] == canceled["createdDocuments"] < LINES


def test_maintenance_pauses_what_runs_and_ends_where_it_was(
    client: Client, collection: str, stack_ground: Ground
) -> None:
    importid = started(client, collection, a_block())
    client.wait_until(importid, is_under_way)

    begin_maintenance(stack_ground, None)
    try:
        quiet = wait_for_workers(stack_ground, seconds=10.0)
        paused = client.get(importid)
        waiting = started(client, collection, b'{"documentid":"0"}\n')
        later = [client.get(number) for number in (importid, waiting)]
    finally:
        end_maintenance(stack_ground)

    assert quiet.at_work == 0
    assert (paused["status"], paused["work"]["state"]) == ("paused", "maintenance")
    assert applied_lines(later[0]) == applied_lines(paused) < LINES
    assert (later[1]["status"], later[1]["work"]["state"]) == ("started", "maintenance")
    assert client.wait_for_end(importid)["createdDocuments"] == LINES
    assert client.wait_for_end(waiting)["skippedDocuments"] == 1
