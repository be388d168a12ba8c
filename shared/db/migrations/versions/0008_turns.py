"""Whose leases workers hold, and who waits, found without looking at every job."""

from alembic import op

revision = "0008"
down_revision = "0007"

# A column of its own and not `leased_until`: that one changes with every checkpoint, and an index on it would
# make each of them write the whole row's index entries anew.
TURNS = """
ALTER TABLE blocks ADD COLUMN leasing_service_id integer;
CREATE INDEX ix_blocks_leasing_service_id ON blocks (leasing_service_id) WHERE leasing_service_id IS NOT NULL;
CREATE INDEX ix_imports_turns ON imports (service_id, (status = 'running'), id)
    WHERE status IN ('resumed', 'running', 'started');
CREATE INDEX ix_exports_turns ON exports (service_id, id) WHERE ended_at IS NULL;
CREATE INDEX ix_exports_at_work ON exports (service_id) WHERE status IN ('canceling', 'processing')
"""


def upgrade() -> None:
    op.execute(TURNS)
