"""Which documents were written since a moment, in an order that can be followed without missing any.

A transaction becomes visible later than the times it writes. So nothing is told from the moment on at which
a transaction that is still running may have written. Each writer takes its lock on `documents`
(`shared.db.documents.ANNOUNCE`) in an earlier statement than those whose times its rows get: a writer whose
lock is not there yet when we look will write later times than ours.
"""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

CLOCK = "SELECT clock_timestamp()"

# The beginning of the oldest transaction that may have written documents; null where there is none.
OLDEST_WRITER = """
SELECT min(a.xact_start)
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'relation' AND l.relation = CAST('documents' AS regclass)
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.mode = 'RowExclusiveLock' AND l.pid <> pg_backend_pid()
"""

# Times are told in milliseconds, so they are compared in milliseconds.
UPDATED = """
SELECT documentid, CAST(extract(epoch FROM date_trunc('milliseconds', updated_at)) * 1000 AS bigint),
       octet_length(properties::text)
  FROM documents
 WHERE collection_id = :collection_id
   AND updated_at >= timestamptz 'epoch' + :after_ms * interval '1 millisecond'
   AND updated_at < date_trunc('milliseconds', least(:clock, :oldest_writer))
   AND (date_trunc('milliseconds', updated_at), documentid)
     > (timestamptz 'epoch' + :after_ms * interval '1 millisecond', :after_id)
 ORDER BY date_trunc('milliseconds', updated_at), documentid
 LIMIT :size
"""


class Updated(NamedTuple):
    """A document and when it was written last."""

    documentid: str
    updated_ms: int  # since 1970
    text_bytes: int  # of its properties, which are stored in far fewer where they are compressed


def updated(
    session: Session, collection_id: int, *, after_ms: int, after_id: str, size: int
) -> list[Updated]:
    """Up to `size` documents behind that place, in the order of the times, then of the ids.

    The three statements each see what was committed when they begin: the order of them matters.
    """
    given = {
        "collection_id": collection_id,
        "after_ms": after_ms,
        "after_id": after_id,
        "size": size,
        "clock": session.execute(text(CLOCK)).scalar_one(),
        "oldest_writer": session.execute(text(OLDEST_WRITER)).scalar_one(),
    }
    return [Updated(*row) for row in session.execute(text(UPDATED), given)]
