"""An index of the imports that have not ended, by data service."""

from shared.db.indexing import create_index

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_index("ix_imports_open", "imports (service_id) WHERE ended_at IS NULL")
