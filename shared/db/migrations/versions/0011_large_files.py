"""Large files that wait to be cut, found among millions of blocks."""

from shared.db.indexing import create_index

revision = "0011"
down_revision = "0010"

FILES = "blocks (import_id) WHERE number = 0 AND finished_at IS NULL AND size_bytes > 16777216"


def upgrade() -> None:
    create_index("ix_blocks_large_files", FILES)
