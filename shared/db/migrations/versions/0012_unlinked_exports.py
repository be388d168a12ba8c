"""Ended exports without links, whose attempts may have left files, found by what no checkpoint changes."""

from shared.db.indexing import create_index, drop_index

revision = "0012"
down_revision = "0011"

UNLINKED = "exports (ended_at) WHERE ended_at IS NOT NULL AND expires_at IS NULL AND files_removed_at IS NULL"


def upgrade() -> None:
    create_index("ix_exports_unlinked", UNLINKED)
    # Its condition named the lease, so that no renewal of one could stay on its page (HOT).
    drop_index("ix_exports_left_leases")
