"""How the service stands, as its rows tell, at a bounded cost."""

import re
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

import pytest
from sqlalchemy import text

from api.usecases.collections import add_collection
from api.usecases.maintenance import begin_maintenance
from api.usecases.services import Service, add_service
from shared.db import giving_back, standing
from shared.db.standing import Standing
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import BOUNDS, an_import, ask, claim, numbered, work
from tests.integration.job_builders import accounts, an_export


@pytest.fixture
def owner(apart: Ground) -> Service:
    made, _ = add_service(apart, "owner")
    add_collection(apart, made, "/contacts")
    return made


def look(ground: Ground, **bounds: int) -> Standing:
    with ground.database.begin() as session:
        return standing.look(session, replace(BOUNDS, **bounds))


def age(ground: Ground, import_id: int, seconds: int) -> None:
    with ground.database.begin() as session:
        session.execute(
            text("UPDATE imports SET started_at = now() - make_interval(secs => :seconds) WHERE id = :id"),
            {"seconds": seconds, "id": import_id},
        )


def test_a_service_without_work_tells_zeros(apart: Ground):
    found = look(apart)

    assert set(found.blocks.values()) | set(found.imports.values()) | set(found.exports.values()) == {0}
    assert (found.mails, found.wanted_processes) == (0, 0)
    assert (found.oldest_started_import_seconds, found.oldest_mail_seconds) == (0.0, 0.0)


def test_blocks_are_told_by_what_they_wait_for(apart: Ground, owner: Service):
    an_import(apart, owner, numbered(1), numbered(1))
    an_import(apart, owner, numbered(1), status=Status.CONFIGURING)
    claim(apart, an_import(apart, owner, numbered(1), numbered(1)))

    found = look(apart)

    assert found.blocks == {"leased": 1, "abandoned": 0, "delayed": 0, "waiting": 3}
    assert found.imports == {"started": 1, "running": 1, "resumed": 0, "canceling": 0}


def test_the_age_is_that_of_the_import_that_waits_longest_for_its_first_worker(apart: Ground, owner: Service):
    begun, waiting, _ = (an_import(apart, owner, numbered(1), numbered(1)) for _ in range(3))
    age(apart, begun, 900)
    age(apart, waiting, 300)
    work(apart, begun)

    assert 300 <= look(apart).oldest_started_import_seconds < 330


@pytest.mark.parametrize("workers", [1, 2])
def test_what_limits_keep_waiting_does_not_wait_for_a_worker(apart: Ground, owner: Service, workers: int):
    """More of them could take no more, and yet somebody was paged."""
    begun, waiting = (an_import(apart, owner, numbered(1)) for _ in range(2))
    age(apart, waiting, 300)
    claim(apart, begun)

    assert (look(apart, service_workers=workers).oldest_started_import_seconds >= 300) == (workers > 1)


def test_an_import_that_was_resumed_waits_since_then(apart: Ground, owner: Service):
    """Where nobody took it, no alert said so."""
    begun, resumed = (an_import(apart, owner, numbered(1), numbered(1)) for _ in range(2))
    age(apart, resumed, 900)
    claim(apart, begun)
    lease = claim(apart, resumed)
    assert lease
    ask(apart, owner, resumed, Status.PAUSED)
    with apart.database.begin() as session:
        giving_back.release(session, lease)
    ask(apart, owner, resumed, Status.RESUMED)
    with apart.database.begin() as session:
        session.execute(text(EARLIER), {"id": resumed, "seconds": 300})

    found = look(apart)

    assert found.imports["resumed"] == 1
    assert 300 <= found.oldest_started_import_seconds < 330


def test_an_import_with_more_moves_than_are_read_is_left_out(apart: Ground, owner: Service):
    """What is read of them has no order, and the last one may not be among it."""
    import_id = an_import(apart, owner, numbered(1))
    claim(apart, import_id)
    for status in (Status.PAUSED, Status.RESUMED):
        ask(apart, owner, import_id, status)
    with apart.database.begin() as session:
        session.execute(text(MANY_MOVES), {"id": import_id, "count": standing.MOVES_READ})

    assert look(apart).oldest_started_import_seconds == 0.0


def three_blocks(ground: Ground, service: Service, *, is_ordered: bool) -> int:
    return an_import(ground, service, numbered(1), numbered(1), numbered(1), is_ordered=is_ordered)


def one_is_at_work(ground: Ground, service: Service) -> None:
    claim(ground, three_blocks(ground, service, is_ordered=False))


def three_imports(ground: Ground, service: Service) -> None:
    for _ in range(3):
        an_import(ground, service, numbered(1))


def three_exports(ground: Ground, service: Service) -> None:
    accounts(ground, service)
    for _ in range(3):
        an_export(ground, service)


def a_pause(ground: Ground, service: Service) -> None:
    an_import(ground, service, numbered(1))
    with ground.database.begin() as session:
        session.execute(text("UPDATE blocks SET due_at = now() + interval '1 hour'"))


def imports_of_two(ground: Ground, service: Service) -> None:
    other, _ = add_service(ground, "another")
    add_collection(ground, other, "/contacts")
    three_imports(ground, service)
    three_imports(ground, other)


WANTED: dict[str, tuple[Callable[[Ground, Service], object], dict[str, int], int]] = {
    "a block after the other": (partial(three_blocks, is_ordered=True), {}, 1),
    "blocks in any order": (partial(three_blocks, is_ordered=False), {}, 3),
    "no more than may be at an import": (partial(three_blocks, is_ordered=False), {"import_workers": 2}, 2),
    "what is at work, too": (one_is_at_work, {}, 3),
    "what is at work has its room": (one_is_at_work, {"import_workers": 2}, 2),
    "imports": (three_imports, {}, 3),
    "no more than may be at a data service": (three_imports, {"service_workers": 2}, 2),
    "as many at each data service": (imports_of_two, {"service_workers": 2}, 4),
    "exports one after the other": (three_exports, {}, 1),
    "two exports at a time": (three_exports, {"service_long_jobs": 2}, 2),
    "nothing that is tried again later": (a_pause, {}, 0),
}


@pytest.mark.parametrize(("begun", "bounds", "count"), WANTED.values(), ids=WANTED)
def test_as_many_processes_are_wanted_as_could_be_at_work(
    apart: Ground,
    owner: Service,
    begun: Callable[[Ground, Service], object],
    bounds: dict[str, int],
    count: int,
):
    """Exports that waited, and blocks of an import that ran, were told to nobody who scales workers."""
    begun(apart, owner)

    assert look(apart, **bounds).wanted_processes == count


def test_during_maintenance_no_process_is_wanted(apart: Ground, owner: Service):
    three_imports(apart, owner)
    begin_maintenance(apart, None)

    assert look(apart).wanted_processes == 0


def test_maintenance_is_told(apart: Ground):
    begin_maintenance(apart, None)

    assert look(apart).is_on_maintenance


def test_no_more_is_counted_than_the_bound(apart: Ground, owner: Service):
    an_import(apart, owner, numbered(1), is_ordered=False)
    with apart.database.begin() as session:
        session.execute(text(MANY_BLOCKS), {"count": standing.COUNTED + 5})

    found = look(apart, import_workers=2 * standing.COUNTED)

    assert (found.blocks["waiting"], found.wanted_processes) == (standing.COUNTED, standing.COUNTED)


def test_rows_of_imports_that_have_ended_are_not_read(apart: Ground, owner: Service):
    an_import(apart, owner, numbered(1))
    with apart.database.begin() as session:
        session.execute(text(MANY_ENDED), {"count": 20_000})
        session.execute(text("ANALYZE imports"))
        given = asdict(BOUNDS) | {"counted": standing.COUNTED}
        plans = [
            "\n".join(session.scalars(text(f"EXPLAIN {statement}"), given))
            for statement in (
                standing.OPEN_IMPORTS,
                standing.UNFINISHED_BLOCKS,
                standing.OLDEST_STARTED_IMPORT,
                standing.WANTED_PROCESSES,
            )
        ]

    # Not among exports and maintenance, which are empty here.
    assert [plan for plan in plans if re.search(r"Seq Scan on (imports|blocks|import_events)", plan)] == []


EARLIER = "UPDATE import_events SET at = at - make_interval(secs => :seconds) WHERE import_id = :id"

MANY_MOVES = """
INSERT INTO import_events (import_id, event, to_status, at)
SELECT :id, 'resume', 'resumed', now() - interval '1 hour' FROM generate_series(1, CAST(:count AS integer))
"""

MANY_BLOCKS = """
INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key)
SELECT b.import_id, n + 1, b.size_bytes, b.sha256, b.storage_key
  FROM blocks b, generate_series(1, CAST(:count AS integer)) n
"""

MANY_ENDED = """
INSERT INTO imports (service_id, collection_id, strategies, status, started_at, ended_at)
SELECT service_id, collection_id, strategies, 'complete', now(), now()
  FROM imports, generate_series(1, CAST(:count AS integer)) n
"""
