"""The block that an import is at, and whether there is maintenance: what tells why it is where it is."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.work import BlockInHand

AT = """
SELECT EXISTS (SELECT FROM maintenance) AS is_maintenance,
       b.number, b.worker, b.leased_until, b.attempts, b.due_at,
       CAST(extract(epoch FROM b.leased_until - clock_timestamp()) AS float8) AS lease_seconds_left,
       b.failing_since IS NOT NULL AS is_failing, b.due_at > clock_timestamp() AS is_early
  FROM (VALUES (1)) one
  LEFT JOIN LATERAL (
      SELECT * FROM blocks
       WHERE import_id = :import_id AND finished_at IS NULL
       ORDER BY number LIMIT 1
  ) b ON true
"""


class Found(NamedTuple):
    """What was found."""

    block: BlockInHand | None  # None: every block is finished
    is_maintenance: bool


def find(session: Session, import_id: int) -> Found:
    """Where the import is."""
    row = session.execute(text(AT), {"import_id": import_id}).one()
    if row.number is None:
        return Found(None, row.is_maintenance)
    block = BlockInHand(
        number=row.number,
        worker=row.worker,
        lease_seconds_left=row.lease_seconds_left,
        leased_until=row.leased_until,
        attempts=row.attempts,
        is_failing=row.is_failing,
        due_at=row.due_at,
        is_early=row.is_early,
    )
    return Found(block, row.is_maintenance)
