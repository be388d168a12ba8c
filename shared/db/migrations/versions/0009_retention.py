"""Until when the bytes of ended jobs are stored."""

from alembic import op

from shared.db.indexing import create_index

revision = "0009"
down_revision = "0008"

COLUMNS = """
ALTER TABLE imports ADD COLUMN IF NOT EXISTS bytes_removed_at timestamptz;
ALTER TABLE exports ADD COLUMN IF NOT EXISTS files_removed_at timestamptz
"""

# The sweep looks every other second: it must find what is due without passing over all that ever ended.
INDEXES = {
    "ix_imports_kept_files": (
        "imports (ended_at) WHERE ended_at IS NOT NULL AND bytes_removed_at IS NULL AND reading IS NOT NULL"
    ),
    "ix_imports_kept_blocks": (
        "imports (ended_at) WHERE ended_at IS NOT NULL AND bytes_removed_at IS NULL AND reading IS NULL"
    ),
    "ix_exports_kept_files": "exports (expires_at) WHERE expires_at IS NOT NULL AND files_removed_at IS NULL",
    "ix_exports_left_leases": "exports (id) WHERE ended_at IS NOT NULL AND leased_until IS NOT NULL",
}


def upgrade() -> None:
    op.execute(COLUMNS)
    for name, on in INDEXES.items():
        create_index(name, on)
