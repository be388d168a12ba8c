"""Batches that ask for different things; what becomes of documents by them is in `test_model_of_files`."""

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any

import orjson
import pytest

from api.usecases.services import Service, add_service
from shared.ground import Ground
from tests.integration.builders import documents, row_versions, tuned
from tests.integration.conftest import ALWAYS, Refuse
from tests.integration.job_builders import a_file_import, an_item_type

_numbers = count(1)

Line = tuple[str | None, dict[str, Any]]  # action and data


def content_of(lines: Sequence[Line]) -> bytes:
    headers = [{} if action is None else {"action": action} for action, _ in lines]
    return orjson.dumps([{"headers": h, "data": data} for h, (_, data) in zip(headers, lines, strict=True)])


def counted(ground: Ground, service: Service, lines: Sequence[Line], **order: Any) -> Counter[str]:
    """Import the lines, and return how many had which outcome."""
    job = a_file_import(ground, service, content_of(lines), **order)
    assert job.work_off().view.status == "Completed"
    row = job.import_row()
    outcomes = ("created", "updated", "deleted", "skipped", "rejected")
    return Counter({name: n for name in outcomes if (n := getattr(row, f"{name}_documents"))})


def a_service(ground: Ground) -> Service:
    service, _ = add_service(ground, f"mixed-{next(_numbers)}")
    an_item_type(ground, service)
    return service


MIXED: list[Line] = [
    ("Merge", {"accountId": "A", "n": 1}),
    ("Create", {"accountId": "B", "n": 2}),
    ("Delete", {"accountId": "C"}),
    ("Update", {"accountId": "A", "n": 3}),
]


def test_a_batch_that_changes_nothing_writes_nothing(ground: Ground):
    service = a_service(ground)
    counted(ground, service, MIXED)
    before = row_versions(ground, service, "/Account")

    again = counted(ground, service, MIXED[1:])

    assert again == {"skipped": 2, "updated": 1}
    assert row_versions(ground, service, "/Account") == before


@pytest.mark.parametrize("position", range(5))
def test_a_line_that_the_database_refuses_is_rejected_alone(ground: Ground, position: int):
    service = a_service(ground)
    content = content_of(MIXED)[1:-1].split(b',{"headers"')
    poison = b'"headers":{"action":"Merge"},"data":{"accountId":"P","bad":0e9999999999}}'
    lines = [content[0], *(b'{"headers"' + rest for rest in content[1:])]
    lines.insert(position, b"{" + poison)

    job = a_file_import(ground, service, b"\n".join(lines))
    job.work_off()

    assert job.rejected() == [(position + 1, "refused_by_database")]
    assert documents(ground, service, "/Account") == {
        "A": {"accountId": "A", "n": 3},
        "B": {"accountId": "B", "n": 2},
    }


def test_somebody_else_creating_a_document_in_between_is_waited_for(ground: Ground, refuse: Refuse):
    service = a_service(ground)
    attempts = refuse("TRUE", "40001", times=2)

    found = counted(ground, service, MIXED)

    assert found == {"created": 2, "updated": 1, "skipped": 1}
    assert attempts() > 2


def test_conflicts_without_end_are_critical_failures(ground: Ground, refuse: Refuse):
    service = a_service(ground)
    refuse("TRUE", "40001", times=ALWAYS)
    hasty = tuned(ground, attempts=1, retry_seconds=0.001, patience_seconds=0.001)
    job = a_file_import(hasty, service, content_of(MIXED))

    shown = job.work_off()

    assert shown.view.status == "Failed"
    assert documents(ground, service, "/Account") == {}
