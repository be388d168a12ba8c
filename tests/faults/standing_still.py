"""A worker that stands still for longer than its lease, and what becomes of what it is at."""

from pathlib import Path
from typing import Any

from sqlalchemy import Row, text

from shared.ground import Ground
from tests.faults.hearing import Hearing, parsed

# What workers hold. Left out is what may end without another worker: what its client cancels or deletes on
# its way, or right after it began, and what fails by itself.
HELD = """
SELECT b.worker, 'import' AS kind, b.import_id AS id, b.number AS block, b.epoch
  FROM blocks b JOIN imports i ON i.id = b.import_id JOIN collections c ON c.id = i.collection_id
 WHERE b.leased_until > clock_timestamp() AND i.status = 'running'
   AND c.path NOT IN ('/canceled', '/deleted', '/damaged', '/Canceled')
UNION ALL
SELECT worker, 'export', id, NULL, epoch
  FROM exports
 WHERE leased_until > clock_timestamp() AND status = 'processing'
   AND ran_at < clock_timestamp() - interval '0.5 s'
"""
TAKEN_OVER = """
SELECT EXISTS (
    SELECT FROM blocks
     WHERE :kind = 'import' AND import_id = :id AND number = :block AND epoch > :epoch AND worker <> :worker
    UNION ALL
    SELECT FROM exports
     WHERE :kind = 'export' AND id = :id AND epoch > :epoch AND worker <> :worker
)
"""
_GIVES_UP = {"block_left", "block_failed", "export_left", "export_failed"}
_NAMES_ITSELF = "worker_named"  # once in its life


def held(ground: Ground) -> list[Row[Any]]:
    """One row a lease: worker, kind, id, block (None of an export), epoch."""
    with ground.database.begin() as session:
        return list(session.execute(text(HELD)).all())


class StandsStill:
    """One worker; `label` is what rows call it."""

    def __init__(self, ground: Ground, label: str | None, log: Path) -> None:
        self._ground = ground
        self._log = log
        self._hearing = Hearing([log])
        self._held = [row for row in held(ground) if row.worker == label]

    def __call__(self) -> bool:
        """Whether another worker has taken over what it holds."""
        with self._ground.database.begin() as session:
            return any(session.execute(text(TAKEN_OVER), row._asdict()).scalar_one() for row in self._held)

    def listen(self) -> None:
        """It is about to go on."""
        self._hearing = Hearing([self._log])

    def was_refused(self) -> bool | None:
        """Whether it has said since that it lost what it held: the lease was another's, or the database had
        ended its session. None: it was ended before it could say so, and another one has its place."""
        said = [parsed(line) for _, line in self._hearing.lines()]
        if any(map(self._gives_up, said)):
            return True
        return None if any(one.get("event") == _NAMES_ITSELF for one in said) else False

    def _gives_up(self, said: dict[str, Any]) -> bool:
        return said.get("event") in _GIVES_UP and any(
            said.get(f"{row.kind}_id") == row.id and said.get("block") == row.block for row in self._held
        )
