"""Imports from `started` to `complete`, each beside a COPY of the same rows into an identical table."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.documents import SHAPES, Document, blocks_of, changed, without_ids
from tests.benchmarks.figures import Figure, median_ratio
from tests.benchmarks.reference import copy_rate
from tests.benchmarks.stack import BOTH, CREATE, Stack, running_stack, seconds_between

SEED = 7


@dataclass(frozen=True)
class Case:
    """What is there before, what is imported, and what share of COPY's speed that should have."""

    name: str
    strategy: list[str]
    there_before: Sequence[Document]
    imported: Sequence[Document]
    at_least: float | None


def import_figures(*, documents: int, repeats: int) -> list[Figure]:
    with running_stack(workers=1) as stack:
        flat = list(SHAPES["flat, 200 bytes"](documents))
        figures = [_measure(stack, case, repeats) for case in _cases(flat)]
        for shape, make in SHAPES.items():
            share = documents * 200 // len(next(make(1))[1])
            case = Case(f"create, {shape}", CREATE, [], list(make(share)), None)
            figures.append(_measure(stack, case, repeats))
        return figures


def _cases(flat: list[Document]) -> list[Case]:
    updated = [changed(document) for document in flat]
    mixed = updated[:]
    random.Random(SEED).shuffle(mixed)
    return [
        Case("create, all new, ids given", CREATE, [], flat, 0.85),
        Case("create, no ids", CREATE, [], without_ids(flat), 0.85),
        Case("create and update, every document changed", BOTH, flat, updated, 0.45),
        Case("the same file again, nothing changed", BOTH, flat, flat, 0.70),
        Case("half new, half existing, shuffled", BOTH, flat[::2], mixed, 0.40),
    ]


def _measure(stack: Stack, case: Case, repeats: int) -> Figure:
    imports, copies = [], []
    for _ in range(repeats):
        collection = stack.new_collection()
        stack.create_documents(collection, case.there_before)
        path = stack.prepare_import(collection, case.strategy, blocks_of(case.imported))
        copies.append(copy_rate(stack.description["database_url"], case.imported))
        imports.append(rate_of(stack.run_import(path), len(case.imported)))
    return Figure(
        case=case.name,
        value=median_ratio(imports, copies),
        unit="of COPY",
        at_least=case.at_least,
        note=f"{statistics.median(imports):,.0f} beside {statistics.median(copies):,.0f} documents a second",
    )


def rate_of(done: dict[str, object], documents: int) -> float:
    """Documents a second of an import that took so many lines, every one of them applied."""
    outcomes = ("created", "updated", "skipped")
    assert sum(int(str(done[f"{outcome}Documents"])) for outcome in outcomes) == documents, done
    return documents / seconds_between(done, "startedDatetime", "endedDatetime")
