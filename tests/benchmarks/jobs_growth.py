"""Cost as blocks, imports and workers get more."""

import statistics

from tests.benchmarks.costs import Costs
from tests.benchmarks.documents import blocks_of, changed, flat_documents, size_of
from tests.benchmarks.footprint import Server
from tests.benchmarks.imports import rate_of
from tests.benchmarks.latency import ADD_IMPORTS
from tests.benchmarks.pictures import Panel, Picture
from tests.benchmarks.stack import BOTH, CREATE, Stack, running_stack, seconds_between

BLOCKS = (1, 10, 100, 1000)
IMPORTS = (1_000, 10_000, 100_000, 1_000_000)
SHORT_IMPORTS = 20
WORKERS = (1, 2, 4, 8)


def blocks_grow(documents: int) -> Picture:
    """The same documents in more and more blocks."""
    flat = list(flat_documents(documents // 2))
    costs = Costs("bytes a document", Panel("import", "µs a document", is_time=True))
    with running_stack(workers=1) as stack:
        for count in BLOCKS:
            blocks = blocks_of(flat, size_of(flat) // count + 1)
            with costs.watching(stack, "upload and import", count, len(flat)):
                path = stack.prepare_import(stack.new_collection(), BOTH, blocks)
                done = stack.run_import(path)
            costs.time.add("one worker", count, 1e6 / rate_of(done, len(flat)))
    grows = f"blocks that {len(flat):,} documents come in"
    return Picture("blocks", grows, costs.panels, is_logarithmic=True)


def imports_grow(_: int) -> Picture:
    """A one-line import among more and more others that are there already."""
    costs = Costs("bytes an import", Panel("started to complete, median", "ms", is_time=True))
    with running_stack(workers=1) as stack:
        server, collection = Server(stack.description["database_url"]), stack.new_collection()
        there = 0
        for count in IMPORTS:
            server.execute(ADD_IMPORTS, count - there, collection)
            server.vacuum("imports, blocks")
            with costs.watching(stack, "one line each", count, SHORT_IMPORTS):
                milliseconds = [_short_import(stack, collection, count + n) for n in range(SHORT_IMPORTS)]
            there = count + SHORT_IMPORTS
            costs.time.add("one line each", count, statistics.median(milliseconds))
    return Picture("imports", "imports there are", costs.panels, is_logarithmic=True)


def workers_grow(documents: int) -> Picture:
    """One import whose blocks go to as many workers as there are.

    Every document is changed, so that a block takes longer than the second after which a worker asks for its
    other connection, and each worker has one at least.
    """
    costs = Costs("bytes a document", Panel("import", "µs a document", is_time=True))
    flat = list(flat_documents(documents * 5))
    other = [changed(document) for document in flat]
    for count in WORKERS:
        with running_stack(workers=count) as stack:
            collection = stack.new_collection()
            stack.create_documents(collection, flat)
            path = stack.prepare_import(collection, BOTH, blocks_of(other), ordered=False)
            with costs.watching(stack, "one import", count, len(flat)):
                done = stack.run_import(path)
        costs.time.add("one import", count, 1e6 / rate_of(done, len(flat)))
    return Picture("workers", "workers", costs.panels)


def _short_import(stack: Stack, collection: str, number: int) -> float:
    done = stack.run_import(stack.prepare_import(collection, CREATE, [b'{"documentid":"%d"}\n' % number]))
    return seconds_between(done, "startedDatetime", "endedDatetime") * 1000
