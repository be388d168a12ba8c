"""The one statement that moves an import: it moves, or it refuses and changes nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.db.transition import events_of, move
from shared.ground import Ground
from shared.lifecycle import SOURCES, Event, Status
from tests.integration.builders import an_import


def moved(ground: Ground, import_id: int, event: Event) -> bool:
    with ground.database.begin() as session:
        return move(session, import_id, event)


def moves(ground: Ground, import_id: int) -> list[str]:
    with ground.database.begin() as session:
        return [row.event for row in events_of(session, import_id)]


@pytest.mark.parametrize("event", [event for event in Event if Status.CONFIGURING not in SOURCES[event]])
def test_a_refused_move_changes_and_notes_nothing(ground: Ground, service: Service, event: Event):
    import_id = an_import(ground, service, status=Status.CONFIGURING)

    assert not moved(ground, import_id, event)

    assert get_import(ground, service, import_id).status == Status.CONFIGURING
    assert moves(ground, import_id) == []


def test_of_callers_at_once_one_moves_the_import(ground: Ground, service: Service):
    import_id = an_import(ground, service, status=Status.CONFIGURING)

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: moved(ground, import_id, Event.START), range(8)))

    assert sorted(answers) == [False] * 7 + [True]
    assert moves(ground, import_id) == ["start"]


def test_an_import_that_is_not_there_is_not_moved(ground: Ground):
    assert not moved(ground, 10**12, Event.START)


def test_a_move_that_is_rolled_back_leaves_no_event(ground: Ground, service: Service):
    import_id = an_import(ground, service, status=Status.CONFIGURING)

    with ground.database.begin() as session:
        assert move(session, import_id, Event.START)
        session.rollback()

    assert moves(ground, import_id) == []
