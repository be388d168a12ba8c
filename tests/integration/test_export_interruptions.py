"""Exports that are canceled, and workers that go home, die, are taken over or find storage full."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.db import exports
from shared.errors import StorageFault
from shared.ground import Ground
from shared.storage.folder import FolderStorage
from shared.storage.reading import Look
from shared.turns import Job as NudgedJob
from tests.integration.builders import storage_folder, take_nudges, tuned, volume_id
from tests.integration.job_builders import (
    Job,
    WatchedStorage,
    accounts,
    an_export,
    an_item_type,
    at_statement,
    at_write,
    file_rows,
    items_of,
    let_lease_expire,
    let_pause_pass,
    locked_documents,
    lose_the_answer_to_the_next_commit,
    sessions_ended_at,
    stored_paths,
    wait_until,
    watched,
    with_many,
)
from tests.integration.players import Killed
from workers.sweeping import NUDGES_LOOKED_AT, sweep


def die() -> None:
    raise Killed


@contextmanager
def at_work(job: Job, **worker: Any) -> Iterator[threading.Thread]:
    """A worker that has taken the job and waits for the database."""
    with locked_documents(job.ground):
        thread = threading.Thread(target=job.work, kwargs=worker)
        thread.start()
        wait_until(lambda: job.status == "Processing")
        yield thread
    thread.join(20)
    assert not thread.is_alive()


QUERIES = pytest.mark.parametrize(
    "query", [None, "SELECT * FROM Account"], ids=["documents", "rows of a query"]
)


class TestCancel:
    def test_before_anybody_works_on_it(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(ground, service)

        assert job.cancel() == "Canceled"
        job.work()

        assert (job.status, stored_paths(job), len(job.mails())) == ("Canceled", [], 1)

    @QUERIES
    def test_while_the_worker_waits_for_the_database(
        self, ground: Ground, service: Service, query: str | None
    ):
        accounts(ground, service)
        job = an_export(ground, service, query=query)

        with at_work(job):
            assert job.cancel() == "Canceling"
            wait_until(lambda: job.status == "Canceled")

        assert (job.reason, len(job.mails())) == ("The job has been canceled: no items until then", 1)

    def test_in_the_middle_of_the_files(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 1000)
        told: list[str] = []
        job = an_export(ground, service)
        writes = watched(
            tuned(ground, export_file_bytes=1000), at_write(20, lambda: told.append(job.cancel()))
        )

        Job(writes, service, job.id).work()

        assert told == ["Canceling"]
        assert (job.status, stored_paths(job), file_rows(job)) == ("Canceled", [], [])
        assert (job.shown().links, len(job.mails())) == ([], 1)

    @pytest.mark.parametrize("is_csv", [False, True], ids=["JSON", "CSV"])
    @pytest.mark.parametrize("columns", ["a.*", "a.name"], ids=["whole items", "a column"])
    def test_in_the_middle_of_the_files_of_a_query(
        self, ground: Ground, service: Service, columns: str, is_csv: bool
    ):
        an_item_type(ground, service)
        with_many(ground, service, 1000)
        told: list[str] = []
        job = an_export(ground, service, query=f"SELECT {columns} FROM Account a", is_csv=is_csv)
        writes = watched(
            tuned(ground, export_file_bytes=1000), at_write(5, lambda: told.append(job.cancel()))
        )

        Job(writes, service, job.id).work()

        assert told == ["Canceling"]
        assert (job.status, stored_paths(job), file_rows(job)) == ("Canceled", [], [])
        assert (job.shown().links, len(job.mails())) == ([], 1)

    def test_while_rows_of_a_query_are_set_aside(self, ground: Ground, service: Service):
        """The query gives as many rows as there may be, which takes far longer than is waited for here."""
        accounts(ground, service)
        many = "SELECT a.* FROM Account a, generate_series(1, 9999) n, generate_series(1, 9999) m"
        job = an_export(ground, service, query=many, is_csv=True)
        worker = threading.Thread(target=job.work)
        worker.start()
        try:
            wait_until(lambda: job.shown().view.records_processed > 0)

            assert job.cancel() == "Canceling"

            wait_until(lambda: job.status == "Canceled", seconds=5)
        finally:
            worker.join()
        assert stored_paths(job) == []

    def test_while_the_worker_is_dead(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(ground, service)
        with suppress(Killed):
            Job(watched(ground, die), service, job.id).work()

        assert job.cancel() == "Canceling"
        job.work()
        assert job.status == "Canceling"
        let_lease_expire(job)
        job.work()

        assert (job.status, len(job.mails())) == ("Canceled", 1)

    def test_while_the_attempt_breaks(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(ground, service)

        def cancel_and_break() -> None:
            job.cancel()
            raise StorageFault("away")

        Job(watched(ground, cancel_and_break), service, job.id).work()

        assert job.status == "Canceled"
        assert len(job.mails()) == 1


class TestInterruptions:
    @QUERIES
    def test_a_worker_that_goes_home_leaves_it_to_the_next_one(
        self, ground: Ground, service: Service, query: str | None
    ):
        accounts(ground, service)
        job = an_export(ground, service, query=query)

        with at_work(job, should_stop=lambda: True) as worker:
            worker.join(20)
            assert (job.export_row().leased_until, job.export_row().attempts) == (None, 0)
        job.work_off()

        assert (len(items_of(job)), job.export_row().failure_count) == (2, 0)

    @QUERIES
    def test_a_killed_worker_s_export_is_begun_again(
        self, ground: Ground, service: Service, query: str | None
    ):
        an_item_type(ground, service)
        with_many(ground, service, 100)
        job = an_export(ground, service, query=query)
        small = tuned(ground, export_file_bytes=1000)
        with suppress(Killed):
            Job(watched(small, at_write(6, die)), service, job.id).work()

        job.work(worker="second")
        assert job.status == "Processing"
        let_lease_expire(job)
        Job(small, service, job.id).work()

        assert (job.status, len(items_of(job))) == ("Completed", 100)
        assert len(stored_paths(job)) == len(file_rows(job))
        assert job.export_row().failure_count == 1

    @QUERIES
    def test_a_worker_that_was_taken_over_removes_only_what_is_its_own(
        self, ground: Ground, service: Service, query: str | None
    ):
        an_item_type(ground, service)
        with_many(ground, service, 100)
        job = an_export(ground, service, query=query)
        small = tuned(ground, export_file_bytes=1000)

        def take_over() -> None:
            let_lease_expire(job)
            Job(small, service, job.id).work(worker="second")

        Job(watched(small, at_write(6, take_over)), service, job.id).work()

        assert (job.status, len(items_of(job)), len(job.mails())) == ("Completed", 100, 1)
        assert len(stored_paths(job)) == len(file_rows(job))

    @QUERIES
    def test_a_lease_lasts_while_the_database_takes_long(
        self, ground: Ground, service: Service, query: str | None
    ):
        accounts(ground, service)
        job = an_export(tuned(ground, lease_seconds=0.3), service, query=query)

        with at_work(job):
            first = job.export_row().leased_until
            assert first is not None
            wait_until(lambda: (job.export_row().leased_until or first) > first)
            job.work(worker="second")

        assert (job.status, job.export_row().epoch) == ("Completed", 1)

    def test_workers_that_die_each_time_end_it_as_failed(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(tuned(ground, attempts=2), service)
        broken = Job(watched(job.ground, die), service, job.id)

        for _ in range(3):
            with suppress(Killed):
                broken.work(worker="the unlucky")
            let_lease_expire(job)

        assert (job.status, job.export_row().epoch) == ("Failed", 2)
        assert "Its worker stopped" in job.reason
        assert len(job.mails()) == 1

    def test_workers_that_die_further_on_each_time_end_nothing(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 100)
        # With a template it counts row by row, and each row is a file and a write.
        small = tuned(ground, attempts=2, export_file_bytes=1)
        job = an_export(small, service, is_csv=True, template="$accountId")

        def die_once_noted(written: int) -> None:
            wait_until(lambda: job.export_row().records == written)
            die()

        for written in (2, 5, 8):
            dying = at_write(written + 1, partial(die_once_noted, written))
            with suppress(Killed):
                Job(watched(job.ground, dying), service, job.id).work()
            let_lease_expire(job)
        job.work()

        assert (job.status, job.export_row().epoch) == ("Completed", 4)

    def test_files_of_a_dead_worker_are_removed_after_the_end(self, ground: Ground, service: Service):
        an_item_type(ground, service)
        with_many(ground, service, 100)
        small = tuned(ground, export_file_bytes=1000)
        job = an_export(small, service)
        with suppress(Killed):
            Job(watched(small, at_write(6, die)), service, job.id).work()
        _leave(job)
        let_lease_expire(job)
        assert job.cancel() == "Canceled"

        sweep(ground)

        assert stored_paths(job) == []

    def test_the_sweep_nudges_for_what_nobody_works_on(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(ground, service)
        with suppress(Killed):
            Job(watched(ground, die), service, job.id).work()
        let_lease_expire(job)
        take_nudges(ground)

        sweep(ground)

        assert NudgedJob("export", job.export_id) in ground.dispatcher.nudged(looks=NUDGES_LOOKED_AT)
        assert job.work_off().view.status == "Completed"


class TestFileThatTakesDays:
    """In a bucket, which tells only when a file began, it was broken off after one, again and again."""

    def test_it_is_let_alone_and_what_dead_attempts_left_is_not(self, ground: Ground, service: Service):
        accounts(ground, service)

        def left() -> Path:
            return storage_folder(ground) / f"export-{job.export_id}-7/left.part"

        def days_later() -> None:
            left().parent.mkdir()
            left().touch()
            for unfinished in storage_folder(ground).glob("export-*/*.part"):
                os.utime(unfinished, (0, 0))
            sweep(ground)

        job = an_export(watched(ground, at_write(1, days_later)), service)

        assert job.work_off().view.status == "Completed"
        assert job.export_row().failure_count == 0
        assert not left().exists()

    @pytest.mark.parametrize(
        ("change", "may_write"),
        [
            ("leased_until = now()", True),
            ("status = 'canceling'", True),
            ("epoch = epoch + 1", False),
            ("status = 'failed', ended_at = now()", False),
        ],
    )
    def test_it_may_be_written_while_nobody_else_has_its_export(
        self, ground: Ground, service: Service, change: str, may_write: bool
    ):
        accounts(ground, service)
        job = an_export(ground, service)
        with suppress(Killed):
            Job(watched(ground, die), service, job.id).work()

        with ground.database.begin() as session:
            session.execute(text(f"UPDATE exports SET {change} WHERE id = :id"), {"id": job.export_id})
            assert exports.may_write(session, job.export_id, 1) == may_write
            session.rollback()


def _leave(job: Job) -> None:
    """A file that a killed process would have left; one that raises still tidies up."""
    folder = job.ground.storage.create(f"export-{job.export_id}-1")
    with folder as writer:
        writer.write(b"left")


class Unremovable(FolderStorage):
    """A bucket that does not answer: who asks it to remove something waits for `meanwhile`, and in vain."""

    def __init__(self, ground: Ground, meanwhile: Callable[[], object]) -> None:
        super().__init__(storage_folder(ground), volume_id(ground))
        self._meanwhile = meanwhile

    def remove_group(self, group: str, look: Look = lambda: None) -> None:
        self._meanwhile()
        raise StorageFault("Block storage could not remove the bytes: the bucket does not answer.")


class TestStorageThatDoesNotAnswer:
    """It takes twenty seconds to say so. The lease ran out, each attempt looked like the death of a worker,
    and the fifth one ended the export long before patience was over."""

    @staticmethod
    def a_second_attempt(ground: Ground, service: Service, meanwhile: Callable[[Job], object]) -> Job:
        accounts(ground, service)
        job = an_export(ground, service)
        with suppress(Killed):
            Job(watched(ground, die), service, job.id).work()
        let_lease_expire(job)
        away = replace(tuned(ground, lease_seconds=0.3), storage=Unremovable(ground, lambda: meanwhile(job)))
        return Job(away, service, job.id)

    @staticmethod
    def wait_for_a_longer_lease(job: Job) -> None:
        first = job.export_row().leased_until
        assert first is not None
        wait_until(lambda: (job.export_row().leased_until or first) > first)

    def test_what_earlier_attempts_left_is_removed_under_a_lease_that_lasts(
        self, ground: Ground, service: Service
    ):
        job = self.a_second_attempt(ground, service, self.wait_for_a_longer_lease)

        job.work()

        row = job.export_row()
        assert (row.leased_until, row.suspicions, row.failing_since is None) == (None, 1, False)
        assert "does not answer" in str(row.last_error)
        let_pause_pass(job)
        assert Job(ground, service, job.id).work_off().view.status == "Completed"

    def test_a_worker_that_goes_home_gives_it_back_however_long_that_takes(
        self, ground: Ground, service: Service
    ):
        told_to_stop = threading.Event()

        def stop_and_wait(job: Job) -> None:
            told_to_stop.set()
            self.wait_for_a_longer_lease(job)

        job = self.a_second_attempt(ground, service, stop_and_wait)

        job.work(should_stop=told_to_stop.is_set)

        row = job.export_row()
        assert (row.leased_until, row.attempts, row.failing_since) == (None, 0, None)

    def test_what_was_removed_once_is_not_asked_for_by_each_later_attempt(
        self, ground: Ground, service: Service
    ):
        accounts(ground, service)
        job = an_export(ground, service)
        removed: list[str] = []

        class Counting(WatchedStorage):
            def remove_group(self, group: str, look: Look = lambda: None) -> None:
                removed.append(group)
                super().remove_group(group, look)

        for _ in range(3):
            dying = replace(ground, storage=Counting(ground, die))
            with suppress(Killed):
                Job(dying, service, job.id).work()
            let_lease_expire(job)
        removed.clear()

        Job(replace(ground, storage=Counting(ground, lambda: None)), service, job.id).work()

        assert job.status == "Completed"
        assert removed == [f"export-{job.export_id}-3"]

    def test_an_order_that_cannot_be_done_is_rejected_all_the_same(self, ground: Ground, service: Service):
        job = an_impossible_export(ground, service)

        Job(replace(ground, storage=Unremovable(ground, lambda: None)), service, job.id).work()

        assert (job.status, len(job.mails())) == ("Rejected", 1)


def an_impossible_export(ground: Ground, service: Service) -> Job:
    """Its item type is gone by the time a worker looks for it."""
    accounts(ground, service)
    job = an_export(ground, service)
    nowhere = """
    UPDATE exports SET selection = '{"kind": "sql", "query": "SELECT x.* FROM nowhere x"}' WHERE id = :id
    """
    with ground.database.begin() as session:
        session.execute(text(nowhere), {"id": job.export_id})
    return job


def test_a_refusal_is_said_until_the_database_hears_it(ground: Ground, service: Service):
    """Unsaid it looked like the death of a worker."""
    job = an_impossible_export(ground, service)

    with sessions_ended_at(ground, "SET status = %(status)s"):
        job.work()

    assert (job.status, job.export_row().failure_count, len(job.mails())) == ("Rejected", 0, 1)


def test_an_export_that_stops_is_given_back_until_the_database_hears_it(ground: Ground, service: Service):
    """As for maintenance, which sends no worker home. Unsaid it looked like the death of a worker."""
    accounts(ground, service)
    job, stopped = an_export(ground, service), threading.Event()

    def stop_once() -> bool:
        is_first = not stopped.is_set()
        stopped.set()
        return is_first

    def break_off() -> None:
        assert stopped.wait(20)
        raise StorageFault("Block storage could not store the bytes: No space left on device.")

    with sessions_ended_at(ground, "UPDATE exports SET leased_until = NULL"):
        Job(watched(ground, break_off), service, job.id).work(should_stop=stop_once)

    assert (job.export_row().leased_until, job.export_row().failure_count) == (None, 0)
    job.work()
    assert job.status == "Completed"


class TestFullStorage:
    def test_it_is_tried_again_later(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(ground, service)

        def full() -> None:
            raise StorageFault("Block storage could not store the bytes: No space left on device.")

        Job(watched(ground, full), service, job.id).work()
        assert (job.status, job.export_row().failure_count) == ("Processing", 1)
        job.work()
        assert job.status == "Processing"
        let_pause_pass(job)
        job.work()

        assert (job.status, len(stored_paths(job))) == ("Completed", 1)

    def test_a_failure_is_counted_once_though_the_answer_to_that_is_lost(
        self, ground: Ground, service: Service
    ):
        accounts(ground, service)
        job = an_export(ground, service)

        def full() -> None:
            raise StorageFault("Block storage could not store the bytes: No space left on device.")

        with at_statement("due_at = clock_timestamp() + %(pause)s", lose_the_answer_to_the_next_commit):
            Job(watched(ground, full), service, job.id).work()

        assert (job.export_row().failure_count, job.export_row().leased_until) == (1, None)

    def test_so_is_a_query_whose_rows_cannot_be_set_aside(
        self, ground: Ground, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        accounts(ground, service)
        job = an_export(ground, service, query="SELECT * FROM Account", is_csv=True)

        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(tempfile, "tempdir", str(tmp_path / "not-there"))
            job.work()
        assert (job.status, job.export_row().failure_count) == ("Processing", 1)
        assert str(job.export_row().last_error).startswith("Block storage could not set aside the bytes")
        let_pause_pass(job)
        job.work()

        assert (job.status, len(stored_paths(job))) == ("Completed", 1)

    def test_after_several_attempts_it_fails_with_the_reason(self, ground: Ground, service: Service):
        accounts(ground, service)
        job = an_export(tuned(ground, attempts=2, retry_seconds=0.001, patience_seconds=0.001), service)

        def full() -> None:
            raise StorageFault("Block storage could not store the bytes: No space left on device.")

        broken = Job(watched(job.ground, full), service, job.id)
        for _ in range(2):
            broken.work()
            let_pause_pass(job)

        assert job.status == "Failed"
        assert "No space left on device" in job.reason
        assert (stored_paths(job), job.shown().links, len(job.mails())) == ([], [], 1)
