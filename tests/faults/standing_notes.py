"""What there is to see of something that stands still, at that moment: afterwards nobody finds out why."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import text

from shared.dispatch import SWEEP_QUEUE
from shared.errors import LongshoreError
from shared.ground import Ground
from shared.turns import Job
from tests.faults.hearing import parsed

LOOKS = 5000  # at nudges
LAST_LINES = 30
_JOBS = {"imports": "import", "exports": "export"}
_LOOKED_AT = "request_answered"

# By what they are of, rows as JSON without nulls; times are seconds from now. What waits or is worked on is
# there with the rest of its data service: it may be the reason.
ROWS = {
    "import": """
SELECT i.id, i.status, i.is_suspended, i.is_ordered, i.failure_count, i.last_error
  FROM imports i
 WHERE i.service_id = :service_id AND i.status IN ('started', 'running', 'resumed', 'canceling')
 ORDER BY i.id
""",
    "first block": """
SELECT DISTINCT ON (b.import_id) b.import_id, b.number, b.worker, b.epoch, b.attempts, b.suspicions,
       b.checkpoint_offset,
       extract(epoch FROM b.leased_until - clock_timestamp())::numeric(9, 2) AS leased,
       extract(epoch FROM b.due_at - clock_timestamp())::numeric(9, 2) AS due
  FROM blocks b JOIN imports i ON i.id = b.import_id
 WHERE i.service_id = :service_id AND i.ended_at IS NULL AND i.status <> 'configuring'
   AND b.finished_at IS NULL
 ORDER BY b.import_id, b.number
""",
    "lease of a block": """
SELECT import_id, number, worker, size_bytes,
       extract(epoch FROM leased_until - clock_timestamp())::numeric(9, 2) AS leased
  FROM blocks WHERE leasing_service_id = :service_id AND leased_until IS NOT NULL
 ORDER BY import_id, number
""",
    "export": """
SELECT id, status, worker, epoch, cleared_epoch, attempts, suspicions, failure_count, last_error, records,
       furthest_records,
       extract(epoch FROM leased_until - clock_timestamp())::numeric(9, 2) AS leased,
       extract(epoch FROM due_at - clock_timestamp())::numeric(9, 2) AS due
  FROM exports
 WHERE service_id = :service_id AND (ended_at IS NULL OR leased_until IS NOT NULL)
 ORDER BY id
""",
    "session": """
SELECT substring(application_name FROM '^longshore:(.*)') AS process, pid, state, wait_event,
       pg_blocking_pids(pid) AS waits_for,
       extract(epoch FROM clock_timestamp() - xact_start)::numeric(9, 2) AS transaction,
       extract(epoch FROM clock_timestamp() - state_change)::numeric(9, 2) AS since,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 100) AS query
  FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'longshore:worker-%'
    OR datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
    OR pid IN (SELECT unnest(pg_blocking_pids(a.pid)) FROM pg_stat_activity a)
 ORDER BY application_name, pid
""",
    "maintenance": "SELECT reason FROM maintenance WHERE :service_id > 0",
}
_AS_JSON = "SELECT jsonb_strip_nulls(to_jsonb(found))::text FROM ({rows}) found"


def notes_of(ground: Ground, service_id: int, kind: str, number: str) -> list[str]:
    """A line each: how many nudges wait, whether its own does, and the rows of its data service."""
    waiting = [ground.dispatcher.waiting(), ground.dispatcher.waiting(SWEEP_QUEUE)]
    nudged = f", its own {'too' if _is_nudged(ground, kind, number) else 'not'}" if kind in _JOBS else ""
    try:
        return [f"nudges: {waiting[0]} wait{nudged}; sweeps: {waiting[1]}", *_rows(ground, service_id)]
    except LongshoreError as error:
        return [f"nothing to be seen: {error}"]


def said_of(logs: Iterable[Path], kind: str, number: str) -> list[str]:
    """What processes said of it last, in order, a line each with the name of the log."""
    said = [
        (str(event.get("timestamp")), f"{log.name}: {line}")
        for log in logs
        for line in log.read_text(errors="replace").splitlines()
        # Few lines name it, and reading all of them would take seconds. What its client saw tells nothing.
        if number in line
        and _LOOKED_AT not in line
        and str((event := parsed(line)).get(f"{_JOBS.get(kind)}_id")) == number
    ]
    return [line for _, line in sorted(said)][-LAST_LINES:]


def _is_nudged(ground: Ground, kind: str, number: str) -> bool:
    job = Job("import" if kind == "imports" else "export", int(number))
    return job in ground.dispatcher.nudged(looks=LOOKS)


def _rows(ground: Ground, service_id: int) -> Iterator[str]:
    with ground.database.begin() as session:
        for what, rows in ROWS.items():
            for row in session.scalars(text(_AS_JSON.format(rows=rows)), {"service_id": service_id}):
                yield f"{what}: {row}"
