"""Whose files come in, and how much of each has come by now."""

from alembic import op

revision = "0025"
down_revision = "0024"

# An API of the release before tells neither: what comes in by it counts when it is accepted.
COLUMNS = """
ALTER TABLE uploads ADD COLUMN service_id integer, ADD COLUMN size_bytes bigint NOT NULL DEFAULT 0
"""


def upgrade() -> None:
    op.execute(COLUMNS)
