"""How many of an import's rejections are counted and not kept."""

from alembic import op

revision = "0005"
down_revision = "0004"

# The ones that are not kept are counted, so that workers which keep them all need not know of it.
IMPORTS = """
ALTER TABLE imports ADD COLUMN unkept_rejections bigint NOT NULL DEFAULT 0
"""


def upgrade() -> None:
    op.execute(IMPORTS)
