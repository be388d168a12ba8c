"""How soon a pause or cancel is obeyed while every worker is busy."""

import statistics
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from tests.benchmarks.documents import blocks_of, flat_documents
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.stack import BOTH, Stack, running_stack

CONTROLS = 100
IMPORTS_AT_ONCE = 6
DOCUMENTS = 30_000  # of a block
BLOCKS = 4  # of an import: a few seconds of work
LOOK_SECONDS = 0.003
TOO_LATE = 400  # it has ended meanwhile
DEADLINE_SECONDS = 30.0


def control_figures(*, documents: int, repeats: int) -> list[Figure]:
    """From the request to the moment at which the import's worker has let go, and to the answer."""
    del documents, repeats
    with running_stack(workers=2) as stack:
        return _controls_obeyed(stack)


def _controls_obeyed(stack: Stack) -> list[Figure]:
    body = next(blocks_of(flat_documents(DOCUMENTS)))
    busy, wishes = _BusyImports(stack, body), cycle(("paused", "canceled"))
    answered: list[float] = []
    let_go: list[float] = []
    while len(let_go) < CONTROLS:
        path, wish = busy.one_that_a_worker_applies(), next(wishes)
        began = time.monotonic()
        response = stack.client.patch(path, json={"status": wish})
        if response.status_code == TOO_LATE:
            continue
        answered.append(time.monotonic() - began)
        now = _wait_until_let_go(stack, path)
        let_go.append(time.monotonic() - began)
        assert _counters(now) == _counters(response.raise_for_status().json()), (response.text, now)
        if wish == "paused":
            stack.client.patch(path, json={"status": "resumed"}).raise_for_status()
    return [_figure("answered", answered), _figure("its worker free", let_go)]


class _BusyImports:
    """As many imports under way as it takes for every worker to have one."""

    def __init__(self, stack: Stack, body: bytes) -> None:
        self._stack = stack
        self._body = body
        self._paths: list[str] = []
        self._collections = cycle([stack.new_collection() for _ in range(IMPORTS_AT_ONCE)])

    def one_that_a_worker_applies(self) -> str:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            found = [(path, self._stack.client.get(path).json()) for path in self._paths]
            self._paths = [path for path, resource in found if resource["endedDatetime"] is None]
            while len(self._paths) < IMPORTS_AT_ONCE:
                self._paths.append(self._start())
            for path in self._applied():
                return path
        raise TimeoutError(f"No worker applied anything within {DEADLINE_SECONDS} seconds.")

    def _applied(self) -> Iterator[str]:
        for path in self._paths:
            resource = self._stack.client.get(path).json()
            if resource["work"]["state"] == "working" and any(_counters(resource)):
                yield path

    def _start(self) -> str:
        path = self._stack.prepare_import(next(self._collections), BOTH, [self._body] * BLOCKS)
        self._stack.start(path)
        return path


def _wait_until_let_go(stack: Stack, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (resource := stack.client.get(path).json())["work"]["worker"] is not None:
        assert time.monotonic() < deadline, resource
        time.sleep(LOOK_SECONDS)
    return dict(resource)


def _counters(resource: dict[str, Any]) -> list[int]:
    return [resource[f"{outcome}Documents"] for outcome in ("created", "updated", "skipped", "rejected")]


def _figure(what: str, waits: list[float]) -> Figure:
    p99 = percentile(waits, 99) * 1000
    median, slowest = statistics.median(waits) * 1000, max(waits) * 1000
    note = f"{len(waits)} of them, all workers busy; p50 {median:.0f}, slowest {slowest:.0f}"
    return Figure(case=f"pause or cancel, p99: {what}", value=p99, unit="ms", below=1000, note=note)
