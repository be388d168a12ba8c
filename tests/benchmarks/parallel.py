"""Several workers: two imports at once, one import by two, and a short one behind long ones."""

import statistics
from datetime import datetime

from tests.benchmarks.documents import Document, blocks_of, flat_documents
from tests.benchmarks.figures import Figure, median_ratio, percentile
from tests.benchmarks.imports import rate_of
from tests.benchmarks.stack import CREATE, Stack, running_stack, seconds_between

SMALL_BLOCK_BYTES = 4 * 1024 * 1024
LONG_IMPORTS = 10
LONG_DOCUMENTS = 1_000_000
LONG_IMPORTS_LEFT = 4  # at least, behind each short one that counts: each worker has one, and others wait
SHORT_IMPORTS, FEWEST_SHORT_IMPORTS = 40, 20


def parallel_figures(*, documents: int, repeats: int) -> list[Figure]:
    with running_stack(workers=2) as stack:
        flat = list(flat_documents(documents))
        alone, two, unordered = [], [], []
        for _ in range(repeats):
            alone.append(_one(stack, flat, ordered=True))
            two.append(_two(stack, flat))
            unordered.append(_one(stack, flat, ordered=False))
    alone_rate = f"{statistics.median(alone):,.0f} documents a second with one worker"
    return [
        Figure(
            case="two imports at once, two workers, two collections",
            value=median_ratio(two, alone),
            unit="of one",
            at_least=1.3,
            note=f"{statistics.median(two):,.0f} beside {alone_rate}",
        ),
        Figure(
            case="one import whose order does not matter, two workers",
            value=median_ratio(unordered, alone),
            unit="of one",
            note=f"{statistics.median(unordered):,.0f} beside {alone_rate}",
        ),
    ]


def short_behind_long(*, documents: int, repeats: int) -> list[Figure]:
    """From the PATCH of a one-line import to its first batch, while ten long ones run, half unordered."""
    del documents, repeats
    waits = []
    with running_stack(workers=2) as stack:
        long = list(blocks_of(flat_documents(LONG_DOCUMENTS)))
        paths = [
            stack.prepare_import(stack.new_collection(), CREATE, long, ordered=number % 2 == 0)
            for number in range(LONG_IMPORTS)
        ]
        for path in paths:
            stack.start(path)
        collection = stack.new_collection()
        for number in range(SHORT_IMPORTS):
            path = stack.prepare_import(collection, CREATE, [b'{"documentid":"%d"}\n' % number])
            waited = seconds_between(stack.run_import(path), "startedDatetime", "endedDatetime")
            left = sum(stack.client.get(path).json()["status"] != "complete" for path in paths)
            if left < LONG_IMPORTS_LEFT:
                break
            waits.append(waited)
        assert len(waits) >= FEWEST_SHORT_IMPORTS, (
            "The long imports ended too early for this to tell anything."
        )
    return [
        Figure(
            case=f"a one-line import behind {LONG_IMPORTS} of a million lines, two workers, p95",
            value=percentile(waits, 95),
            unit="s",
            below=3,
            note=f"{len(waits)} of them; median {statistics.median(waits):.2f}, slowest {max(waits):.2f}",
        )
    ]


def _one(stack: Stack, documents: list[Document], *, ordered: bool) -> float:
    blocks = blocks_of(documents, SMALL_BLOCK_BYTES)
    path = stack.prepare_import(stack.new_collection(), CREATE, blocks, ordered=ordered)
    return rate_of(stack.run_import(path), len(documents))


def _two(stack: Stack, documents: list[Document]) -> float:
    paths = [
        stack.prepare_import(stack.new_collection(), CREATE, blocks_of(documents, SMALL_BLOCK_BYTES))
        for _ in range(2)
    ]
    for path in paths:
        stack.start(path)
    done = [stack.wait_for_end(path) for path in paths]
    began = min(datetime.fromisoformat(one["startedDatetime"]) for one in done)
    ended = max(datetime.fromisoformat(one["endedDatetime"]) for one in done)
    return 2 * len(documents) / (ended - began).total_seconds()
