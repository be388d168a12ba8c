"""Measure and print; write what was measured to build/bench.json."""

import statistics
import tempfile
from pathlib import Path

from rich.console import Console

from tests.benchmarks.batch_jobs import batch_jobs
from tests.benchmarks.controls import controls_obeyed
from tests.benchmarks.documents import blocks_of, flat_documents
from tests.benchmarks.figures import Figure, save, show
from tests.benchmarks.reference import copy_rate
from tests.benchmarks.stack import Stack, running_stack, seconds_between

DOCUMENTS = 200_000
REPEATS = 3
BLOCK_BYTES = 20 * 1024 * 1024
LATENCY_REPEATS = 30
MANY_BLOCKS = 10


def main() -> None:
    console = Console()
    with (
        tempfile.TemporaryDirectory() as folder,
        console.status("Starting the stack") as status,
        running_stack(Path(folder), workers=1) as stack,
    ):
        status.update(f"Importing {DOCUMENTS:,} documents {REPEATS} times beside COPY")
        documents = list(flat_documents(DOCUMENTS))
        blocks = list(blocks_of((line for _, line in documents), BLOCK_BYTES))
        figures = [create_beside_copy(stack, documents, blocks)]
        status.update("Starting short imports one after the other")
        figures.append(start_to_running(stack))
        status.update("Importing a single block, then ten, with an eye on memory")
        figures += memory_by_size(stack)
        status.update("Importing and exporting files by batch jobs")
        figures += batch_jobs(stack, blocks, documents=DOCUMENTS, repeats=REPEATS)
    with (
        tempfile.TemporaryDirectory() as folder,
        console.status("Pausing and canceling imports of two busy workers"),
        running_stack(Path(folder), workers=2) as stack,
    ):
        figures += controls_obeyed(stack)
    show(console, figures, repeats=REPEATS)
    save(figures, Path("build/bench.json"))


def create_beside_copy(stack: Stack, documents: list[tuple[str, bytes]], blocks: list[bytes]) -> Figure:
    """New documents with ids, from `started` to `complete`, each time beside COPY of the same rows."""
    ratios, rates, copies = [], [], []
    for repeat in range(REPEATS):
        collection = f"/bench-{repeat}"
        stack.add_collection(collection)
        path = stack.prepare_import(collection, ["create"], blocks)
        copies.append(copy_rate(stack.description["database_url"], documents))
        done = stack.run_import(path)
        assert done["createdDocuments"] == DOCUMENTS, done
        rates.append(DOCUMENTS / seconds_between(done, "startedDatetime", "endedDatetime"))
        ratios.append(rates[-1] / copies[-1])
    ratio = statistics.median(ratios)
    note = f"{statistics.median(rates):,.0f} beside {statistics.median(copies):,.0f} documents a second"
    return Figure("create, all new, ids given", ratio, "of COPY", "at least 0.5", ratio >= 0.5, note)


def memory_by_size(stack: Stack) -> list[Figure]:
    """Peak resident memory of API and worker: an import of ten full blocks beside one of a single block."""
    peaks = {blocks: _peaks(stack, blocks) for blocks in (1, MANY_BLOCKS)}
    figures = []
    for role in ("api", "worker"):
        one, many = (peaks[blocks][role] / 2**20 for blocks in (1, MANY_BLOCKS))
        figures.append(
            Figure(
                f"{role} memory, {MANY_BLOCKS} blocks of 20 MiB",
                many,
                "MB",
                "as with one block",
                many < one * 1.2,
                f"{one:.0f} MB with one block; main process and children added up",
            )
        )
    return figures


def _peaks(stack: Stack, blocks: int) -> dict[str, int]:
    per_block = BLOCK_BYTES // 200
    stack.add_collection(f"/memory-{blocks}")
    lines = (line for _, line in flat_documents(blocks * per_block))
    with stack.watching_memory() as peaks:
        path = stack.prepare_import(f"/memory-{blocks}", ["create"], blocks_of(lines, BLOCK_BYTES))
        stack.run_import(path)
    return peaks


def start_to_running(stack: Stack) -> Figure:
    """From the PATCH's moment to the first of running, on an idle stack."""
    stack.add_collection("/latency")
    waits = []
    for number in range(LATENCY_REPEATS):
        path = stack.prepare_import("/latency", ["create"], [b'{"documentid":"%d"}' % number])
        waits.append(seconds_between(stack.run_import(path), "startedDatetime", "ranDatetime") * 1000)
    median = statistics.median(waits)
    note = f"slowest of {LATENCY_REPEATS}: {max(waits):.0f}"
    return Figure("started to running", median, "ms", "below 100", median < 100, note)


if __name__ == "__main__":
    main()
