"""Which moves of an import are told as wrong."""

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.ground import Ground
from shared.lifecycle import Status
from tests.faults.history import status_after, wrong_histories
from tests.integration.builders import an_import, numbered, work_off


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], Status.CONFIGURING),
        (["start", "run", "pause", "resume", "run", "complete"], Status.COMPLETE),
        (["start", "run", "ask_to_cancel", "let_go"], Status.CANCELED),
        (["start", "complete"], None),
        (["start", "run", "complete", "pause"], None),
        (["run"], None),
    ],
)
def test_moves_lead_to_a_status_or_nowhere(events: list[str], status: Status | None):
    assert status_after(events) == status


def test_an_import_that_is_elsewhere_than_its_moves_lead_is_told(ground: Ground, service: Service):
    done, other = (an_import(ground, service, numbered(3)) for _ in range(2))
    work_off(ground, service, done)
    before = wrong_histories(ground, service.id)

    with ground.database.begin() as session:
        session.execute(text("UPDATE imports SET status = 'running' WHERE id = :id"), {"id": other})

    assert before == []
    assert wrong_histories(ground, service.id) == [f"import {other}: running after start"]
