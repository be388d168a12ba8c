"""Workers of an earlier release go on while the schema is brought further, and beside workers of this one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from threading import Event

import pytest

from shared.db.database import Database
from shared.db.migrate import LockPatience, migrate
from shared.db.versions import newest_version
from shared.errors import ConflictOfTransactions
from shared.ground import Ground
from tests.integration.builders import let_leases_expire, numbered, work
from tests.integration.earlier_worker import EarlierWorker
from tests.integration.job_builders import wait_until
from tests.integration.shifts import NOTHING, Shift, outcome

# A transaction of the workers that waits for longer has to give way, and its shift ends with that.
HELD_UP_SECONDS = 5.0
# Longer than it takes to find a deadlock, which is then all that can let a migration begin anew.
PATIENCE = LockPatience(lock_seconds=30.0)


# Of version 0002 and a batch that ends its import at the same moment: it locks the import, and at its end the
# collection once more, since a row that it has changed itself is checked anew. No order suits both.
RARE = "Version 0002 needs a table that is in use: trying again and again."
TRIES = 2


def test_migrations_run_while_workers_of_the_first_schema_are_at_work(empty_urls: Iterator[str]):
    """One applies a long import, batch by batch, the other one small ones from their making to their end.

    Two of the migrations locked blocks before imports, and a batch of theirs the other way round.
    """
    for url in islice(empty_urls, TRIES):
        with closing(Database(url, pool_size=2)) as database:
            told = migrated_beside_shifts(database, url)
        assert set(told) <= {RARE}
        if not told:
            return
    pytest.fail(f"{TRIES} times in turn: {RARE}")


def migrated_beside_shifts(database: Database, url: str) -> list[str]:
    """What the migrations said."""
    migrate(database, to="0001")
    told: list[str] = []
    is_over = Event()
    with (
        closing(Database(url, pool_size=1, wait_seconds=HELD_UP_SECONDS)) as first,
        closing(Database(url, pool_size=1, wait_seconds=HELD_UP_SECONDS)) as second,
        ThreadPoolExecutor() as threads,
    ):
        shifts = long, small = Shift(first), Shift(second)
        at_work = [
            threads.submit(long.import_one, "long", lambda _: is_over.is_set()),
            threads.submit(small.import_many, "small", is_over, batches=3),
        ]
        try:
            wait_until(lambda: all(shift.batches for shift in shifts) or any(one.done() for one in at_work))
            migrate(database, patience=PATIENCE, report=told.append)
        finally:
            is_over.set()
        for one, shift in zip(at_work, shifts, strict=True):
            try:
                one.result(timeout=60)
            except ConflictOfTransactions:
                assert shift.batches.keys() == {"0001"}  # so it was the worker, and not the migration
                return [RARE]
    for shift in shifts:
        meanwhile = shift.batches.keys() - {"0001", newest_version()}
        assert len(meanwhile) >= 3, shift.batches
        shift.assert_exact()
    return told


def test_a_worker_of_the_first_schema_goes_on_through_every_migration(empty: Database):
    """It holds a block all the time, and applies a batch of it between any two migrations."""
    migrate(empty, to="0001")
    worker = EarlierWorker(empty)
    worker.start("one", NOTHING, NOTHING)
    worker.claim()
    versions = [f"{n:04}" for n in range(2, int(newest_version()) + 1)]

    for version in versions:
        migrate(empty, to=version)
        worker.apply([version], created=1, is_finished=version == versions[-1], is_direct=True)
    worker.claim()
    worker.apply([*versions, "new"], created=1, is_finished=True, is_direct=False)

    assert outcome(empty, worker.import_id) == ("complete", len(versions) + 1, len(versions), 2, 100)


def test_an_import_may_be_begun_by_a_worker_of_the_first_schema_and_ended_by_one_of_today(apart: Ground):
    stored = apart.storage.write(1, [numbered(2)])
    worker = EarlierWorker(apart.database)
    worker.start("one", stored)
    worker.claim()
    worker.apply(["001"], created=1, is_finished=False, is_direct=True)
    let_leases_expire(apart, worker.import_id)

    work(apart, worker.import_id)

    assert outcome(apart.database, worker.import_id) == ("complete", 2, 0, 0, 100)
