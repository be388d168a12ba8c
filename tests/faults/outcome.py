"""What came of a round, read from the rows; and how it differs from what should have come."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from shared.ground import Ground
from tests.faults.orders import Kind, Order
from tests.integration.model import ModelImport

DOCUMENTS = """
SELECT d.documentid, d.properties::text FROM documents d JOIN collections c ON c.id = d.collection_id
 WHERE c.service_id = :service_id AND c.path = :path
"""
REJECTIONS = """
SELECT block_number, line_number, code, reason, line_offset, line_length, documentid
  FROM rejections WHERE import_id = :import_id
 ORDER BY block_number, line_number
"""
COUNTERS = """
SELECT status, created_documents, updated_documents, deleted_documents, skipped_documents,
       rejected_documents, unkept_rejections, block_count, applied_bytes, total_bytes
  FROM imports WHERE id = :import_id
"""
_UUID_CHARACTERS = 36


@dataclass
class Differences:
    """What is not as it should be; all zero and empty is the aim."""

    lost: int = 0  # documents that are missing or hold something else
    doubled: int = 0  # documents too many
    counters: int = 0  # imports that tell other numbers or another status
    rejections: int = 0  # imports that list other rejections
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.counters or self.rejections or self.notes)

    def note(self, what: str) -> None:
        self.notes.append(what)


@dataclass(frozen=True)
class Documents:
    """A collection's documents: those with an id of their lines, and the others, whose ids differ."""

    named: dict[str, str]
    unnamed: Counter[str]

    def compare(self, expected: "Documents", differences: Differences) -> None:
        wrong = {name for name, text in expected.named.items() if self.named.get(name) != text}
        differences.lost += len(wrong) + (expected.unnamed - self.unnamed).total()
        differences.doubled += len(self.named.keys() - expected.named.keys())
        differences.doubled += (self.unnamed - expected.unnamed).total()


@dataclass(frozen=True)
class OrderOutcome:
    """What the rows say of one order."""

    documents: Documents
    counters: dict[str, Any]
    rejections: list[tuple[Any, ...]]


def outcome_of(ground: Ground, service_id: int, order: Order, import_id: int) -> OrderOutcome:
    with ground.database.begin() as session:
        counters = session.execute(text(COUNTERS), {"import_id": import_id}).mappings().one_or_none()
        rejections = session.execute(text(REJECTIONS), {"import_id": import_id}).all()
    return OrderOutcome(
        documents_of(ground, service_id, order.collection),
        dict(counters or {}),
        [tuple(row) for row in rejections],
    )


def documents_of(ground: Ground, service_id: int, path: str) -> Documents:
    with ground.database.begin() as session:
        rows = session.execute(text(DOCUMENTS), {"service_id": service_id, "path": path}).all()
    named = {documentid: found for documentid, found in rows if len(documentid) != _UUID_CHARACTERS}
    return Documents(named, Counter(found for documentid, found in rows if documentid not in named))


def check(order: Order, found: OrderOutcome, calm: OrderOutcome, differences: Differences) -> None:
    """Compare with the undisturbed run where that is the same each time, else with the model of the order."""
    if order.kind is Kind.DELETED:
        _check_prefix(order, found, differences)
        return
    if order.kind in (Kind.CANCELED, Kind.DAMAGED):
        check_part(order, found, differences)
        return
    found.documents.compare(calm.documents, differences)
    if _counted(order, found) != _counted(order, calm):
        differences.counters += 1
        differences.note(f"{order.name}: {_counted(order, found)} instead of {_counted(order, calm)}")
    differences.rejections += found.rejections != calm.rejections


def _counted(order: Order, found: OrderOutcome) -> dict[str, Any]:
    counters = dict(found.counters)
    if order.kind is Kind.SHARED:
        # Who was first created it.
        counters["written"] = counters.pop("created_documents") + counters.pop("updated_documents")
    return counters


def check_part(order: Order, found: OrderOutcome, differences: Differences) -> None:
    """The documents, rejections and counters are those of as many lines as were applied."""
    counters = found.counters
    model = order.applied(sum(counters[f"{name}_documents"] for name in OUTCOMES))
    expected = dict(zip(OUTCOMES, _numbers(model), strict=True))
    told = {name: counters[f"{name}_documents"] for name in OUTCOMES}
    ends = {Kind.CANCELED: {"canceled", "complete"}, Kind.DAMAGED: {"failed"}}
    if told != expected or counters["status"] not in ends.get(order.kind, {"complete"}):
        differences.counters += 1
        differences.note(f"{order.name}: {counters['status']} {told} instead of {expected}")
    differences.rejections += [row[:3] for row in found.rejections] != model.rejections
    _parsed(found.documents).compare(_documents_of(model), differences)
    if order.kind is Kind.DAMAGED and model.finished_blocks != 1:
        differences.note(f"{order.name}: ended in block {model.finished_blocks + 1}, not at its damaged one")


def _check_prefix(order: Order, found: OrderOutcome, differences: Differences) -> None:
    """Nobody counts for a deleted import: its documents are those after some line."""
    if found.counters or found.rejections:
        differences.note(f"{order.name}: it is still there")
    if not _are_after_some_line(order, _parsed(found.documents)):
        differences.lost += 1
        differences.note(f"{order.name}: its documents are those after no line of it")


def _are_after_some_line(order: Order, found: Documents) -> bool:
    model = order.model()
    before = _documents_of(model).named
    wrong = {name for name in before.keys() | found.named.keys() if before.get(name) != found.named.get(name)}
    for line in (line for block in order.blocks for line in block):
        if not wrong and _documents_of(model).unnamed == found.unnamed:
            return True
        model.read_line()
        after = model.collection.documents.get(line.documentid or "")
        if after is not None:
            is_right = found.named.get(str(line.documentid)) == _canonical(after)
            (wrong.discard if is_right else wrong.add)(str(line.documentid))
    return not wrong and _documents_of(model).unnamed == found.unnamed


OUTCOMES = ("created", "updated", "deleted", "skipped", "rejected")


def _numbers(model: ModelImport) -> tuple[int, ...]:
    return model.created, model.updated, 0, model.skipped, len(model.rejections)


def _documents_of(model: ModelImport) -> Documents:
    named = {documentid: _canonical(found) for documentid, found in model.collection.documents.items()}
    return Documents(named, Counter(_canonical(found) for found in model.collection.unnamed))


def _parsed(documents: Documents) -> Documents:
    named = {documentid: _canonical(json.loads(found)) for documentid, found in documents.named.items()}
    unnamed: Counter[str] = Counter()
    for found, count in documents.unnamed.items():
        unnamed[_canonical(json.loads(found))] += count
    return Documents(named, unnamed)


def _canonical(properties: dict[str, Any]) -> str:
    return json.dumps(properties, sort_keys=True, default=int)
