"""What points at the work itself apart from what the world withheld, and since when."""

from alembic import op

revision = "0004"
down_revision = "0003"

COLUMNS = """
ALTER TABLE blocks ADD COLUMN suspicions integer NOT NULL DEFAULT 0, ADD COLUMN failing_since timestamptz;
ALTER TABLE exports ADD COLUMN suspicions integer NOT NULL DEFAULT 0, ADD COLUMN failing_since timestamptz
"""


def upgrade() -> None:
    op.execute(COLUMNS)
