"""How the server goes about what is asked all the time: the same way, whether tables are small or large."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from shared.db import claims, import_pages, long_jobs, turns
from shared.ground import Ground
from tests.integration.builders import BOUNDS
from tests.integration.job_builders import accounts

FEW, MANY = 1_000, 40_000
WAITING = 100  # imports and exports of the large data service, in both
RARE = 50  # of so many imports one is the small data service's
SIZE = 10

# Tables that grow with what a service is used for.
GROWING = {"imports", "import_counts", "blocks", "exports", "collections"}

# Those of two data services among each other, as they come in; whoever waits comes last.
FILL = f"""
INSERT INTO imports (service_id, collection_id, strategies, status, started_at, ended_at)
SELECT c.service_id, c.id, '{{create}}', CASE WHEN is_over THEN 'complete' ELSE 'started' END, now(),
       CASE WHEN is_over THEN now() END
  FROM (SELECT n, n <= :many AS is_over FROM generate_series(1, :many + {WAITING}) n) n
  JOIN collections c ON c.path = '/contacts' AND (c.service_id = :large OR n % {RARE} = 0)
 ORDER BY n;

INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key, finished_at)
SELECT id, n, 1, '', '', ended_at FROM imports, generate_series(1, 2) n;

INSERT INTO exports (service_id, collection_id, selection, rendering, link_key, status, ended_at, expires_at)
SELECT c.service_id, c.id, '{{}}', '{{}}', '', CASE WHEN is_over THEN 'completed' ELSE 'accepted' END,
       CASE WHEN is_over THEN now() END, CASE WHEN is_over THEN now() END
  FROM (SELECT n, n <= :many AS is_over FROM generate_series(1, :many + {WAITING}) n) n
  JOIN collections c ON c.path = '/Account';

ANALYZE
"""

Plan = list[str]


@pytest.fixture
def large(apart: Ground) -> Service:
    """The data service of nearly all imports."""
    made = a_service(apart, "large")
    accounts(apart, made)
    return made


@pytest.fixture
def small(apart: Ground) -> Service:
    """That of the others."""
    return a_service(apart, "small")


def a_service(ground: Ground, name: str) -> Service:
    made, _ = add_service(ground, name)
    add_collection(ground, made, "/contacts")
    return made


def plan_of(session: Session, statement: str, given: Mapping[str, Any]) -> Plan:
    """Each node with the table or the index that it reads, those inside of another behind it."""
    found = session.execute(text(f"EXPLAIN (FORMAT JSON) {statement}"), given).scalar_one()
    [whole] = json.loads(found) if isinstance(found, str) else found
    return list(_nodes(whole["Plan"], 0))


def _nodes(node: dict[str, Any], depth: int) -> Iterator[str]:
    told = [node[name] for name in ("Node Type", "Relation Name", "Index Name") if name in node]
    yield f"{depth}: {' '.join(told)}"
    for inner in node.get("Plans", []):
        yield from _nodes(inner, depth + 1)


def reads(plan: Plan) -> set[str]:
    """The indexes by which it finds rows of tables that grow, and the tables that it reads whole."""
    found = {node.split()[-1] for node in plan if "Scan" in node}
    return {name for name in found if name in GROWING or name.startswith(("ix_", "pk_"))}


def plans_of_pages(session: Session, service: Service, imports: int) -> dict[str, Plan]:
    """Of the first page, one in the middle and the last one: how it is found, and how it is read."""
    session.execute(text(import_pages.PIN_TO_INDEX_ORDER))
    plans = {}
    last = imports // SIZE
    for name, number in {"first": 1, "middle": max(1, last // 2), "last": max(1, last)}.items():
        given = {"service_id": service.id, "offset": (number - 1) * SIZE, "size": SIZE}
        found = session.execute(text(import_pages.FIRST_RANGE), given).one()
        given |= {"id_range": found.id_range, "passed_over": given["offset"] - found.newer}
        plans[f"where the {name} page begins"] = plan_of(session, import_pages.FIRST_RANGE, given)
        plans[f"the {name} page"] = plan_of(session, import_pages.PAGE, given)
    return plans


def test_pages_of_imports_are_found_and_read_in_the_order_of_indexes(
    apart: Ground, large: Service, small: Service
):
    plans: dict[int, dict[str, dict[str, Plan]]] = {}
    for many in (FEW, MANY):
        with apart.database.begin() as session:
            session.execute(text(FILL), {"many": many, "large": large.id})
            plans[many] = {
                "large": plans_of_pages(session, large, many),
                "small": plans_of_pages(session, small, many // RARE),
            }
            session.rollback()

    assert plans[FEW] == plans[MANY]
    every = [node for pages in plans[MANY].values() for plan in pages.values() for node in plan]
    assert [node for node in every if "Sort" in node or "Seq Scan" in node] == []


def test_the_pages_are_read_as_they_are_pinned(apart: Ground, large: Service):
    with apart.database.begin() as session:
        session.execute(text(FILL), {"many": FEW, "large": large.id})

        import_pages.page(session, large.id, number=FEW // SIZE, size=SIZE)

        assert session.execute(text("SHOW enable_seqscan")).scalar_one() == "off"
        session.rollback()


BOUNDED = asdict(BOUNDS)
LOCK_IMPORT = {"runnable": ["resumed", "running", "started"]}
CLAIM = {"number": 1, "worker": "first", "lease": "1 minute"}
TAKING: dict[str, tuple[str, Mapping[str, Any]]] = {
    "who is at work": (turns.HELD, {}),
    "whose turn it is": (turns.SERVICES, {"after": 0, "limit": 50}),
    "the first import": (turns.FIRST_IMPORT, BOUNDED | {"looks": 100}),
    "whose import it is": (turns.SERVICE_OF_IMPORT, BOUNDED),
    "the first file": (long_jobs.FIRST_FILE, BOUNDED),
    "the first export": (long_jobs.FIRST_EXPORT, BOUNDED),
    "whose export it is": (long_jobs.SERVICE_OF_EXPORT, BOUNDED),
    "due exports": (long_jobs.DUE_EXPORTS, BOUNDED | {"limit": 1000}),
    "the import is held": (claims.LOCK_IMPORT, LOCK_IMPORT),
    "the next block": (claims.NEXT, BOUNDED),
    "the block is taken": (claims.CLAIM, CLAIM),
}


# Of what waits, new jobs first. Two indexes hold just that, one of them in this order; how many wait, and not
# what has ended, tells which of them is quicker.
FOUND_BY_EITHER = {"the first import", "the first file"}
OF_UNFINISHED = {
    "ix_imports_runnable",
    "ix_imports_turns",
    "ix_blocks_unfinished",
    "ix_blocks_leasing_service_id",
    "ix_blocks_large_files",
    "ix_exports_at_work",
    "ix_exports_unfinished",
}
OF_ONE = {"whose export it is": {"pk_exports"}, "the block is taken": {"pk_blocks"}}


@pytest.mark.usefixtures("small")
def test_jobs_are_taken_in_the_same_way_whatever_has_ended(apart: Ground, large: Service):
    plans: dict[int, dict[str, Plan]] = {}
    for many in (FEW, MANY):
        with apart.database.begin() as session:
            session.execute(text(FILL), {"many": many, "large": large.id})
            ids = {
                "service_id": large.id,
                "import_id": session.execute(text("SELECT max(id) FROM imports")).scalar_one(),
                "export_id": session.execute(text("SELECT max(id) FROM exports")).scalar_one(),
            }
            plans[many] = {
                name: plan_of(session, statement, ids | given) for name, (statement, given) in TAKING.items()
            }
            session.rollback()

    assert {name: plan for name, plan in plans[FEW].items() if name not in FOUND_BY_EITHER} == {
        name: plan for name, plan in plans[MANY].items() if name not in FOUND_BY_EITHER
    }
    for many in plans.values():
        read = {name: reads(plan) - OF_UNFINISHED for name, plan in many.items()}
        assert {name: others for name, others in read.items() if others} == OF_ONE
