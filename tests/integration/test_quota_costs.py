"""What the quotas cost does not grow with what a data service had before."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.usecases.services import Service
from shared.db import blocks, imports, quotas, retention
from shared.db.models import ExportFile
from shared.ground import Ground
from shared.storage.receipts import StoredBytes
from tests.integration.builders import an_import
from tests.integration.job_builders import accounts, exported

MANY = 20_000
FEW_ROWS = 10  # what a few index look-ups come to; a growing cost would look at thousands
LIMIT = 1000
STORED = StoredBytes("key", 10, b"digest")

# Triggers' statements included, which no plan shows.
LOOKED_AT = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))
  FROM pg_stat_xact_user_tables
 WHERE relname IN ('imports', 'blocks', 'exports', 'export_files', 'service_usage', 'data_services')
"""

# Half of them files whose bytes are kept still.
ENDED_IMPORTS = """
WITH added AS (
    INSERT INTO imports (service_id, collection_id, strategies, status, ended_at, reading)
    SELECT service_id, collection_id, '{create}', 'complete', now(), CASE n % 2 WHEN 0 THEN '{}'::jsonb END
      FROM imports, generate_series(1, :many) n WHERE id = :import_id
    RETURNING id
)
INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key, finished_at)
SELECT id, 1, 1, '', 'key', now() FROM added
"""

ENDED_EXPORTS = """
WITH added AS (
    INSERT INTO exports (service_id, collection_id, status, ended_at, selection, rendering, link_key)
    SELECT service_id, collection_id, 'completed', now(), '{}', '{}', ''
      FROM exports, generate_series(1, :many) n WHERE id = :export_id
    RETURNING id
)
INSERT INTO export_files (export_id, number, name, media_type, size_bytes, storage_key)
SELECT id, 1, 'name', 'type', 1, 'key' FROM added
"""

Act = Callable[[Session, int, int, int], object]


@pytest.fixture
def ground(module_apart: Ground) -> Ground:
    """A database of its own: with what other tests leave behind, other plans may be as good."""
    return module_apart


def _register(session: Session, service_id: int, import_id: int, _: int) -> None:
    blocks.register(session, import_id, STORED, limit=LIMIT)
    quotas.admit_stored(session, service_id, 2**40)


def _keep_export_file(session: Session, service_id: int, _: int, export_id: int) -> None:
    file = ExportFile(
        export_id=export_id, number=99, name="n", media_type="t", size_bytes=1, storage_key="key"
    )
    session.add(file)
    session.flush()
    quotas.admit_stored(session, service_id, 2**40)


ACTS: dict[str, Act] = {
    "creating an import": lambda session, service_id, *_: quotas.admit_import(session, service_id, LIMIT),
    "looking for room": lambda session, service_id, *_: quotas.room_bytes(session, service_id, 2**40),
    "storing a block": _register,
    "deleting an import": lambda session, _, import_id, __: imports.discard(session, import_id),
    "ending the keeping of an import's bytes": lambda session, *ids: retention.end_keeping(session, ids[1]),
    "looking for what is kept no longer": lambda session, *_: retention.end_keeping_files(
        session, days=1, limit=100
    ),
    "keeping an export's file": _keep_export_file,
    "removing an export's files": lambda session, *ids: retention.forget_files(session, ids[-1]),
}


def rows_looked_at(session: Session, act: Callable[[], object]) -> int:
    """How many rows the act, which is undone, met in the tables that grow."""
    before = int(session.execute(text(LOOKED_AT)).scalar_one())
    undone = session.begin_nested()
    act()
    session.flush()
    undone.rollback()
    return int(session.execute(text(LOOKED_AT)).scalar_one()) - before


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_has_ended_costs_nothing_any_more(ground: Ground, service: Service, act: Act):
    accounts(ground, service)
    ids = (service.id, an_import(ground, service, b"{}"), exported(ground, service).export_id)
    with ground.database.begin() as session:
        early = rows_looked_at(session, lambda: act(session, *ids))
        session.execute(text(ENDED_IMPORTS), {"many": MANY, "import_id": ids[1]})
        session.execute(text(ENDED_EXPORTS), {"many": MANY, "export_id": ids[2]})
        session.execute(text("ANALYZE imports, blocks, exports, export_files, service_usage"))

        late = rows_looked_at(session, lambda: act(session, *ids))
        session.rollback()

    assert late <= early + FEW_ROWS


def test_open_imports_are_counted_no_further_than_the_limit(ground: Ground, service: Service):
    import_id = an_import(ground, service)
    still_open = ENDED_IMPORTS.replace("'complete', now()", "'configuring', NULL")
    with ground.database.begin() as session:
        session.execute(text(still_open), {"many": MANY, "import_id": import_id})
        session.execute(text("ANALYZE imports"))
        given = {"service_id": service.id, "limit": LIMIT}

        plan = session.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {quotas.OPEN_IMPORTS}"), given)
        nodes = list(_nodes(plan.scalar_one()[0]["Plan"]))
        session.rollback()

    assert max(node["Actual Rows"] * node["Actual Loops"] for node in nodes) <= LIMIT


def _nodes(plan: dict):
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)
