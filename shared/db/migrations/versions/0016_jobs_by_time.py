"""Jobs of a data service by the time they were submitted."""

from shared.db.indexing import create_index, drop_index

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    create_index("ix_batch_jobs_submitted", "batch_jobs (service_id, submitted_at)")
    drop_index("ix_batch_jobs_service_id")
