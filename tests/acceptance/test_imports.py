"""Imports as a client sees them: HTTP only, with real worker processes, some of which are killed."""

import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.acceptance.client import Client, applied_lines

LINES = 150_000


def lines(count: int, *, first: int = 0) -> bytes:
    return b"".join(b'{"documentid":"%d","value":%d}\n' % (n, n) for n in range(first, first + count))


def is_under_way(resource: dict[str, Any]) -> bool:
    return resource["status"] == "running" and applied_lines(resource) > 0


def test_an_import_runs_from_configuring_to_complete(client: Client, collection: str) -> None:
    importid = client.create(collection, "create", "update")
    client.add_block(importid, b'{"documentid":"1","a":1,"b":1}\n{"documentid":"2"}\noops\n')
    client.add_block(importid, b'{"documentid":1,"a":2}\n\n{"name":"no id"}')

    client.set_status(importid, "started")
    ended = client.wait_for_end(importid)

    assert ended["status"] == "complete"
    assert ended["percentComplete"] == 100
    assert (ended["createdDocuments"], ended["updatedDocuments"], ended["rejectedDocuments"]) == (3, 1, 1)
    assert client.documents(collection)["1"] == {"documentid": "1", "a": 2, "b": 1}
    [rejected] = client.rejections(importid)
    assert (rejected["blockid"], rejected["line"], rejected["code"]) == (1, 3, "invalid_json")


def test_pause_stops_inside_a_block_and_resume_goes_on_there(client: Client, collection: str) -> None:
    importid = client.create(collection, "create")
    client.add_block(importid, lines(LINES))
    client.set_status(importid, "started")
    client.wait_until(importid, is_under_way)

    paused = client.set_status(importid, "paused")

    assert paused["status"] == "paused"
    assert 0 < applied_lines(paused) < LINES
    assert applied_lines(client.get(importid)) == len(client.documents(collection)) == applied_lines(paused)
    client.set_status(importid, "resumed")
    assert client.wait_for_end(importid)["createdDocuments"] == LINES


def test_nothing_is_applied_after_a_cancel(client: Client, collection: str) -> None:
    importid = client.create(collection, "create")
    client.add_block(importid, lines(LINES))
    client.set_status(importid, "started")
    client.wait_until(importid, is_under_way)

    canceled = client.set_status(importid, "canceled")

    # A later import on the same workers runs to its end: by then the canceled one's worker has let go.
    after = client.create(collection, "update")
    client.add_block(after, b'{"documentid":"0"}\n')
    client.set_status(after, "started")
    client.wait_for_end(after)
    assert client.get(importid) == canceled
    assert len(client.documents(collection)) == canceled["createdDocuments"] < LINES


@pytest.mark.parametrize("victim", ["pool child", "main process"])
def test_a_killed_worker_loses_and_doubles_nothing(
    client: Client, collection: str, running_pids: Callable[[str], list[int]], victim: str
) -> None:
    importid = client.create(collection, "create")
    for block in range(2):
        client.add_block(importid, lines(LINES // 2, first=block * LINES // 2))
    client.set_status(importid, "started")
    client.wait_until(importid, is_under_way)

    for pid in running_pids("worker"):
        main = psutil.Process(pid)
        for process in main.children() if victim == "pool child" else [main]:
            os.kill(process.pid, signal.SIGKILL)

    assert is_under_way(client.get(importid))
    ended = client.wait_for_end(importid)
    assert (ended["status"], ended["createdDocuments"]) == ("complete", LINES)
    assert len(client.documents(collection)) == LINES


def test_a_deleted_import_stops_and_leaves_what_it_applied(client: Client, collection: str) -> None:
    importid = client.create(collection, "create")
    client.add_block(importid, lines(LINES))
    client.set_status(importid, "started")
    client.wait_until(importid, is_under_way)

    client.delete(importid)

    after = client.create(collection, "update")
    client.add_block(after, b'{"documentid":"0","seen":true}\n')
    client.set_status(after, "started")
    assert client.wait_for_end(after)["updatedDocuments"] == 1
    assert 0 < len(client.documents(collection)) < LINES


def test_a_short_import_does_not_wait_for_the_end_of_long_ones(client: Client, collection: str) -> None:
    long_ones = [client.create(collection, "create", "update") for _ in range(2)]
    for importid in long_ones:
        for block in range(6):
            client.add_block(importid, lines(20_000, first=block * 20_000))
        client.set_status(importid, "started")

    short = client.create(collection, "create", "update")
    client.add_block(short, b'{"documentid":"short"}\n')
    client.set_status(short, "started")

    client.wait_for_end(short)
    assert any(client.get(importid)["status"] == "running" for importid in long_ones)
    for importid in long_ones:
        client.wait_for_end(importid)
