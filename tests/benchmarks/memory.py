"""Resident memory of API and worker, whose peak must not grow with what they are given."""

from collections.abc import Iterable

from tests.benchmarks.documents import SHAPES, Document, blocks_of, flat_documents
from tests.benchmarks.figures import Figure
from tests.benchmarks.stack import BOTH, CREATE, Stack, running_stack

MANY_BLOCKS = 10
PER_BLOCK = 100_000  # documents: 20 MB
MOST_WORKER_MB = 150
SHAPE_BYTES = 60_000_000


def memory_figures(*, documents: int, repeats: int) -> list[Figure]:
    del documents, repeats
    with running_stack(workers=1) as stack:
        peaks = {blocks: _peaks_of_flat(stack, blocks) for blocks in (1, MANY_BLOCKS)}
        shapes = [_of_shape(stack, shape) for shape in SHAPES]
    return [*(_growth(role, peaks) for role in ("api", "worker")), *shapes]


def _peaks_of_flat(stack: Stack, blocks: int) -> dict[str, int]:
    return _peaks(stack, stack.new_collection(), CREATE, flat_documents(PER_BLOCK * blocks))


def _of_shape(stack: Stack, shape: str) -> Figure:
    """Of a worker that creates such documents, and then is asked to write the same over them."""
    documents, collection = _some(shape), stack.new_collection()
    peaks = [_peaks(stack, collection, strategy, documents)["worker"] for strategy in (CREATE, BOTH)]
    return Figure(
        case=f"worker memory, main process and child: {shape}",
        value=max(peaks) / 2**20,
        unit="MB",
        below=MOST_WORKER_MB,
        note="proportional: pages that both share are counted once",
    )


def _some(shape: str) -> list[Document]:
    """A few blocks of such documents, or all there are."""
    make = SHAPES[shape]
    return list(make(SHAPE_BYTES // len(next(make(1))[1])))


def _growth(role: str, peaks: dict[int, dict[str, int]]) -> Figure:
    one, many = (peaks[blocks][role] / 2**20 for blocks in (1, MANY_BLOCKS))
    return Figure(
        case=f"{role} memory with {MANY_BLOCKS} blocks of 20 MB",
        value=many / one,
        unit="of one block's",
        below=1.2,
        note=f"{many:.0f} MB beside {one:.0f}",
    )


def _peaks(
    stack: Stack, collection: str, strategy: list[str], documents: Iterable[Document]
) -> dict[str, int]:
    with stack.watching_memory() as peaks:
        stack.run_import(stack.prepare_import(collection, strategy, blocks_of(documents)))
    return peaks
