"""Large files that wait to be cut, found among millions of blocks."""

from alembic import op

revision = "0011"
down_revision = "0010"

FILES = """
CREATE INDEX ix_blocks_large_files ON blocks (import_id)
    WHERE number = 0 AND finished_at IS NULL AND size_bytes > 16777216
"""


def upgrade() -> None:
    op.execute(FILES)
