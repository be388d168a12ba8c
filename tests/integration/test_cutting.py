"""Uploaded files on their way to blocks: interrupted, taken over, canceled, refused."""

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from threading import Event
from typing import BinaryIO, cast

import pytest
from sqlalchemy import text

from api.usecases.services import Service
from shared.db.models import Block
from shared.formats.cutting import BLOCK_BYTES
from shared.ground import Ground
from shared.storage.folder import FolderStorage
from tests.integration.builders import (
    after_batches,
    block_files,
    go_home,
    let_leases_expire,
    row_versions,
    storage_folder,
    tuned,
    volume_id,
)
from tests.integration.job_builders import (
    Job,
    a_file_import,
    an_item_type,
    at_statement,
    lose_the_answer_to_the_next_commit,
    sessions_ended_at,
    wait_until,
)
from tests.integration.players import Killed
from workers.sweeping import sweep

# Three rows are one block, and seven rows three.
FILLING = b"x" * (BLOCK_BYTES // 3)
ROWS = 7


def a_large_file(rows: int = ROWS) -> bytes:
    return b"accountId,text\n" + b"".join(b"%d,%b\n" % (n, FILLING) for n in range(1, rows + 1))


def a_large_import(ground: Ground, service: Service, content: bytes | None = None) -> Job:
    an_item_type(ground, service)
    return a_file_import(ground, service, content or a_large_file(), is_csv=True, has_header_row=True)


def blocks_of(job: Job) -> list[tuple[int, int, int]]:
    """Number, size and lines before each block; block 0 is the file."""
    found = "SELECT number, size_bytes, lines_before FROM blocks WHERE import_id = :id ORDER BY number"
    with job.ground.database.begin() as session:
        return [tuple(row) for row in session.execute(text(found), {"id": job.import_id})]


def die() -> bool:
    raise Killed


def ids(ground: Ground, service: Service) -> list[str]:
    return [documentid for documentid, *_ in row_versions(ground, service, "/Account")]


@pytest.fixture
def undisturbed(ground: Ground, service: Service) -> list[tuple[int, int, int]]:
    """The blocks that the large file is cut into when nothing happens."""
    an_item_type(ground, service, "Undisturbed")
    job = a_file_import(
        ground, service, a_large_file(), item_type="Undisturbed", is_csv=True, has_header_row=True
    )
    job.work()
    return blocks_of(job)


def test_a_file_is_cut_first_and_then_applied_block_by_block(ground: Ground, service: Service):
    job = a_large_import(ground, service)

    job.work()
    assert (ids(ground, service), job.status) == ([], "Processing")
    assert [(number, lines) for number, _, lines in blocks_of(job)] == [(0, 0), (1, 1), (2, 4), (3, 7)]

    shown = job.work_off()
    assert ids(ground, service) == ["1", "2", "3", "4", "5", "6", "7"]
    assert (shown.view.status, shown.view.reason) == ("Completed", "The file has been processed: 7 created")


@pytest.mark.parametrize("block", [1, 2, 3])
def test_cutting_goes_on_where_a_killed_worker_left_it(
    ground: Ground, service: Service, undisturbed: list[tuple[int, int, int]], block: int
):
    job = a_large_import(ground, service)

    with suppress(Killed):
        job.work(should_stop=after_batches(block, die))
    assert len(blocks_of(job)) == 1 + block
    let_leases_expire(ground, job.import_id)
    shown = job.work_off()

    assert blocks_of(job) == undisturbed
    assert len(block_files(ground, job.import_id)) == len(undisturbed)
    assert (shown.view.status, shown.view.records_processed) == ("Completed", ROWS)


@pytest.mark.parametrize("block", [1, 2])
def test_cutting_goes_on_where_a_worker_went_home(
    ground: Ground, service: Service, undisturbed: list[tuple[int, int, int]], block: int
):
    job = a_large_import(ground, service)

    job.work(should_stop=after_batches(block, go_home))
    assert len(blocks_of(job)) == 1 + block
    job.work_off()

    assert blocks_of(job) == undisturbed
    assert ids(ground, service) == [str(n) for n in range(1, ROWS + 1)]


def test_the_checkpoint_of_cutting_counts_no_lines(ground: Ground, service: Service):
    """A file may have more than 2,147,483,647, most of them blank: each attempt ended there, and the import
    failed."""
    job = a_large_import(ground, service)

    job.work(should_stop=after_batches(2, go_home))

    with ground.database.begin() as session:
        file = session.get_one(Block, (job.import_id, 0))
    assert (file.checkpoint_offset, file.checkpoint_line) == (2, 0)


def test_a_file_may_have_more_lines_documents_and_bytes_than_an_integer_holds(
    ground: Ground, service: Service
):
    many = 2**31 - 1
    job = a_large_import(ground, service, a_large_file(3) + b"4,x\n,no key\n4,y\n")
    job.work()
    with ground.database.begin() as session:
        blocks = "UPDATE blocks SET lines_before = lines_before + :many WHERE import_id = :id AND number > 0"
        session.execute(text(blocks), {"many": many, "id": job.import_id})
        counters = (
            "created_documents",
            "updated_documents",
            "skipped_documents",
            "total_bytes",
            "applied_bytes",
        )
        imports = f"UPDATE imports SET {', '.join(f'{name} = {name} + :many' for name in counters)}"
        session.execute(text(f"{imports} WHERE id = :id"), {"many": many, "id": job.import_id})

    shown = job.work_off()

    row = job.import_row()
    assert (row.created_documents, row.updated_documents) == (many + 4, many + 1)
    assert row.applied_bytes == row.total_bytes
    assert shown.view.records_processed == 3 * many + 6
    assert job.rejected() == [(many + 6, "invalid_key")]


def test_cutting_goes_on_where_the_answer_to_a_commit_was_lost(
    ground: Ground, service: Service, undisturbed: list[tuple[int, int, int]]
):
    """The bytes of the block were removed and its row was there: the import failed."""
    job = a_large_import(tuned(ground, retry_seconds=0.001), service)

    with at_statement("INSERT INTO blocks", lose_the_answer_to_the_next_commit):
        job.work()
    shown = job.work_off()

    assert blocks_of(job) == undisturbed
    assert (shown.view.status, shown.view.records_processed) == ("Completed", ROWS)


def test_a_worker_that_was_taken_over_adds_nothing(
    ground: Ground, service: Service, undisturbed: list[tuple[int, int, int]]
):
    job = a_large_import(ground, service)

    def take_over() -> None:
        let_leases_expire(ground, job.import_id)
        job.work(worker="second")

    job.work(should_stop=after_batches(1, take_over))
    job.work_off()

    assert blocks_of(job) == undisturbed
    assert len(block_files(ground, job.import_id)) == len(undisturbed)
    assert ids(ground, service) == [str(n) for n in range(1, ROWS + 1)]


def test_a_lease_lasts_as_long_as_the_cutting(ground: Ground, service: Service):
    job = a_large_import(tuned(ground, lease_seconds=0.3), service)
    ends: list[object] = []

    def outlive_the_lease() -> None:
        ends.append(_leased_until(job))
        wait_until(lambda: _leased_until(job) != ends[0])
        job.work(worker="second")

    job.work(should_stop=after_batches(1, outlive_the_lease))

    assert (len(blocks_of(job)), job.import_row().failure_count) == (4, 0)


def _leased_until(job: Job) -> object:
    with job.ground.database.begin() as session:
        return session.get_one(Block, (job.import_id, 0)).leased_until


def test_cancel_ends_the_cutting_before_anything_is_applied(ground: Ground, service: Service):
    job = a_large_import(ground, service)
    told: list[str] = []

    job.work(should_stop=after_batches(1, lambda: told.append(job.cancel())))

    assert told == ["Canceling"]
    assert (job.status, job.reason) == ("Canceled", "The job has been canceled: no items")
    assert ids(ground, service) == []
    assert len(job.mails()) == 1


def test_the_sweep_ends_what_was_canceled_under_a_dead_worker(ground: Ground, service: Service):
    job = a_large_import(ground, service)
    with suppress(Killed):
        job.work(should_stop=after_batches(1, die))
    assert job.cancel() == "Canceling"

    sweep(ground)
    assert job.status == "Canceling"
    let_leases_expire(ground, job.import_id)
    sweep(ground)

    assert job.status == "Canceled"
    assert len(job.mails()) == 1


def test_a_file_found_unreadable_at_its_end_is_rejected_and_nothing_is_applied(
    ground: Ground, service: Service
):
    job = a_large_import(ground, service, a_large_file() + b'8,"never closed')

    shown = job.work_off()

    assert shown.view.status == "Rejected"
    assert shown.view.reason == (
        "The file cannot be read: A quoted cell of the row on line 9 is never closed."
    )
    assert (ids(ground, service), shown.view.records_processed) == ([], 0)
    assert len(job.mails()) == 1
    assert len(block_files(ground, job.import_id)) == len(blocks_of(job))


def test_a_rejected_file_stays_rejected(ground: Ground, service: Service):
    an_item_type(ground, service)
    job = a_file_import(ground, service, b"this is no JSON")
    job.work_off()

    job.work()
    assert job.cancel() == "Rejected"
    sweep(ground)

    assert (job.status, len(job.mails())) == ("Rejected", 1)


def test_a_refusal_is_said_until_the_database_hears_it(ground: Ground, service: Service):
    """Unsaid it looked like the death of a worker."""
    an_item_type(ground, service)
    job = a_file_import(ground, service, b"this is no JSON")

    with sessions_ended_at(ground, "UPDATE imports SET last_error"):
        job.work()

    assert (job.status, job.import_row().failure_count, len(job.mails())) == ("Rejected", 0, 1)


def test_a_worker_that_was_taken_over_cannot_reject(ground: Ground, service: Service):
    content = a_large_file() + b'8,"never closed'
    job = a_large_import(ground, service, content)

    def take_over() -> None:
        let_leases_expire(ground, job.import_id)
        job.work(worker="second", should_stop=after_batches(1, go_home))

    job.work(should_stop=after_batches(2, take_over))

    assert job.status == "Processing"
    assert job.work_off().view.status == "Rejected"
    assert len(job.mails()) == 1


def test_cancel_wins_over_a_file_that_is_found_unreadable(ground: Ground, service: Service):
    job = a_large_import(ground, service, a_large_file() + b'8,"never closed')

    job.work(should_stop=after_batches(2, job.cancel))

    assert job.status == "Canceled"
    assert len(job.mails()) == 1


def test_an_import_fails_when_its_file_is_gone(ground: Ground, service: Service):
    job = a_large_import(tuned(ground, attempts=2, retry_seconds=0.001), service)
    for path in block_files(ground, job.import_id):
        path.unlink()

    attempts = count()
    wait_until(lambda: next(attempts) < 100 and (job.work() or job.status) == "Failed")

    assert "Block storage has lost the bytes" in job.reason
    assert len(job.mails()) == 1


LINES: dict[str, tuple[bytes, dict[str, object], list[tuple[int, str]]]] = {
    "lines of JSON": (
        b'\n{"accountId":"1"}\nnonsense\n\n{"name":"x"}\n',
        {},
        [(3, "invalid_json"), (5, "invalid_key")],
    ),
    "a list of JSON": (
        b'[\n{"accountId":"1"},\n\n7,\n{"name":"x"}]',
        {},
        [(2, "not_an_object"), (3, "invalid_key")],
    ),
    "rows under a header": (
        b'accountId,"a\nb"\n1,x\n1,2,3\n"2","x\ny"\n,z\n',
        {"is_csv": True, "has_header_row": True},
        [(4, "ragged_row"), (7, "invalid_key")],
    ),
}


@pytest.mark.parametrize(("content", "order", "lines"), LINES.values(), ids=LINES.keys())
def test_rejections_name_lines_of_the_file(
    ground: Ground,
    service: Service,
    content: bytes,
    order: dict[str, object],
    lines: list[tuple[int, str]],
):
    an_item_type(ground, service)

    job = a_file_import(ground, service, content, **order)  # type: ignore[arg-type]
    shown = job.work_off()

    assert job.rejected() == lines
    assert shown.view.status == "Completed"
    assert shown.view.records_rejected == 2


def test_rejections_of_later_blocks_name_lines_of_the_file(ground: Ground, service: Service):
    job = a_large_import(ground, service, a_large_file() + b",no key\n")

    job.work_off()

    assert job.rejected() == [(9, "invalid_key")]


class SlowStorage(FolderStorage):
    """A volume that gives a byte at a time, and takes its time: the check of a file alone takes a minute."""

    def open(self, key: str, offset: int = 0, *, again: bool = False) -> BinaryIO:
        return cast("BinaryIO", _Slow(super().open(key, offset, again=again)))


class _Slow(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        Event().wait(0.02)
        return self._file.read(1)

    def close(self) -> None:
        self._file.close()
        super().close()


@pytest.fixture
def slow_job(ground: Ground, service: Service) -> Job:
    an_item_type(ground, service)
    brief = replace(
        tuned(ground, lease_seconds=0.3), storage=SlowStorage(storage_folder(ground), volume_id(ground))
    )
    job = a_file_import(ground, service, b'{"accountId":"1"}\n' * 200)
    return Job(brief, service, job.id)


def test_a_worker_goes_home_while_it_checks_a_large_file(slow_job: Job):
    """It read the whole file before it looked, which takes a minute for 16 GB."""
    is_asked = Event()
    with ThreadPoolExecutor() as threads:
        working = threads.submit(slow_job.work, should_stop=is_asked.is_set)
        wait_until(lambda: slow_job.status == "Processing")

        is_asked.set()
        working.result(timeout=30)

    with slow_job.ground.database.begin() as session:
        file = session.get_one(Block, (slow_job.import_id, 0))
    assert (file.leased_until, file.attempts, file.finished_at) == (None, 0, None)


def test_a_cancel_is_obeyed_while_a_large_file_is_checked(slow_job: Job):
    with ThreadPoolExecutor() as threads:
        working = threads.submit(slow_job.work)
        wait_until(lambda: slow_job.status == "Processing")

        assert slow_job.cancel() == "Canceling"
        working.result(timeout=30)

    assert slow_job.status == "Canceled"
