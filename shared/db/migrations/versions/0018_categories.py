"""The category of an item type."""

from alembic import op

revision = "0018"
down_revision = "0017"

COLUMN = "ALTER TABLE collections ADD COLUMN category text NOT NULL DEFAULT 'entity'"


def upgrade() -> None:
    op.execute(COLUMN)
