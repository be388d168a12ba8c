"""The volume of blocks: by which mark it is known."""

from alembic import op

revision = "0017"
down_revision = "0016"

TABLE = """
CREATE TABLE storage_volume (
    is_known boolean NOT NULL DEFAULT true,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    marked_at timestamptz,
    CONSTRAINT pk_storage_volume PRIMARY KEY (is_known),
    CONSTRAINT ck_storage_volume_one CHECK (is_known)
)
"""

ONE = "INSERT INTO storage_volume DEFAULT VALUES"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(ONE)
