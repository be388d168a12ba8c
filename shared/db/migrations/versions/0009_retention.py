"""Until when the bytes of ended jobs are stored."""

from alembic import op

revision = "0009"
down_revision = "0008"

# The sweep looks every other second: it must find what is due without passing over all that ever ended.
IMPORTS = """
ALTER TABLE imports ADD COLUMN bytes_removed_at timestamptz;
CREATE INDEX ix_imports_kept_files ON imports (ended_at)
    WHERE ended_at IS NOT NULL AND bytes_removed_at IS NULL AND reading IS NOT NULL;
CREATE INDEX ix_imports_kept_blocks ON imports (ended_at)
    WHERE ended_at IS NOT NULL AND bytes_removed_at IS NULL AND reading IS NULL
"""

EXPORTS = """
ALTER TABLE exports ADD COLUMN files_removed_at timestamptz;
CREATE INDEX ix_exports_kept_files ON exports (expires_at)
    WHERE expires_at IS NOT NULL AND files_removed_at IS NULL;
CREATE INDEX ix_exports_left_leases ON exports (id) WHERE ended_at IS NOT NULL AND leased_until IS NOT NULL
"""


def upgrade() -> None:
    op.execute(IMPORTS)
    op.execute(EXPORTS)
