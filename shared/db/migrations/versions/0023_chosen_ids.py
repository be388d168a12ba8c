"""Ids that clients chose for their jobs where another data service's job had them already."""

from alembic import op

from shared.db.indexing import create_index

revision = "0023"
down_revision = "0022"

# An API of the release before leaves it empty: what it makes has the id that was chosen, or none.
COLUMN = "ALTER TABLE batch_jobs ADD COLUMN IF NOT EXISTS chosen_id uuid"


def upgrade() -> None:
    op.execute(COLUMN)
    chosen = "batch_jobs (service_id, chosen_id) WHERE chosen_id IS NOT NULL"
    create_index("ix_batch_jobs_chosen", chosen, is_unique=True)
