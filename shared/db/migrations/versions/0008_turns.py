"""Whose leases workers hold, and who waits, found without looking at every job."""

from alembic import op

from shared.db.indexing import create_index

revision = "0008"
down_revision = "0007"

# A column of its own and not `leased_until`: that one changes with every checkpoint, and an index on it would
# make each of them write the whole row's index entries anew.
BLOCKS = "ALTER TABLE blocks ADD COLUMN IF NOT EXISTS leasing_service_id integer"

INDEXES = {
    "ix_blocks_leasing_service_id": "blocks (leasing_service_id) WHERE leasing_service_id IS NOT NULL",
    "ix_imports_turns": (
        "imports (service_id, (status = 'running'), id) WHERE status IN ('resumed', 'running', 'started')"
    ),
    "ix_exports_turns": "exports (service_id, id) WHERE ended_at IS NULL",
    "ix_exports_at_work": "exports (service_id) WHERE status IN ('canceling', 'processing')",
}


def upgrade() -> None:
    op.execute(BLOCKS)
    for name, on in INDEXES.items():
        create_index(name, on)
