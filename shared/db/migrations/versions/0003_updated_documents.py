"""When each document was written last."""

from alembic import op

from shared.db.indexing import create_index

revision = "0003"
down_revision = "0002"

# The time of the statement, not of each row: a default that changes from row to row would have COPY
# insert rows one by one.
DOCUMENTS = """
ALTER TABLE documents
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT statement_timestamp()
"""

# BRIN, because unlike a B-tree it lets updates stay on their page.
UPDATED_AT = "documents USING brin (updated_at) WITH (autosummarize = on)"


def upgrade() -> None:
    op.execute(DOCUMENTS)
    create_index("ix_documents_updated_at", UPDATED_AT)
