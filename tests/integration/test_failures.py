"""Critical failures: counted, explained, retried after growing pauses, and final after several."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import select, text

from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.db import leases
from shared.db.models import Block, RejectedLine
from shared.errors import LeaseLost
from shared.ground import Ground
from shared.lifecycle import Status
from shared.storage.folder import FolderStorage
from tests.integration.builders import (
    CREATE,
    Counts,
    after_batches,
    an_import,
    ask,
    block_files,
    claim,
    counts,
    documents,
    go_home,
    let_leases_expire,
    let_pauses_pass,
    ndjson,
    numbered,
    rejected_lines,
    storage_away,
    storage_folder,
    take_nudges,
    tuned,
    volume_id,
    work,
    work_off,
)
from tests.integration.conftest import Refuse
from tests.integration.job_builders import at_statement, lose_the_answer_to_the_next_commit

DEADLOCK = "40P01"
ADMIN_SHUTDOWN = "57P01"
DATA_CORRUPTED = "XX001"
INTERNAL_ERROR = "XX000"

FORGET_WHAT_IS_APPLIED = """
WITH forgotten AS (
    UPDATE blocks SET checkpoint_offset = 0, checkpoint_line = 0 WHERE import_id = :id
),
undone AS (
    UPDATE imports SET created_documents = 0, applied_bytes = 0 WHERE id = :id RETURNING collection_id
)
DELETE FROM documents USING undone WHERE documents.collection_id = undone.collection_id
"""


def alter(block: Path) -> None:
    block.write_bytes(block.read_bytes().replace(b"002", b"022"))


def truncate(block: Path) -> None:
    block.write_bytes(block.read_bytes()[:-10])


@pytest.mark.parametrize("damage", [alter, truncate, Path.unlink], ids=["altered", "truncated", "missing"])
def test_a_damaged_block_is_tried_again_and_again_and_then_ends_its_import(
    ground: Ground, service: Service, damage: Callable[[Path], None]
):
    slow = tuned(ground, attempts=3, retry_seconds=100.0)
    import_id = an_import(ground, service, numbered(3))
    [block] = block_files(ground, import_id)
    damage(block)

    for failures in (1, 2, 3):
        work(slow, import_id)
        row = get_import(ground, service, import_id)
        assert row.failure_count == failures
        assert "Block storage" in str(row.last_error)
        let_pauses_pass(ground, import_id)

    assert (row.status, row.percent_complete) == (Status.FAILED, 0)
    assert row.ended_at is not None
    assert documents(ground, service) == {}


def test_a_failed_attempt_is_not_repeated_before_its_pause_has_passed(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(3))
    block_files(ground, import_id)[0].unlink()

    work(tuned(ground, retry_seconds=100.0), import_id)
    work(ground, import_id)

    assert get_import(ground, service, import_id).failure_count == 1


def test_a_failure_that_goes_away_ends_nothing(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(3))
    [block] = block_files(ground, import_id)
    kept = block.read_bytes()
    block.unlink()
    for _ in range(2):
        work(ground, import_id)
        let_pauses_pass(ground, import_id)

    block.write_bytes(kept)
    done = work_off(ground, service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 2)
    assert done.last_error == "Block storage has lost the bytes."
    assert counts(ground, service, import_id) == Counts(created=3)


def test_a_block_that_cannot_be_read_for_a_while_ends_nothing(ground: Ground, service: Service):
    """The system refuses to read a folder, as it does a bad sector."""
    import_id = an_import(ground, service, numbered(3))
    [block] = block_files(ground, import_id)
    aside = block.rename(block.with_name("aside"))
    block.mkdir()
    hasty = tuned(ground, attempts=1)
    for failures in (1, 2):
        work(hasty, import_id)
        row = get_import(ground, service, import_id)
        assert (row.status, row.failure_count) == (Status.RUNNING, failures)
        let_pauses_pass(ground, import_id)
    assert row.last_error == "Block storage could not read the bytes: Is a directory."

    block.rmdir()
    aside.rename(block)

    assert work_off(hasty, service, import_id).status == Status.COMPLETE
    assert counts(ground, service, import_id) == Counts(created=3)


class SlowFile(BytesIO):
    """Something happens before each piece."""

    def __init__(self, content: bytes, meanwhile: Callable[[], object]) -> None:
        super().__init__(content)
        self._meanwhile = meanwhile

    def read(self, size: int | None = -1, /) -> bytes:
        self._meanwhile()
        return super().read(size)


class SlowStorage(FolderStorage):
    """Storage that takes its time with whatever it reads."""

    def __init__(self, ground: Ground, meanwhile: Callable[[], object]) -> None:
        super().__init__(storage_folder(ground), volume_id(ground))
        self._meanwhile = meanwhile

    def open(self, key: str, offset: int = 0, *, again: bool = False) -> BinaryIO:
        with super().open(key, offset, again=again) as file:
            return SlowFile(file.read(), self._meanwhile)


def test_storage_that_is_slower_than_a_lease_costs_only_time(ground: Ground, service: Service):
    """The block is checked before it is applied, and its lease must not run out meanwhile."""
    import_id = an_import(ground, service, numbered(3))
    brief = tuned(ground, lease_seconds=0.5)

    def let_another_one_try() -> None:
        time.sleep(0.6)
        work(brief, import_id, worker="another")

    slow = replace(brief, storage=SlowStorage(ground, let_another_one_try))
    work(slow, import_id)
    done = work_off(ground, service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 0)
    assert counts(ground, service, import_id) == Counts(created=3)


def test_a_failure_is_counted_once_though_the_answer_to_that_is_lost(ground: Ground, service: Service):
    """It was said again. Damaged blocks had half of the attempts."""
    import_id = an_import(ground, service, numbered(3))
    alter(block_files(ground, import_id)[0])

    with at_statement("UPDATE blocks SET due_at", lose_the_answer_to_the_next_commit):
        work(ground, import_id)

    with ground.database.begin() as session:
        assert session.get_one(Block, (import_id, 1)).suspicions == 1
    assert get_import(ground, service, import_id).failure_count == 1


def test_an_import_whose_last_commit_took_effect_has_not_failed(ground: Ground, service: Service):
    """The connection broke before that was said."""
    import_id = an_import(ground, service, numbered(3))

    with at_statement("WITH counted AS", lose_the_answer_to_the_next_commit):
        work(ground, import_id)

    row = get_import(ground, service, import_id)
    assert (row.status, row.failure_count, row.last_error) == (Status.COMPLETE, 0, None)
    assert counts(ground, service, import_id) == Counts(created=3)


def test_the_reason_of_a_failure_shows_no_path(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(3))
    block_files(ground, import_id)[0].unlink()

    work(ground, import_id)

    assert "/" not in str(get_import(ground, service, import_id).last_error)


def test_a_batch_that_had_to_give_way_is_tried_again(ground: Ground, service: Service, refuse: Refuse):
    refuse("true", DEADLOCK, times=3)
    import_id = an_import(ground, service, numbered(3))

    done = work_off(tuned(ground, attempts=1), service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 0)
    assert counts(ground, service, import_id) == Counts(created=3)


def test_a_batch_that_always_has_to_give_way_is_a_critical_failure(
    ground: Ground, service: Service, refuse: Refuse
):
    refuse("true", DEADLOCK)
    import_id = an_import(ground, service, numbered(3))

    for _ in range(2):
        work(tuned(ground, attempts=2, patience_seconds=0.001), import_id)
        let_pauses_pass(ground, import_id)

    row = get_import(ground, service, import_id)
    assert (row.status, row.failure_count) == (Status.FAILED, 2)
    assert row.last_error == "The transaction had to give way to another one."


def test_a_database_that_refuses_to_work_for_a_while_costs_only_time(
    ground: Ground, service: Service, refuse: Refuse
):
    refuse("true", ADMIN_SHUTDOWN, times=2)
    import_id = an_import(ground, service, numbered(3))
    for _ in range(2):
        work(ground, import_id)
        let_pauses_pass(ground, import_id)

    done = work_off(ground, service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 2)
    assert counts(ground, service, import_id) == Counts(created=3)


def test_a_world_that_is_wrong_for_a_while_ends_nothing_however_often_it_is_met(
    ground: Ground, service: Service, refuse: Refuse
):
    hasty = tuned(ground, attempts=2)
    import_id = an_import(ground, service, numbered(3))
    refuse("true", ADMIN_SHUTDOWN, times=5)
    for failures in range(1, 11):
        with storage_away(ground) if failures < 6 else nullcontext():
            work(hasty, import_id)
        row = get_import(ground, service, import_id)
        assert (row.status, row.failure_count) == (Status.RUNNING, failures)
        let_pauses_pass(ground, import_id)

    assert work_off(hasty, service, import_id).status == Status.COMPLETE


def make_unreadable(ground: Ground, import_id: int) -> None:
    """The system refuses to read the block, as it does a bad sector."""
    for path in block_files(ground, import_id):
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("what", ["the database", "the block's disk"])
def test_a_world_that_stays_wrong_ends_an_import_when_patience_is_over(
    ground: Ground, service: Service, refuse: Refuse, what: str
):
    import_id = an_import(ground, service, numbered(3))
    if what == "the database":
        refuse("true", ADMIN_SHUTDOWN)
    else:
        make_unreadable(ground, import_id)
    work(ground, import_id)
    let_pauses_pass(ground, import_id)
    since = "UPDATE blocks SET failing_since = failing_since - interval '1 hour' WHERE import_id = :id"
    with ground.database.begin() as session:
        session.execute(text(since), {"id": import_id})
    attempts = ground.settings.attempts
    for _ in range(attempts - 2):
        work(ground, import_id)
        assert get_import(ground, service, import_id).status == Status.RUNNING
        let_pauses_pass(ground, import_id)

    work(ground, import_id)

    row = get_import(ground, service, import_id)
    assert (row.status, row.failure_count) == (Status.FAILED, attempts)


def test_a_corrupted_database_is_no_fault_of_the_lines(ground: Ground, service: Service, refuse: Refuse):
    import_id = an_import(ground, service, numbered(3))
    refuse("true", DATA_CORRUPTED, times=1)
    work(ground, import_id)
    assert get_import(ground, service, import_id).failure_count == 1
    let_pauses_pass(ground, import_id)

    done = work_off(ground, service, import_id)

    assert done.status == Status.COMPLETE
    assert counts(ground, service, import_id) == Counts(created=3)


def test_what_the_server_says_of_its_inside_is_not_told(ground: Ground, service: Service, refuse: Refuse):
    refuse("true", INTERNAL_ERROR)
    import_id = an_import(ground, service, numbered(1))

    work_off(ground, service, import_id)

    with ground.database.begin() as session:
        [line] = session.scalars(select(RejectedLine).where(RejectedLine.import_id == import_id))
        assert line.reason == "The database cannot process it."


def test_while_an_import_is_paused_its_patience_is_not_used_up(
    ground: Ground, service: Service, refuse: Refuse
):
    import_id = an_import(ground, service, numbered(3))
    refuse("true", ADMIN_SHUTDOWN)
    for _ in range(ground.settings.attempts):
        work(ground, import_id)
        let_pauses_pass(ground, import_id)
    ask(ground, service, import_id, Status.PAUSED)
    since = "UPDATE blocks SET failing_since = failing_since - interval '8 hours' WHERE import_id = :id"
    with ground.database.begin() as session:
        session.execute(text(since), {"id": import_id})
    ask(ground, service, import_id, Status.RESUMED)

    work(ground, import_id)

    assert get_import(ground, service, import_id).status == Status.RUNNING


def test_progress_ends_suspicion(small: Ground, service: Service, refuse: Refuse):
    import_id = an_import(small, service, numbered(9))
    refuse("true", ADMIN_SHUTDOWN, times=1)
    work(small, import_id)
    let_pauses_pass(small, import_id)
    assert claim(small, import_id, worker="dead", attempts=5)
    let_leases_expire(small, import_id)

    work(small, import_id, should_stop=after_batches(1, go_home))

    with small.database.begin() as session:
        block = session.get_one(Block, (import_id, 1))
        assert (block.suspicions, block.failing_since) == (0, None)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours handles it, so nothing is given back."""


def kill() -> None:
    raise Killed


def die_after_batches(ground: Ground, import_id: int, count: int, *, worker: str = "killed") -> None:
    with pytest.raises(Killed):
        work(ground, import_id, worker=worker, should_stop=after_batches(count, kill))


def test_the_block_of_a_killed_worker_is_applied_on_by_another(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(10))
    die_after_batches(small, import_id, 2)
    work(small, import_id)
    assert counts(small, service, import_id) == Counts(created=6)

    let_leases_expire(small, import_id)
    done = work_off(small, service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 1)
    assert done.last_error == "Its worker stopped while it held block 1."
    assert counts(small, service, import_id) == Counts(created=10)


def test_workers_that_are_killed_after_progress_do_not_end_an_import(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(12))
    careless = tuned(small, attempts=2)
    for _ in range(3):
        die_after_batches(careless, import_id, 1)
        let_leases_expire(small, import_id)

    assert work_off(careless, service, import_id).status == Status.COMPLETE
    assert counts(small, service, import_id) == Counts(created=12)


def test_workers_that_are_killed_without_progress_end_an_import(ground: Ground, service: Service):
    """A line that kills its worker each time must not go round for ever."""
    import_id = an_import(ground, service, numbered(3))
    for worker in ("one", "two"):
        assert claim(ground, import_id, worker=worker, attempts=2)
        let_leases_expire(ground, import_id)

    work(tuned(ground, attempts=2), import_id)

    row = get_import(ground, service, import_id)
    assert (row.status, row.failure_count) == (Status.FAILED, 2)
    assert row.last_error == "Its worker stopped while it held block 1."
    assert documents(ground, service) == {}
    with ground.database.begin() as session:
        block = session.get_one(Block, (import_id, 1))
        assert (block.leased_until, block.leasing_service_id) == (None, None)


def test_an_attempt_that_got_on_before_it_broke_counts_as_the_first(
    small: Ground, service: Service, refuse: Refuse
):
    """`attempts` counts claims since the last checkpoint, however they ended."""
    careless = tuned(small, attempts=2)
    import_id = an_import(small, service, numbered(12))
    refuse("true", ADMIN_SHUTDOWN, times=1)
    work(careless, import_id)
    let_pauses_pass(small, import_id)

    break_soon = after_batches(1, lambda: refuse("true", ADMIN_SHUTDOWN, times=1))
    work(careless, import_id, should_stop=break_soon)
    with small.database.begin() as session:
        assert session.get_one(Block, (import_id, 1)).attempts == 1
    let_pauses_pass(small, import_id)

    done = work_off(careless, service, import_id)
    assert (done.status, done.failure_count) == (Status.COMPLETE, 2)
    assert counts(small, service, import_id) == Counts(created=12)


def test_a_worker_whose_block_was_taken_over_leaves_no_trace(small: Ground, service: Service):
    """It comes back to life after another worker finished the block and a later import changed more."""
    import_id = an_import(small, service, numbered(9, a="this"))
    later_id = an_import(small, service, numbered(9, a="later"))

    def be_taken_over() -> None:
        let_leases_expire(small, import_id)
        work(small, import_id, worker="second")
        work_off(small, service, later_id)
        take_nudges(small)

    work(small, import_id, worker="stale", should_stop=after_batches(1, be_taken_over))

    row = get_import(small, service, import_id)
    assert (row.status, row.failure_count) == (Status.COMPLETE, 1)
    assert counts(small, service, import_id) == Counts(created=9)
    assert {document["a"] for document in documents(small, service).values()} == {"later"}


def test_what_a_crashed_server_had_forgotten_is_applied_again(small: Ground, service: Service):
    """A batch's COMMIT does not wait for the disk, and behind a pooler nobody tells the worker of a crash."""
    import_id = an_import(small, service, numbered(9))

    def crash() -> None:
        with small.database.begin() as session:
            session.execute(text(FORGET_WHAT_IS_APPLIED), {"id": import_id})

    work(small, import_id, should_stop=after_batches(1, crash))

    assert counts(small, service, import_id) == Counts()
    let_leases_expire(small, import_id)
    assert work_off(small, service, import_id).status == Status.COMPLETE
    assert counts(small, service, import_id) == Counts(created=9)
    assert len(documents(small, service)) == 9


def test_a_stale_worker_does_not_disturb_the_lease_of_the_next(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(12))

    def be_taken_over() -> None:
        let_leases_expire(small, import_id)
        die_after_batches(small, import_id, 1, worker="second")

    work(small, import_id, worker="stale", should_stop=after_batches(1, be_taken_over))
    work(small, import_id, worker="third")

    assert counts(small, service, import_id) == Counts(created=6)
    let_leases_expire(small, import_id)
    assert work_off(small, service, import_id).status == Status.COMPLETE
    assert counts(small, service, import_id) == Counts(created=12)


def test_a_stale_worker_s_heartbeat_does_not_keep_the_block_for_the_next(ground: Ground, service: Service):
    """Should the next one die, its lease would not run out."""
    import_id = an_import(ground, service, numbered(1))
    stale = claim(ground, import_id, worker="stale")
    let_leases_expire(ground, import_id)
    assert claim(ground, import_id, worker="next")
    let_leases_expire(ground, import_id)

    assert stale is not None
    with pytest.raises(LeaseLost), ground.database.begin() as session:
        leases.renew(session, stale, lease_seconds=60)

    assert claim(ground, import_id, worker="third")


def test_a_stale_worker_that_breaks_is_no_failure_of_the_next(
    small: Ground, service: Service, refuse: Refuse
):
    import_id = an_import(small, service, numbered(12))

    def be_taken_over() -> None:
        let_leases_expire(small, import_id)
        die_after_batches(small, import_id, 1, worker="second")
        refuse("true", ADMIN_SHUTDOWN, times=1)

    work(small, import_id, worker="stale", should_stop=after_batches(1, be_taken_over))
    work(small, import_id, worker="third")

    row = get_import(small, service, import_id)
    assert (row.status, row.failure_count) == (Status.RUNNING, 1)
    assert counts(small, service, import_id) == Counts(created=6)


def test_an_import_paused_while_it_fails_stays_paused(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(3))
    block_files(ground, import_id)[0].unlink()
    work(ground, import_id)
    ask(ground, service, import_id, Status.PAUSED)
    let_pauses_pass(ground, import_id)

    work(ground, import_id)

    row = get_import(ground, service, import_id)
    assert (row.status, row.failure_count) == (Status.PAUSED, 1)


def test_a_line_longer_than_any_batch_is_no_failure(ground: Ground, service: Service):
    long = {"documentid": "long", "text": "x" * 300_000}
    import_id = an_import(ground, service, ndjson({"documentid": "1"}, long, {"documentid": "2"}))

    done = work_off(tuned(ground, batch_bytes=1000), service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 0)
    assert counts(ground, service, import_id) == Counts(created=3)


@pytest.mark.parametrize("disturbed", [False, True])
def test_a_failure_among_the_halves_of_a_refused_batch_changes_no_count(
    ground: Ground, service: Service, refuse: Refuse, disturbed: bool
):
    """Resumed among the halves, batches had other ends, and folding hid a line from the database."""
    fours = tuned(ground, batch_lines=4)
    poison = b'{"documentid":"%s","p":0e9999999999}'
    lines = [poison % b"q", *(b'{"documentid":"%s"}' % x for x in (b"x", b"a", b"y")), poison % b"a", b"{}"]
    import_id = an_import(fours, service, ndjson(*lines), strategies=CREATE)
    if disturbed:
        refuse("EXISTS (SELECT FROM documents WHERE documentid = 'x')", ADMIN_SHUTDOWN, times=1)
        work(fours, import_id)
        let_pauses_pass(fours, import_id)

    work_off(fours, service, import_id)

    assert counts(fours, service, import_id) == Counts(created=4, rejected=2)
    assert rejected_lines(fours, service, import_id) == [
        (1, 1, "refused_by_database"),
        (1, 5, "refused_by_database"),
    ]
