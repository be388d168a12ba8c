"""The block that an import is at, and whether there is maintenance: what tells why it is where it is."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.work import BlockInHand

_IS_HELD = "b.leasing_service_id = i.service_id AND b.import_id = i.id AND b.leased_until > clock_timestamp()"

# The first unfinished block, or where several are taken at once the first one that a worker has.
AT = f"""
SELECT EXISTS (SELECT FROM maintenance) AS is_maintenance,
       (SELECT count(*) FROM blocks b WHERE {_IS_HELD}) AS workers,
       b.number, b.worker, b.leased_until, b.attempts, b.due_at,
       CAST(extract(epoch FROM b.leased_until - clock_timestamp()) AS float8) AS lease_seconds_left,
       b.failing_since IS NOT NULL AS is_failing, b.due_at > clock_timestamp() AS is_early
  FROM (VALUES (1)) one
  LEFT JOIN imports i ON i.id = :import_id
  LEFT JOIN LATERAL (
      (SELECT 1 AS preference, b.* FROM blocks b WHERE NOT i.is_ordered AND {_IS_HELD}
        ORDER BY b.number LIMIT 1)
      UNION ALL
      (SELECT 2 AS preference, b.* FROM blocks b WHERE b.import_id = i.id AND b.finished_at IS NULL
        ORDER BY b.number LIMIT 1)
      ORDER BY preference LIMIT 1
  ) b ON true
"""  # noqa: S608 - of constants


class Found(NamedTuple):
    """What was found."""

    block: BlockInHand | None  # None: every block is finished
    is_maintenance: bool
    workers: int  # that have a block of it


def find(session: Session, import_id: int) -> Found:
    """Where the import is."""
    row = session.execute(text(AT), {"import_id": import_id}).one()
    if row.number is None:
        return Found(None, row.is_maintenance, row.workers)
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
    return Found(block, row.is_maintenance, row.workers)
