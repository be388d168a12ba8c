"""Files that come in, noted before their first byte is stored; bytes that were removed, to look once more."""

from alembic import op

revision = "0024"
down_revision = "0023"

# An API of the release before notes nothing here, and a worker of it would take such notes in storage_garbage
# for what is to be removed. The import may not be there yet, or be gone: no reference.
TABLE = """
CREATE TABLE uploads (
    import_id bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_uploads PRIMARY KEY (import_id)
);
CREATE INDEX ix_uploads_seen_at ON uploads (seen_at);
CREATE TABLE removals (
    import_id bigint NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_removals PRIMARY KEY (import_id)
);
CREATE INDEX ix_removals_removed_at ON removals (removed_at)
"""


def upgrade() -> None:
    op.execute(TABLE)
