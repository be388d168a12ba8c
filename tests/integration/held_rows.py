"""Rows that a stranger's transaction holds, such as an operator's who went home in the middle of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from shared.ground import Ground

LOCK_IMPORTS = "SELECT FROM imports WHERE id = :id FOR NO KEY UPDATE"
LOCK_EXPORTS = "SELECT FROM exports WHERE id = :id FOR NO KEY UPDATE"
# What whoever writes a document holds of its collection.
LOCK_COLLECTIONS = "SELECT FROM collections WHERE id = :id FOR KEY SHARE"
LOCK_MAILS = "SELECT FROM notifications WHERE job_id = :id FOR UPDATE"
LOCK_JOBS = "SELECT FROM batch_jobs WHERE id = :id FOR UPDATE"

# Of this import and of all later ones.
LOCK_GARBAGE = "SELECT FROM storage_garbage WHERE import_id >= :id FOR UPDATE"


@contextmanager
def held(ground: Ground, lock: str, row_id: object) -> Iterator[None]:
    """While the body runs, somebody holds the row."""
    with ground.database.begin() as stranger:
        stranger.execute(text(lock), {"id": row_id})
        yield
