"""An index of the imports that have not ended, by data service."""

from alembic import op

revision = "0007"
down_revision = "0006"

IMPORTS = """
CREATE INDEX ix_imports_open ON imports (service_id) WHERE ended_at IS NULL
"""


def upgrade() -> None:
    op.execute(IMPORTS)
