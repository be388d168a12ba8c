"""Transactions of others that hold what ours need."""

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from random import Random

import psycopg2
from sqlalchemy import text

from shared.ground import Ground
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing
from tests.faults.registry import Met, NotNow, fault
from tests.faults.waiting import LOOK_SECONDS

AT_WORK = "SELECT import_id FROM blocks WHERE leased_until > clock_timestamp() ORDER BY import_id"
HOLD_IMPORT = (
    "SET lock_timeout = '1s'; SELECT FROM imports WHERE id = %s AND status = 'running' FOR NO KEY UPDATE"
)
WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))"

# Whoever finds the deadlock is the one that gives way, and finding it is left to ours.
LEAVE_IT_TO_OTHERS = "SET deadlock_timeout = '1h'; SET lock_timeout = '3s'"
BEING_UPDATED = """
SELECT i.collection_id FROM imports i JOIN blocks b ON b.import_id = i.id
 WHERE b.leased_until > clock_timestamp() AND 'update' = ANY(i.strategies)
 ORDER BY i.id
"""
# Batches lock documents in the order of their ids.
LOCK_LAST = """
SELECT FROM documents WHERE collection_id = %s ORDER BY documentid DESC LIMIT 300 FOR UPDATE
"""
LOCK_FIRST = "SELECT FROM documents WHERE collection_id = %s ORDER BY documentid FOR UPDATE"
IS_WAITED_FOR = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))
"""
LOOKS = 50
_DEADLOCK = "deadlock detected"


@fault("deadlocks", "locks", (2.0, 4.0))
def provoke_deadlocks(fleet: Fleet, dice: Random) -> Iterator[Met]:
    """Somebody locks documents in the order opposite to ours."""
    hearing = Hearing([fleet.foundation.postgres.member.log])
    is_over = threading.Event()
    thread = threading.Thread(target=_lock_backwards, args=[fleet.ground, dice.random(), is_over])
    thread.start()
    yield lambda: hearing.has_heard(_DEADLOCK)
    is_over.set()
    thread.join()


def _lock_backwards(ground: Ground, seed: float, is_over: threading.Event) -> None:
    dice = Random(seed)
    while not is_over.wait(LOOK_SECONDS):
        # Other faults may end it, or keep it away.
        with (
            suppress(psycopg2.Error),
            closing(psycopg2.connect(ground.settings.database_url)) as stranger,
            stranger.cursor() as cursor,
        ):
            cursor.execute(LEAVE_IT_TO_OTHERS)
            cursor.execute(BEING_UPDATED)
            if found := cursor.fetchall():
                _cross(cursor, dice.choice(found), is_over)


def _cross(cursor: psycopg2.extensions.cursor, collection: tuple[int], is_over: threading.Event) -> None:
    """Hold what a batch locks last until one waits for it, and then wait for what that one locked first."""
    cursor.execute(LOCK_LAST, collection)
    for _ in range(LOOKS):
        cursor.execute(IS_WAITED_FOR)
        if cursor.fetchone() == (True,):
            cursor.execute(LOCK_FIRST, collection)
            return
        if is_over.wait(LOOK_SECONDS):
            return


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
        if not cursor.rowcount:  # it has just ended, or was deleted
            raise NotNow
        yield lambda: _is_waited_for(fleet.ground, stranger.info.backend_pid)


def _is_waited_for(ground: Ground, pid: int) -> bool:
    with ground.database.begin() as session:
        return bool(session.execute(text(WAITERS), {"pid": pid}).scalar_one())
