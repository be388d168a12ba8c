"""Transactions of others that hold what ours need."""

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from random import Random

import psycopg2
from sqlalchemy import text

from shared.ground import Ground
from tests.faults.fleet import Fleet
from tests.faults.registry import Met, NotNow, fault

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
AT_WORK = "SELECT id FROM imports WHERE status IN ('started', 'running') ORDER BY id"
HOLD_IMPORT = "SELECT FROM imports WHERE id = %s FOR NO KEY UPDATE"
WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))"
LAST_WRITTEN = """
SELECT collection_id, documentid FROM documents ORDER BY updated_at DESC, documentid DESC LIMIT 200
"""
LOCK = """
SELECT FROM documents WHERE collection_id = :collection_id AND documentid = :documentid FOR UPDATE
"""


@fault("deadlocks", "locks", (2.0, 4.0))
def provoke_deadlocks(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """Somebody locks documents in the order opposite to ours."""
    before = _deadlocks(fleet.ground)
    is_over = threading.Event()
    thread = threading.Thread(target=_lock_backwards, args=[fleet.ground, dice.random(), is_over])
    thread.start()
    yield lambda: _deadlocks(fleet.ground) > before
    is_over.set()
    thread.join()


def _deadlocks(ground: Ground) -> int:
    with ground.database.begin() as session:
        return int(session.execute(text(DEADLOCKS)).scalar_one())


def _lock_backwards(ground: Ground, seed: float, is_over: threading.Event) -> None:
    dice = Random(seed)
    while not is_over.wait(0.05):
        with suppress(Exception), ground.database.begin() as session:
            rows = session.execute(text(LAST_WRITTEN)).mappings().all()
            for row in sorted(dice.sample(rows, min(20, len(rows))), key=lambda row: row["documentid"])[::-1]:
                session.execute(text(LOCK), dict(row))
                is_over.wait(0.02)


@fault("import held by a stranger", "locks", hold_leases=(1.0, 3.0))
def hold_an_import(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """Somebody forgot to end a transaction."""
    with (
        closing(psycopg2.connect(fleet.ground.settings.database_url)) as stranger,
        stranger.cursor() as cursor,
    ):
        cursor.execute(AT_WORK)
        if not (found := cursor.fetchall()):
            raise NotNow
        cursor.execute(HOLD_IMPORT, dice.choice(found))
        yield lambda: _is_waited_for(fleet.ground, stranger.info.backend_pid)


def _is_waited_for(ground: Ground, pid: int) -> bool:
    with ground.database.begin() as session:
        return bool(session.execute(text(WAITERS), {"pid": pid}).scalar_one())
