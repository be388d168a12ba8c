"""How far the attempts at an export have got."""

from alembic import op

revision = "0019"
down_revision = "0018"

# A worker of an earlier release leaves it as it is, and what it counts against the export is kept as it was.
COLUMN = "ALTER TABLE exports ADD COLUMN furthest_records bigint NOT NULL DEFAULT 0"


def upgrade() -> None:
    op.execute(COLUMN)
