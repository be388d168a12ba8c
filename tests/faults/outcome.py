"""What came of a round, read from the rows; and what of it may not be as it should be."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from shared.ground import Ground
from tests.faults.orders import Order

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

    def parsed(self) -> "Documents":
        """The same in one spelling."""
        named = {documentid: canonical(json.loads(found)) for documentid, found in self.named.items()}
        unnamed: Counter[str] = Counter()
        for found, count in self.unnamed.items():
            unnamed[canonical(json.loads(found))] += count
        return Documents(named, unnamed)

    def compare(self, expected: "Documents", differences: Differences) -> None:
        wrong = {name for name, text in expected.named.items() if self.named.get(name) != text}
        differences.lost += len(wrong) + (expected.unnamed - self.unnamed).total()
        differences.doubled += len(self.named.keys() - expected.named.keys())
        differences.doubled += (self.unnamed - expected.unnamed).total()


def canonical(properties: dict[str, Any]) -> str:
    """The one spelling."""
    return json.dumps(properties, sort_keys=True, default=int)


@dataclass(frozen=True)
class OrderOutcome:
    """What the rows say of one order, and what its client was told last."""

    told: dict[str, Any]  # of one that was deleted: before that
    documents: Documents
    counters: dict[str, Any]
    rejections: list[tuple[Any, ...]]


def outcome_of(ground: Ground, service_id: int, order: Order, told: dict[str, Any]) -> OrderOutcome:
    import_id = told["importid"]
    with ground.database.begin() as session:
        counters = session.execute(text(COUNTERS), {"import_id": import_id}).mappings().one_or_none()
    return OrderOutcome(
        told,
        documents_of(ground, service_id, order.collection),
        dict(counters or {}),
        rejections_of(ground, import_id),
    )


def rejections_of(ground: Ground, import_id: int) -> list[tuple[Any, ...]]:
    """What is stored of each, in the order of the lines."""
    with ground.database.begin() as session:
        return [tuple(row) for row in session.execute(text(REJECTIONS), {"import_id": import_id})]


def begin_alike(some: list[Any], others: list[Any]) -> bool:
    """Whether they are the same as far as both go."""
    return all(one == other for one, other in zip(some, others, strict=False))


def documents_of(ground: Ground, service_id: int, path: str) -> Documents:
    with ground.database.begin() as session:
        rows = session.execute(text(DOCUMENTS), {"service_id": service_id, "path": path}).all()
    named = {documentid: found for documentid, found in rows if len(documentid) != _UUID_CHARACTERS}
    return Documents(named, Counter(found for documentid, found in rows if documentid not in named))
