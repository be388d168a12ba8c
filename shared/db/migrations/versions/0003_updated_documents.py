"""When each document was written last."""

from alembic import op

revision = "0003"
down_revision = "0002"

# The time of the statement, not of each row: a default that changes from row to row would have COPY
# insert rows one by one. BRIN, because unlike a B-tree it lets updates stay on their page.
DOCUMENTS = """
ALTER TABLE documents ADD COLUMN updated_at timestamptz NOT NULL DEFAULT statement_timestamp();
CREATE INDEX ix_documents_updated_at ON documents USING brin (updated_at) WITH (autosummarize = on)
"""


def upgrade() -> None:
    op.execute(DOCUMENTS)
