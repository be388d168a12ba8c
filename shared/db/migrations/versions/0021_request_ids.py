"""Which request set an import or export going, for the log of whoever works on it."""

from alembic import op

revision = "0021"
down_revision = "0020"

# A worker of the release before leaves them as they are.
COLUMNS = [
    "ALTER TABLE imports ADD COLUMN request_id text",
    "ALTER TABLE exports ADD COLUMN request_id text",
]


def upgrade() -> None:
    for statement in COLUMNS:
        op.execute(statement)
