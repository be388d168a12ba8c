"""Whatever Redis lost is found again in the rows, and what was deleted is cleared away."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from sqlalchemy import text

from api.usecases.imports import delete_import, get_import
from api.usecases.maintenance import end_maintenance
from api.usecases.services import Service
from shared.db import maintenance, sweeps
from shared.db.models import Export, Removal
from shared.db.transition import move
from shared.dispatch import IMPORTS_QUEUE, SWEEP_QUEUE
from shared.errors import StorageAway, StorageFault
from shared.ground import Ground
from shared.lifecycle import Event, Status
from shared.storage.folder import FolderStorage
from shared.storage.reading import Look
from tests.integration.builders import (
    after_batches,
    an_import,
    ask,
    block_files,
    claim,
    go_home,
    let_leases_expire,
    let_pauses_pass,
    numbered,
    storage_away,
    storage_folder,
    take_nudges,
    tuned,
    volume_id,
    work,
    work_off,
)
from tests.integration.held_rows import LOCK_EXPORTS, LOCK_GARBAGE, LOCK_IMPORTS, LOCK_JOBS, held
from tests.integration.job_builders import (
    Job,
    a_file_import,
    accounts,
    an_item_type,
    at_statement,
    exported,
    file_rows,
    let_links_expire,
    stored_paths,
    wait_until,
)
from tests.integration.programs import program
from tests.supplies.external import empty_redis
from workers.sweeping import REMOVALS_A_SWEEP, UPLOAD_HOURS, UPLOAD_SILENCE, sweep


@pytest.fixture(scope="module")
def ground(module_apart: Ground) -> Ground:
    """With a database of its own: a sweep looks at so many rows only, and others have left theirs."""
    return module_apart


@pytest.fixture(autouse=True)
def _nothing_waits(ground: Ground) -> Iterator[None]:
    """No nudge of an earlier test is under way, and none stays for a later one."""
    take_nudges(ground)
    yield
    take_nudges(ground)


def is_nudged(ground: Ground, import_id: int) -> bool:
    """Whether a sweep nudges the import, all earlier nudges being lost."""
    take_nudges(ground)
    sweep(ground)
    return import_id in take_nudges(ground)


def test_a_started_import_whose_nudge_was_lost_is_nudged(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1))

    assert is_nudged(ground, import_id)
    assert is_nudged(ground, an_import(ground, service))


def test_redis_may_be_flushed_at_any_moment(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(2), numbered(2))
    work(small, import_id)
    empty_redis(small.settings.redis_url)

    sweep(small)

    assert import_id in take_nudges(small)
    assert work_off(small, service, import_id).status == Status.COMPLETE


def test_an_import_that_waits_for_nobody_is_left_alone(small: Ground, service: Service):
    configuring = an_import(small, service, numbered(1), status=Status.CONFIGURING)
    paused = an_import(small, service, numbered(9))
    work(small, paused, should_stop=after_batches(1, lambda: ask(small, service, paused, Status.PAUSED)))
    complete = an_import(small, service)
    work_off(small, service, complete)

    assert not any(is_nudged(small, import_id) for import_id in (configuring, paused, complete))


def test_a_resumed_import_is_nudged(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(9))
    ask(small, service, import_id, Status.PAUSED)
    assert not is_nudged(small, import_id)

    ask(small, service, import_id, Status.RESUMED)

    assert is_nudged(small, import_id)


def test_a_block_is_left_to_its_worker_until_the_lease_expires(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1))
    assert claim(ground, import_id, worker="alive", attempts=5)
    assert not is_nudged(ground, import_id)

    let_leases_expire(ground, import_id)

    assert is_nudged(ground, import_id)


def test_a_block_is_left_alone_until_its_pause_has_passed(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1))
    block_files(ground, import_id)[0].unlink()
    work(tuned(ground, retry_seconds=100.0), import_id)
    assert not is_nudged(ground, import_id)

    let_pauses_pass(ground, import_id)

    assert is_nudged(ground, import_id)


def test_a_worker_that_went_home_leaves_its_block_due(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(9))

    work(small, import_id, should_stop=after_batches(1, go_home))

    assert is_nudged(small, import_id)


def test_enough_nudges_under_way_are_not_doubled(ground: Ground, service: Service):
    an_import(ground, service, numbered(1))
    sweep(ground)
    under_way = ground.dispatcher.waiting()

    sweep(ground)

    assert ground.dispatcher.waiting() == under_way > 0


def test_a_lost_nudge_is_found_while_others_wait_twice(ground: Ground, service: Service):
    """As many nudges waited as imports were due, but some had two: the other one was forgotten."""
    lost, doubled = an_import(ground, service, numbered(1)), an_import(ground, service, numbered(1))
    sweep(ground)
    for import_id in set(take_nudges(ground)) - {lost} | {doubled}:
        ground.dispatcher.nudge_import(import_id)
        ground.dispatcher.nudge_import(import_id)

    sweep(ground)

    assert take_nudges(ground).count(lost) == 1


def test_what_is_no_nudge_of_ours_does_not_stop_a_sweep(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1))
    take_nudges(ground)
    with redis.Redis.from_url(ground.settings.redis_url) as client:
        foreign = [b"", b"[]", b'{"body": "W10="}', b'{"body": 7}', b'{"body": "W1tdLCBudWxsLCB7fV0="}']
        client.lpush(f"longshore:{IMPORTS_QUEUE}", *foreign)
        sweep(ground)
        client.ltrim(f"longshore:{IMPORTS_QUEUE}", 0, -1 - len(foreign))

    assert import_id in take_nudges(ground)


def test_one_sweep_runs_at_a_time(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1))
    take_nudges(ground)

    with ground.database.begin() as session:
        assert sweeps.take_turn(session)
        sweep(ground)

    assert take_nudges(ground) == []
    assert is_nudged(ground, import_id)


def test_the_blocks_of_a_deleted_import_are_removed(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1), numbered(1), status=Status.CONFIGURING)
    other_id = an_import(ground, service, numbered(1), status=Status.CONFIGURING)
    delete_import(ground, service, import_id)
    assert len(block_files(ground, import_id)) == 2

    sweep(ground)

    assert block_files(ground, import_id) == []
    assert len(block_files(ground, other_id)) == 1
    with ground.database.begin() as session:
        assert import_id not in sweeps.garbage(session, limit=1000)


def test_what_a_dead_upload_left_is_removed_after_a_day(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1), status=Status.CONFIGURING)
    folder = storage_folder(ground) / str(import_id)
    stale, fresh = folder / "stale.part", folder / "fresh.part"
    for path in (stale, fresh):
        path.write_bytes(b"half")
    yesterday = time.time() - UPLOAD_HOURS * 3600 - 60
    os.utime(stale, (yesterday, yesterday))
    os.utime(block_files(ground, import_id)[0], (yesterday, yesterday))

    sweep(ground)

    assert not stale.exists()
    assert fresh.exists()
    assert len(block_files(ground, import_id)) == 2
    fresh.unlink()


def test_an_upload_that_ends_while_a_sweep_looks_does_not_break_it(ground: Ground, service: Service):
    """Its unfinished file was listed and is gone: what a link that leads nowhere looks like."""
    import_id = an_import(ground, service, numbered(1), status=Status.CONFIGURING)
    vanishing = storage_folder(ground) / str(import_id) / "vanishing.part"
    vanishing.symlink_to("nowhere")

    try:
        sweep(ground)
    finally:
        vanishing.unlink()


class Immovable(FolderStorage):
    """A folder that does not let go of some groups; `tried` is what was to be removed."""

    def __init__(self, ground: Ground, *groups: str) -> None:
        super().__init__(storage_folder(ground), volume_id(ground))
        self._groups = groups
        self.tried: list[str] = []

    def remove_group(self, group: str, look: Look = lambda: None) -> None:
        self.tried.append(group)
        if group in self._groups:
            raise StorageFault("Block storage could not remove the bytes: Operation not permitted.")
        super().remove_group(group, look)


def a_removal(ground: Ground, service: Service) -> int:
    """An import whose bytes were removed so long ago that they are looked for once more."""
    import_id = an_import(ground, service, numbered(1), status=Status.CONFIGURING)
    with ground.database.begin() as session:
        session.add(Removal(import_id=import_id, removed_at=datetime.now(UTC) - UPLOAD_SILENCE))
    return import_id


def a_deleted_import(ground: Ground, service: Service) -> int:
    import_id = an_import(ground, service, numbered(1), status=Status.CONFIGURING)
    delete_import(ground, service, import_id)
    return import_id


def an_expired_export(ground: Ground, service: Service) -> Job:
    job = exported(ground, service)
    let_links_expire(job)
    return job


def test_what_cannot_be_removed_keeps_nothing_else_from_it(ground: Ground, service: Service):
    """The oldest of it ended each sweep: nothing was removed any longer, whosoever it was."""
    accounts(ground, service)
    deleted, other_deleted = (a_deleted_import(ground, service) for _ in range(2))
    removed, other_removed = (a_removal(ground, service) for _ in range(2))
    expired, other_expired = (an_expired_export(ground, service) for _ in range(2))
    stale = storage_folder(ground) / str(deleted) / "stale.part"
    stale.touch()
    os.utime(stale, (0, 0))
    storage = Immovable(ground, str(deleted), str(removed), f"export-{expired.export_id}-1")

    sweep(replace(ground, storage=storage))

    assert block_files(ground, other_deleted) == block_files(ground, other_removed) == []
    assert stored_paths(other_expired) == []
    assert not stale.exists()
    assert len(block_files(ground, deleted)) == len(block_files(ground, removed)) == 1
    assert len(stored_paths(expired)) == 1

    sweep(ground)
    assert block_files(ground, deleted) == block_files(ground, removed) == stored_paths(expired) == []


STUCK_GARBAGE = """
INSERT INTO storage_garbage (import_id, deleted_at)
SELECT :first + n, '2000-01-01' FROM generate_series(1, :many) n RETURNING import_id
"""
STUCK_REMOVALS = """
INSERT INTO removals (import_id, removed_at)
SELECT :first + :many + n, '2000-01-01' FROM generate_series(1, :many) n RETURNING import_id
"""
STUCK_EXPORTS = """
INSERT INTO exports (service_id, collection_id, selection, rendering, link_key, status, epoch, ended_at,
                     expires_at, due_at)
SELECT service_id, collection_id, selection, rendering, link_key, status, epoch, '2000-01-01',
       CASE WHEN expires_at IS NOT NULL THEN CAST('2000-01-01' AS timestamptz) END, '2000-01-01'
  FROM exports, generate_series(1, :many) WHERE id IN (:expired, :unlinked) RETURNING exports.id
"""


def an_unlinked_export(ground: Ground, service: Service) -> Job:
    """One that never had links, and left files all the same."""
    job = exported(ground, service)
    with ground.database.begin() as session:
        session.get_one(Export, job.export_id).expires_at = None
    return job


def test_as_much_as_a_sweep_asks_for_cannot_be_removed_and_keeps_nothing_else(
    ground: Ground, service: Service
):
    """It came first each time, and whatever was behind it stayed for ever."""
    accounts(ground, service)
    deleted, removed = a_deleted_import(ground, service), a_removal(ground, service)
    expired, unlinked = an_expired_export(ground, service), an_unlinked_export(ground, service)
    given = {"first": 10**12, "many": REMOVALS_A_SWEEP}
    whose = {"expired": expired.export_id, "unlinked": unlinked.export_id}
    with ground.database.begin() as session:
        imports = [n for sql in (STUCK_GARBAGE, STUCK_REMOVALS) for n in session.scalars(text(sql), given)]
        exports = session.scalars(text(STUCK_EXPORTS), given | whose).all()
    stuck = [*(str(n) for n in imports), *(f"export-{n}-1" for n in exports)]
    storage = Immovable(ground, *stuck)

    for _ in range(2):
        sweep(replace(ground, storage=storage))

    assert block_files(ground, deleted) == block_files(ground, removed) == []
    assert stored_paths(expired) == stored_paths(unlinked) == []
    assert set(stuck) < set(storage.tried)
    sweep(ground)


def test_what_cannot_be_removed_is_asked_for_no_longer_than_some_seconds(ground: Ground, service: Service):
    """Of a bucket that only removes nothing each took half a minute, of one worker after the other."""
    deleted = [str(a_deleted_import(ground, service)) for _ in range(2)]
    storage = Immovable(ground, *deleted)

    for _ in range(2):
        sweep(replace(ground, storage=storage), faults_seconds=0.0)

    # Each time another one.
    assert storage.tried == deleted
    sweep(ground)


def test_what_takes_long_to_say_that_it_cannot_be_removed_keeps_no_other_kind_from_it(
    ground: Ground, service: Service
):
    """Each sweep ended at another one of the first kind, and whatever else there was stayed for ever."""
    accounts(ground, service)
    deleted, removed = a_deleted_import(ground, service), a_removal(ground, service)
    expired, stale = an_expired_export(ground, service), storage_folder(ground) / str(deleted) / "stale.part"
    stale.touch()
    os.utime(stale, (0, 0))

    sweep(replace(ground, storage=Immovable(ground, str(deleted))), faults_seconds=0.0)

    assert block_files(ground, removed) == stored_paths(expired) == []
    assert not stale.exists()
    assert len(block_files(ground, deleted)) == 1
    sweep(ground)


def test_a_sweep_whose_worker_goes_home_nudges_no_more(ground: Ground, service: Service):
    """While Redis did not answer it went on for a second for each job, after a lease without its turn."""
    import_ids = {an_import(ground, service, numbered(1)) for _ in range(3)}
    take_nudges(ground)
    answers = iter([False])

    sweep(ground, lambda: next(answers, True))

    assert len(take_nudges(ground)) == 1
    sweep(ground)
    assert import_ids <= set(take_nudges(ground))


class Slow(FolderStorage):
    """A folder that takes as long as `meanwhile` to remove something."""

    def __init__(self, ground: Ground, meanwhile: Callable[[], object]) -> None:
        super().__init__(storage_folder(ground), volume_id(ground))
        self._meanwhile = meanwhile
        self.tried: list[str] = []

    def remove_group(self, group: str, look: Look = lambda: None) -> None:
        self.tried.append(group)
        self._meanwhile()
        super().remove_group(group, look)


def test_while_one_sweep_removes_others_nudge_and_remove_nothing(ground: Ground, service: Service):
    """Each began with the same, and they came to occupy one worker after the other."""
    deleted = [str(a_deleted_import(ground, service)) for _ in range(2)]
    waiting = an_import(ground, service, numbered(1))
    nudged: list[bool] = []
    storage = Slow(ground, lambda: nudged.append(is_nudged(slow, waiting)))
    slow = replace(ground, storage=storage)

    sweep(slow)

    assert (storage.tried, nudged) == (deleted, [True, True])


def test_a_sweep_whose_worker_goes_home_leaves_the_rest_to_another(ground: Ground, service: Service):
    """A worker that was told to stop removed up to a hundred jobs' bytes first."""
    deleted = [str(a_deleted_import(ground, service)) for _ in range(2)]
    looks: list[float] = []

    def should_stop() -> bool:
        looks.append(time.monotonic())
        return True

    # By the second look it is known what the first one told.
    storage = Slow(ground, lambda: wait_until(lambda: len(looks) > 1))

    sweep(replace(tuned(ground, lease_seconds=0.3), storage=storage), should_stop)

    assert storage.tried == deleted[:1]
    # Nor does a large import keep it.
    assert len(block_files(ground, int(deleted[0]))) == 1
    sweep(ground)
    assert [block_files(ground, int(import_id)) for import_id in deleted] == [[], []]


def test_a_worker_that_is_told_to_stop_ends_its_sweep(
    ground: Ground, service: Service, environment: Mapping[str, str]
):
    deleted = [a_deleted_import(ground, service) for _ in range(8)]
    own = {
        "DATABASE_URL": ground.settings.database_url,
        "STORAGE_URL": ground.settings.storage_url,
        "LONGSHORE_WORKER_PROCESSES": "1",
    }

    with program("worker", environment | own, "--queues", SWEEP_QUEUE) as worker:
        wait_until(lambda: bool(worker.children()))
        # That they are gone cannot be noted: each of them takes a second.
        with held(ground, LOCK_GARBAGE, deleted[0]):
            ground.dispatcher.nudge_sweep()
            wait_until(lambda: not block_files(ground, deleted[0]))
            worker.terminate()

            assert worker.wait(timeout=20) == 0

    assert len(block_files(ground, deleted[-1])) == 1
    sweep(ground)


def test_a_sweep_whose_worker_goes_home_leaves_uploads_of_the_dead_to_another(
    ground: Ground, service: Service
):
    import_id = an_import(ground, service, numbered(1), status=Status.CONFIGURING)
    stale = [storage_folder(ground) / str(import_id) / f"{n}.part" for n in range(2)]
    for path in stale:
        path.touch()
        os.utime(path, (0, 0))
    answers: list[bool] = []
    is_told: list[bool] = []

    def should_stop() -> bool:
        answers.append(bool(is_told))
        return answers[-1]

    def tell() -> None:
        is_told.append(True)
        wait_until(lambda: answers.count(True) > 1)

    with at_statement("WHERE uploads.import_id", tell):
        sweep(tuned(ground, lease_seconds=0.3), should_stop)

    assert [path.exists() for path in stale].count(True) == 1
    sweep(ground)
    assert not any(path.exists() for path in stale)


TURN_SAID_SOMETHING_AT = """
SELECT max(a.state_change) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND a.datname = current_database()
"""


def test_a_sweep_keeps_its_turn_while_a_removal_takes_long(ground: Ground, service: Service):
    """The server ends a transaction that is silent for a lease."""
    lease_seconds = 2.0
    a_deleted_import(ground, service)

    def said_something_at() -> datetime | None:
        with ground.database.begin() as session:
            return session.execute(text(TURN_SAID_SOMETHING_AT)).scalar_one()

    def outlast_a_lease() -> None:
        began = said_something_at()
        assert began is not None
        until = began + timedelta(seconds=2 * lease_seconds)
        wait_until(lambda: (said_something_at() or began) > until)

    opened = Ground.open(replace(ground.settings, lease_seconds=lease_seconds))
    storage = Slow(ground, outlast_a_lease)
    try:
        sweep(replace(opened, storage=storage))
    finally:
        opened.close()

    assert len(storage.tried) == 1


def test_without_its_volume_nothing_more_is_removed(ground: Ground, service: Service):
    """Whatever is asked of a bucket that does not answer takes half a minute."""
    for _ in range(2):
        a_deleted_import(ground, service)
    storage = Immovable(ground)

    with storage_away(ground), pytest.raises(StorageAway):
        sweep(replace(ground, storage=storage))

    assert len(storage.tried) == 1


def a_canceling_job(ground: Ground, service: Service) -> Job:
    """Its worker is gone."""
    job = a_file_import(ground, service, b'[{"accountId":"A1"}]')
    assert claim(ground, job.import_id, worker="gone", attempts=5)
    assert job.cancel() == "Canceling"
    let_leases_expire(ground, job.import_id)
    return job


def test_an_import_that_is_held_while_it_is_canceled_keeps_no_other_from_its_end(
    ground: Ground, service: Service
):
    """Each sweep waited for it, and ended."""
    an_item_type(ground, service)
    first, other = a_canceling_job(ground, service), a_canceling_job(ground, service)
    waiting = an_import(ground, service, numbered(1))

    with held(ground, LOCK_IMPORTS, first.import_id):
        assert is_nudged(ground, waiting)
        assert (first.status, other.status) == ("Canceling", "Canceled")

    sweep(ground)
    assert first.status == "Canceled"


def test_a_job_that_is_held_while_it_is_canceled_keeps_no_other_from_its_end(
    ground: Ground, service: Service
):
    """The mail about it waits for who holds the job, and all that were canceled waited with it."""
    an_item_type(ground, service)
    first, other = a_canceling_job(ground, service), a_canceling_job(ground, service)

    with held(ground, LOCK_JOBS, first.id):
        sweep(ground)
        assert (first.status, other.status) == ("Canceling", "Canceled")

    sweep(ground)
    assert first.status == "Canceled"


def test_jobs_that_are_held_are_not_all_waited_for(ground: Ground, service: Service):
    """One sweep after the other would do so, each at a worker of its own."""
    an_item_type(ground, service)
    first, other = a_canceling_job(ground, service), a_canceling_job(ground, service)

    with held(ground, LOCK_JOBS, first.id):
        sweep(tuned(ground, lease_seconds=0.1))

    assert (first.status, other.status) == ("Canceling", "Canceling")
    sweep(ground)
    assert (first.status, other.status) == ("Canceled", "Canceled")


def test_a_step_that_cannot_be_taken_keeps_a_sweep_from_no_other(ground: Ground, service: Service):
    """None can be that has something become garbage."""
    waiting = an_import(ground, service, numbered(1))
    deleted = a_deleted_import(ground, service)

    with ground.database.begin() as stranger:
        stranger.execute(text("LOCK TABLE storage_garbage IN SHARE MODE"))
        assert is_nudged(ground, waiting)

    assert block_files(ground, deleted) == []
    sweep(ground)


def test_an_expired_export_that_is_held_keeps_no_other_s_files(ground: Ground, service: Service):
    accounts(ground, service)
    first, other = (an_expired_export(ground, service) for _ in range(2))

    with held(ground, LOCK_EXPORTS, first.export_id):
        sweep(ground)

    assert (file_rows(first) == [], file_rows(other)) == (False, [])
    sweep(ground)
    assert file_rows(first) == []


def test_an_import_that_is_held_keeps_maintenance_from_no_other(ground: Ground, service: Service):
    first, other = (an_import(ground, service, numbered(1)) for _ in range(2))
    with ground.database.begin() as session:
        for import_id in (first, other):
            move(session, import_id, Event.RUN)
        maintenance.begin(session, None)

    with held(ground, LOCK_IMPORTS, first):
        sweep(ground)

    statuses = [get_import(ground, service, import_id).status for import_id in (first, other)]
    assert statuses == [Status.RUNNING, Status.PAUSED]
    end_maintenance(ground)


def test_repeated_deaths_end_an_import_through_the_sweep_alone(ground: Ground, service: Service):
    """No client and no nudge: beat finds the expired lease, the next claim counts it."""
    import_id = an_import(ground, service, numbered(1))
    for _ in range(2):
        assert is_nudged(ground, import_id)
        assert claim(ground, import_id, worker="doomed", attempts=2)
        let_leases_expire(ground, import_id)

    assert is_nudged(ground, import_id)
    work(tuned(ground, attempts=2), import_id)

    assert get_import(ground, service, import_id).status == Status.FAILED
    assert not is_nudged(ground, import_id)
