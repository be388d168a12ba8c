"""Pages of documents are left half empty, where nobody has chosen otherwise.

What an import changes then stays on its page, as long as it does not grow, and the primary key is not
touched. With less room most of the first change of everything went to other pages: it took half as long
again, and doubled the key (11.6 and 7.5 microseconds a document, 200 bytes each, 2026-11-27).
"""

from alembic import op

revision = "0027"
down_revision = "0026"

# Behind this lock nobody waits but vacuum, and an autovacuum gives way to who has waited for a second.
PATIENCE = "SET LOCAL lock_timeout = '5s'"

# Waits for no import, and keeps none waiting. A partitioned table has no such setting, its partitions do.
LEAVE_ROOM = """
DO $do$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        SELECT oid FROM pg_class
         WHERE relkind = 'r' AND reloptions @> '{fillfactor=70}'
           AND oid IN (SELECT CAST('documents' AS regclass)
                        UNION ALL SELECT relid FROM pg_partition_tree('documents'))
    LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 50)', part);
    END LOOP;
END $do$
"""


def upgrade() -> None:
    op.execute(PATIENCE)
    op.execute(LEAVE_ROOM)
