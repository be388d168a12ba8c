"""Very many tiny blocks cost what they cost one by one: the last one no more than the first."""

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.db import claims
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import BOUNDS, Counts, an_import, counts, ndjson, work_off

MANY = 10_000
FEW_ROWS = 30  # a growing cost would look at thousands more

# As many blocks come before the import's only one, and are finished.
FINISHED_BEFORE = """
UPDATE blocks SET number = :many + 1 WHERE import_id = :import_id;
INSERT INTO blocks (import_id, number, size_bytes, sha256, storage_key, finished_at)
SELECT :import_id, n, 1, '', 'key', now() FROM generate_series(1, :many) n;
UPDATE imports SET block_count = :many + 1 WHERE id = :import_id
"""
LOOKED_AT = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))
  FROM pg_stat_xact_user_tables WHERE relname IN ('imports', 'blocks', 'data_services')
"""


@pytest.mark.parametrize("many", [40, pytest.param(MANY, marks=pytest.mark.large)])
def test_each_tiny_block_is_applied_once(ground: Ground, service: Service, many: int):
    blocks = [ndjson({"documentid": str(n)}, b"oops") for n in range(many)]

    done = work_off(ground, service, an_import(ground, service, *blocks))

    assert (done.status, done.block_count, done.failure_count) == (Status.COMPLETE, many, 0)
    assert counts(ground, service, done.id) == Counts(created=many, rejected=many)


def test_the_next_block_is_found_without_a_look_at_those_before(ground: Ground, service: Service):
    without, with_many = (rows_looked_at(ground, service, before) for before in (0, MANY))

    assert with_many - without < FEW_ROWS


def rows_looked_at(ground: Ground, service: Service, before: int) -> int:
    """By a claim of the block behind so many; rows that other tests left may be looked at each time, too."""
    import_id = an_import(ground, service, ndjson({"documentid": "1"}))
    with ground.database.begin() as session:
        session.execute(text(FINISHED_BEFORE), {"import_id": import_id, "many": before})
        earlier = session.execute(text(LOOKED_AT)).scalar_one()
        lease = claims.claim(session, import_id, worker="w", lease_seconds=60, attempts=5, bounds=BOUNDS)
        looked_at = session.execute(text(LOOKED_AT)).scalar_one() - earlier
        session.rollback()
    assert lease is not None
    assert lease.block_number == before + 1
    return int(looked_at)
