"""Up to which attempt an export's files have been removed."""

from alembic import op

revision = "0026"
down_revision = "0025"

# A worker of the release before removes those of all attempts each time, and leaves it as it is.
COLUMN = "ALTER TABLE exports ADD COLUMN cleared_epoch integer NOT NULL DEFAULT 0"


def upgrade() -> None:
    op.execute(COLUMN)
