"""How long single requests and short imports take."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.documents import blocks_of, flat_documents
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.footprint import Server
from tests.benchmarks.stack import CREATE, IMPORTS, Stack, running_stack, seconds_between

STARTS = 30
POLLS_A_SECOND = 50
MANY_IMPORTS = 1_000_000
LAST_PAGE = 900
LISTINGS = 30
QUEUED = 10_000

# Such as were applied some time ago.
ADD_IMPORTS = """
WITH added AS (
    INSERT INTO imports (service_id, collection_id, strategies, status, started_at, ran_at, ended_at)
    SELECT c.service_id, c.id, '{create}', 'complete', now(), now(), now()
      FROM collections c, generate_series(1, %s) WHERE c.path = %s
    RETURNING id
)
INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key, finished_at)
SELECT id, 1, 1, '', '', now() FROM added
"""


def latency_figures(*, documents: int, repeats: int) -> list[Figure]:
    del repeats
    with running_stack(workers=1) as stack:
        return [_start_to_running(stack), _polling(stack, documents), *_listing(stack)]


def queue_figures(*, documents: int, repeats: int) -> list[Figure]:
    """Ten thousand started imports: what each costs at the queue's beginning and at its end."""
    del documents, repeats
    with running_stack(workers=1, open_imports=2 * QUEUED) as stack:
        collection = stack.new_collection()
        paths = [
            stack.prepare_import(collection, CREATE, [b'{"documentid":"%d"}\n' % number])
            for number in range(QUEUED)
        ]
        for path in paths:
            stack.start(path)
        ended = sorted(_ended(stack, path) for path in paths)
    tenth = QUEUED // 10
    first, last = ended[tenth] - ended[0], ended[-1] - ended[-tenth - 1]
    return [
        Figure(
            case=f"the last tenth of {QUEUED:,} queued imports beside the first",
            value=last / first,
            unit="of its time",
            below=1.5,
            note=f"{first / tenth * 1000:.1f} and {last / tenth * 1000:.1f} ms each",
        )
    ]


def _start_to_running(stack: Stack) -> Figure:
    collection = stack.new_collection()
    waits = []
    for number in range(STARTS):
        path = stack.prepare_import(collection, CREATE, [b'{"documentid":"%d"}' % number])
        waits.append(seconds_between(stack.run_import(path), "startedDatetime", "ranDatetime") * 1000)
    return Figure(
        case="PATCH started to running, idle",
        value=statistics.median(waits),
        unit="ms",
        below=30,
        note=f"median of {STARTS}; slowest {max(waits):.0f}",
    )


def _polling(stack: Stack, documents: int) -> Figure:
    collection = stack.new_collection()
    path = stack.prepare_import(collection, CREATE, blocks_of(flat_documents(5 * documents)))
    with _polled(stack, path) as waits:
        stack.run_import(path)
    return Figure(
        case="status polling while an import runs, p99",
        value=percentile(waits, 99),
        unit="ms",
        below=50,
        note=f"{len(waits)} polls, {POLLS_A_SECOND} a second; median {statistics.median(waits):.0f}",
    )


@contextmanager
def _polled(stack: Stack, path: str) -> Iterator[list[float]]:
    waits: list[float] = []
    is_over = threading.Event()

    def poll() -> None:
        client = stack.another_client()
        while not is_over.wait(1 / POLLS_A_SECOND):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            waits.append((time.perf_counter() - began) * 1000)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield waits
    finally:
        is_over.set()
        thread.join()


def _listing(stack: Stack) -> list[Figure]:
    server = Server(stack.description["database_url"])
    server.execute(ADD_IMPORTS, MANY_IMPORTS, stack.new_collection())
    server.vacuum("imports, blocks")
    server.execute("CHECKPOINT")
    return [_listed(stack, page) for page in (1, LAST_PAGE)]


def _listed(stack: Stack, page: int) -> Figure:
    waits = []
    for _ in range(LISTINGS):
        began = time.perf_counter()
        found = stack.client.get(f"{IMPORTS}?page={page}").raise_for_status()
        waits.append((time.perf_counter() - began) * 1000)
        assert len(found.json()["data"]) == 1000
    return Figure(
        case=f"page {page} of {MANY_IMPORTS:,} imports",
        value=statistics.median(waits),
        unit="ms",
        below=20,
        note=f"median of {LISTINGS}; 1000 imports a page",
    )


def _ended(stack: Stack, path: str) -> float:
    done = stack.wait_for_end(path)
    return seconds_between(done | {"epoch": "1970-01-01 00:00:00+00"}, "epoch", "endedDatetime")
