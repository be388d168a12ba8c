"""Resident memory of API and worker, whose peak must not grow with what they are given."""

from tests.benchmarks.documents import blocks_of, flat_documents
from tests.benchmarks.figures import Figure
from tests.benchmarks.stack import CREATE, Stack, running_stack

MANY_BLOCKS = 10
PER_BLOCK = 100_000  # documents: 20 MB
MOST_WORKER_MB = 150


def memory_figures(*, documents: int, repeats: int) -> list[Figure]:
    del documents, repeats
    with running_stack(workers=1) as stack:
        peaks = {blocks: _peaks(stack, blocks) for blocks in (1, MANY_BLOCKS)}
    return [_growth(role, peaks) for role in ("api", "worker")] + [
        Figure(
            case="worker memory, main process and child",
            value=peaks[MANY_BLOCKS]["worker"] / 2**20,
            unit="MB",
            below=MOST_WORKER_MB,
            note="proportional: pages that both share are counted once",
        )
    ]


def _growth(role: str, peaks: dict[int, dict[str, int]]) -> Figure:
    one, many = (peaks[blocks][role] / 2**20 for blocks in (1, MANY_BLOCKS))
    return Figure(
        case=f"{role} memory with {MANY_BLOCKS} blocks of 20 MB",
        value=many / one,
        unit="of one block's",
        below=1.2,
        note=f"{many:.0f} MB beside {one:.0f}",
    )


def _peaks(stack: Stack, blocks: int) -> dict[str, int]:
    collection = stack.new_collection()
    documents = flat_documents(PER_BLOCK * blocks)
    with stack.watching_memory() as peaks:
        stack.run_import(stack.prepare_import(collection, CREATE, blocks_of(documents)))
    return peaks
