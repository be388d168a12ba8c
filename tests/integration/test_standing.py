"""How the service stands, as its rows tell, at a bounded cost."""

import pytest
from sqlalchemy import text

from api.usecases.collections import add_collection
from api.usecases.maintenance import begin_maintenance
from api.usecases.services import Service, add_service
from shared.db import standing
from shared.db.standing import Standing
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import an_import, claim, numbered, work


@pytest.fixture
def owner(apart: Ground) -> Service:
    made, _ = add_service(apart, "owner")
    add_collection(apart, made, "/contacts")
    return made


def look(ground: Ground) -> Standing:
    with ground.database.begin() as session:
        return standing.look(session)


def age(ground: Ground, import_id: int, seconds: int) -> None:
    with ground.database.begin() as session:
        session.execute(
            text("UPDATE imports SET started_at = now() - make_interval(secs => :seconds) WHERE id = :id"),
            {"seconds": seconds, "id": import_id},
        )


def test_a_service_without_work_tells_zeros(apart: Ground):
    found = look(apart)

    assert set(found.blocks.values()) | set(found.imports.values()) | set(found.exports.values()) == {0}
    assert (found.mails, found.oldest_started_import_seconds, found.oldest_mail_seconds) == (0, 0.0, 0.0)


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


def test_maintenance_is_told(apart: Ground):
    begin_maintenance(apart, None)

    assert look(apart).is_on_maintenance


def test_no_more_is_counted_than_the_bound(apart: Ground, owner: Service):
    an_import(apart, owner, numbered(1))
    with apart.database.begin() as session:
        session.execute(text(MANY_BLOCKS), {"count": standing.COUNTED + 5})

    assert look(apart).blocks["waiting"] == standing.COUNTED


def test_rows_of_imports_that_have_ended_are_not_read(apart: Ground, owner: Service):
    an_import(apart, owner, numbered(1))
    with apart.database.begin() as session:
        session.execute(text(MANY_ENDED), {"count": 20_000})
        session.execute(text("ANALYZE imports"))
        plans = [
            "\n".join(session.scalars(text(f"EXPLAIN {statement}"), {"counted": standing.COUNTED}))
            for statement in (
                standing.OPEN_IMPORTS,
                standing.UNFINISHED_BLOCKS,
                standing.OLDEST_STARTED_IMPORT,
            )
        ]

    assert [plan for plan in plans if "Seq Scan" in plan] == []


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
