"""Which requests set imports and exports going, and brought blocks, for the traces of their workers."""

from alembic import op

revision = "0022"
down_revision = "0021"

# A worker of the release before leaves them as they are.
COLUMNS = [
    "ALTER TABLE imports ADD COLUMN traceparent text",
    "ALTER TABLE blocks ADD COLUMN traceparent text",
    "ALTER TABLE exports ADD COLUMN traceparent text",
]


def upgrade() -> None:
    for statement in COLUMNS:
        op.execute(statement)
