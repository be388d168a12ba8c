"""What the renderings of a job's template took so far."""

from alembic import op

revision = "0006"
down_revision = "0005"

RENDERINGS = """
ALTER TABLE imports
    ADD COLUMN rendered_items bigint NOT NULL DEFAULT 0,
    ADD COLUMN rendering_seconds double precision NOT NULL DEFAULT 0;
ALTER TABLE exports
    ADD COLUMN rendered_items bigint NOT NULL DEFAULT 0,
    ADD COLUMN rendering_seconds double precision NOT NULL DEFAULT 0
"""


def upgrade() -> None:
    op.execute(RENDERINGS)
