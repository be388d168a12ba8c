"""Maintenance: whether there is, and which imports it paused."""

from alembic import op

from shared.db.indexing import create_index

revision = "0013"
down_revision = "0012"

# One row while there is maintenance, and none otherwise.
TABLE = """
CREATE TABLE IF NOT EXISTS maintenance (
    is_on boolean NOT NULL DEFAULT true,
    began_at timestamptz NOT NULL DEFAULT now(),
    reason text,
    CONSTRAINT pk_maintenance PRIMARY KEY (is_on),
    CONSTRAINT ck_maintenance_one CHECK (is_on)
)
"""

IMPORTS = "ALTER TABLE imports ADD COLUMN IF NOT EXISTS is_suspended boolean NOT NULL DEFAULT false"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(IMPORTS)
    create_index("ix_imports_suspended", "imports (id) WHERE is_suspended")
