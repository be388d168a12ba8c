"""Indexes of tables that are in use, for migrations: made and dropped while others read and write.

Neither can be part of a transaction. What the migration did before is committed first, and done once more
where the index was cut off: it must bear that, or be a migration of its own.
"""

from alembic import op


def create_index(name: str, on: str, *, is_unique: bool = False) -> None:
    """Make the index; `on` is what follows ON: table, columns and condition.

    Waits for transactions that have begun before, and nobody waits for it. What an attempt left that was cut
    off, an index that counts for nothing, is dropped.
    """
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {'UNIQUE ' if is_unique else ''}INDEX CONCURRENTLY {name} ON {on}")


def drop_index(name: str) -> None:
    """Drop the index, if it is there."""
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
