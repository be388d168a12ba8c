"""Whether what came of an order is what should have come of it: by the undisturbed run, or by the model."""

from collections import Counter
from typing import Any

from shared.settings import Settings
from tests.acceptance.client import applied_lines
from tests.faults.orders import REFUSED_BY_DATABASE, Kind, Order
from tests.faults.outcome import Differences, Documents, OrderOutcome, begin_alike, canonical
from tests.integration.model import ModelImport

OUTCOMES = ("created", "updated", "deleted", "skipped", "rejected")
# What a client is told, by what the rows call it.
_TOLD = {"status": "status", "block_count": "blockCount"} | {
    f"{name}_documents": f"{name}Documents" for name in OUTCOMES
}


def check(order: Order, found: OrderOutcome, calm: OrderOutcome, differences: Differences) -> None:
    """Compare with the undisturbed run where that is the same each time, else with the model of the order."""
    if order.kind is Kind.DELETED:
        _check_prefix(order, found, differences)
        return
    _check_told(order, found, differences)
    if order.kind in (Kind.CANCELED, Kind.DAMAGED):
        check_part(order, found, calm, differences)
        return
    found.documents.compare(calm.documents, differences)
    if _counted(order, found) != _counted(order, calm):
        differences.counters += 1
        differences.note(f"{order.name}: {_counted(order, found)} instead of {_counted(order, calm)}")
    differences.rejections += found.rejections != calm.rejections


def is_cut_short(order: Order, found: OrderOutcome) -> bool:
    """Whether not all of it was applied, by its documents: nobody counts for a deleted one."""
    return found.documents.parsed() != _documents_of(order.applied())


def _counted(order: Order, found: OrderOutcome) -> dict[str, Any]:
    counters = dict(found.counters)
    if order.kind is Kind.SHARED:
        # Who was first created it.
        counters["written"] = counters.pop("created_documents") + counters.pop("updated_documents")
    return counters


def _check_told(order: Order, found: OrderOutcome, differences: Differences) -> None:
    """Nothing was counted any longer when the client was told that the import had ended."""
    told = {name: found.told[key] for name, key in _TOLD.items()}
    kept = {name: found.counters.get(name) for name in _TOLD}
    if told != kept:
        differences.counters += 1
        differences.note(f"{order.name}: {told} was told, {kept} is kept")


def check_part(order: Order, found: OrderOutcome, calm: OrderOutcome, differences: Differences) -> None:
    """The documents, rejections and counters are those of as many lines as were applied."""
    counters = found.counters
    model = order.applied(sum(counters[f"{name}_documents"] for name in OUTCOMES))
    expected = dict(zip(OUTCOMES, _numbers(model), strict=True)) | _sizes(order)
    told = {name: counters.get(name, counters.get(f"{name}_documents")) for name in expected}
    ends = {Kind.CANCELED: {"canceled", "complete"}, Kind.DAMAGED: {"failed"}}
    if (
        told != expected
        or counters["status"] not in ends.get(order.kind, {"complete"})
        or counters["applied_bytes"] not in order.sizes_after(model.lines_read)
    ):
        differences.counters += 1
        differences.note(f"{order.name}: {counters} instead of {expected}")
    differences.rejections += _others_are_rejected(order, model, found, calm)
    found.documents.parsed().compare(_documents_of(model), differences)
    if order.kind is Kind.DAMAGED:
        _check_damaged(order, found, model, differences)


def _others_are_rejected(order: Order, model: ModelImport, found: OrderOutcome, calm: OrderOutcome) -> bool:
    """Whether the rows are others than the model's. What the database says is known from the undisturbed run
    only, as far as that came."""
    expected = [order.rejection(*told) for told in model.rejections]
    known = [
        (*row[:3], None if row[2] == REFUSED_BY_DATABASE else row[3], *row[4:]) for row in found.rejections
    ]
    return known != expected or not begin_alike(found.rejections, calm.rejections)


def _check_damaged(order: Order, found: OrderOutcome, model: ModelImport, differences: Differences) -> None:
    """It was tried as often as is allowed, and ended at its second block with the reason."""
    if model.finished_blocks != 1:
        differences.note(f"{order.name}: ended in block {model.finished_blocks + 1}, not at its damaged one")
    error, reason = found.told["work"]["lastError"], found.told["work"]["reason"]
    if found.told["failureCount"] < Settings.attempts or not error or error not in reason:
        differences.note(f"{order.name}: {found.told['failureCount']} failures, {reason}")


def _sizes(order: Order) -> dict[str, int]:
    return {
        "block_count": len(order.blocks),
        "total_bytes": sum(map(len, order.bodies())),
        "unkept_rejections": 0,
    }


def _check_prefix(order: Order, found: OrderOutcome, differences: Differences) -> None:
    """Nobody counts for a deleted import: its documents are those after some line, told ones applied."""
    if found.counters or found.rejections:
        differences.note(f"{order.name}: it is still there")
    least = applied_lines(found.told)
    if not _are_after_some_line(order, found.documents.parsed(), least):
        differences.lost += 1
        differences.note(f"{order.name}: its documents are those after no line of it from {least} on")


def _are_after_some_line(order: Order, found: Documents, least: int) -> bool:
    model, lines_read = order.model(), 0
    before = _documents_of(model).named
    wrong = {name for name in before.keys() | found.named.keys() if before.get(name) != found.named.get(name)}
    for line in (line for block in order.blocks for line in block):
        if lines_read >= least and not wrong and _documents_of(model).unnamed == found.unnamed:
            return True
        model.read_line()
        lines_read += not line.is_blank
        after = model.collection.documents.get(line.documentid or "")
        if after is not None:
            is_right = found.named.get(str(line.documentid)) == canonical(after)
            (wrong.discard if is_right else wrong.add)(str(line.documentid))
    return not wrong and _documents_of(model).unnamed == found.unnamed


def _numbers(model: ModelImport) -> tuple[int, ...]:
    return model.created, model.updated, 0, model.skipped, len(model.rejections)


def _documents_of(model: ModelImport) -> Documents:
    named = {documentid: canonical(found) for documentid, found in model.collection.documents.items()}
    return Documents(named, Counter(canonical(found) for found in model.collection.unnamed.values()))
