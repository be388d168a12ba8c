"""Cost of a document as a collection gets more of them, and as they are written again and again."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.benchmarks.costs import Costs
from tests.benchmarks.documents import Document, blocks_of, flat_documents
from tests.benchmarks.footprint import INDEXES, TABLE, Server
from tests.benchmarks.imports import rate_of
from tests.benchmarks.pictures import Panel, Picture
from tests.benchmarks.stack import BOTH, Stack, running_stack

STEPS = 10


def scattered(documents: Iterable[Document]) -> Iterable[Document]:
    """The documents under ids of the same length in no order, as hashes are."""
    for documentid, line in documents:
        name = hashlib.md5(documentid.encode()).hexdigest()[: len(documentid)]
        yield name, line.replace(documentid.encode(), name.encode())


@dataclass(frozen=True)
class Case:
    """How new documents come; after a checkpoint each page that is touched goes to the WAL in full once."""

    name: str
    reorder: Callable[[Iterable[Document]], Iterable[Document]]
    is_after_checkpoint: bool = False


CASES = (
    Case("ids in order", list),
    Case("ids at random", scattered),
    Case("ids at random, after a checkpoint", scattered, is_after_checkpoint=True),
)


def documents_grow(documents: int) -> Picture:
    """One import after the other into the same collection."""
    costs = Costs("bytes a document", Panel("import", "µs a document", is_time=True), only_workers=True)
    index = Panel("index", "bytes a document")
    for case in CASES:
        with running_stack(workers=1) as stack:
            server, collection = Server(stack.description["database_url"]), stack.new_collection()
            for there in range(documents, STEPS * documents + 1, documents):
                new = list(case.reorder(flat_documents(documents, first=there)))
                if case.is_after_checkpoint:
                    server.execute("CHECKPOINT")
                with costs.watching(stack, case.name, there, documents):
                    seconds = imported_seconds(stack, collection, new)
                index.add(case.name, there, server.bytes_of(INDEXES) / there)
                costs.time.add(case.name, there, seconds / documents * 1e6)
    return Picture("documents", "documents in the collection", [*costs.panels, index])


def updates_grow(documents: int) -> Picture:
    """The same documents changed again and again, faster than autovacuum looks, and vacuumed each time."""
    count = documents // 2
    wal = Panel("WAL", "bytes a document")
    table = Panel("table", "bytes a document")
    index = Panel("index", "bytes a document")
    for curve, is_vacuumed in (("left to autovacuum", False), ("vacuumed after each", True)):
        with running_stack(workers=1) as stack:
            server, collection = Server(stack.description["database_url"]), stack.new_collection()
            for step in range(STEPS + 1):
                written = [_with_visits(document, step) for document in flat_documents(count)]
                with server.costing() as cost:
                    imported_seconds(stack, collection, written)
                    if is_vacuumed:
                        server.vacuum("documents")
                wal.add(curve, step, cost.wal_bytes / count)
                table.add(curve, step, server.bytes_of(TABLE) / count)
                index.add(curve, step, server.bytes_of(INDEXES) / count)
    return Picture("updates", "times that every document was changed", [wal, table, index])


def imported_seconds(stack: Stack, collection: str, documents: list[Document]) -> float:
    """From `started` to `complete`."""
    done = stack.run_import(stack.prepare_import(collection, BOTH, blocks_of(documents)))
    return len(documents) / rate_of(done, len(documents))


def _with_visits(document: Document, visits: int) -> Document:
    documentid, line = document
    return documentid, line[:-1] + b',"seen":%d}' % visits
