"""Whether the order of an import's blocks matters."""

from alembic import op

revision = "0014"
down_revision = "0013"

# A worker of an earlier release takes blocks of any import in order, one at a time: so it may go on.
COLUMN = "ALTER TABLE imports ADD COLUMN IF NOT EXISTS is_ordered boolean NOT NULL DEFAULT true"


def upgrade() -> None:
    op.execute(COLUMN)
