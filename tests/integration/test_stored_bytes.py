"""How many bytes a data service may have stored: counted exactly, given back whenever they go."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import text

from api.usecases.arrivals import FileArrival
from api.usecases.blocks import receive_block
from api.usecases.imports import delete_import
from api.usecases.jobs import JobDescription, list_rejected_items
from api.usecases.services import Service
from shared.errors import ImportClosed, TooManyStoredBytes
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import an_import, ask, block_files, storage_folder, tuned, work
from tests.integration.job_builders import (
    Job,
    a_file_import,
    accounts,
    an_export,
    an_item_type,
    exported,
    let_links_expire,
    stored_paths,
    watched,
    with_many,
)
from tests.integration.test_quotas import at_once
from tests.integration.usage import counted, counted_again
from workers.sweeping import REMOVALS_A_SWEEP, sweep

AGES = 1e-9  # days: every file that is kept for so long has expired
ITEM = b'{"accountId":"1"}'


def a_block(size_bytes: int) -> bytes:
    return b"x" * size_bytes


@pytest.fixture
def limited(ground: Ground) -> Ground:
    """The ground with room for 100 bytes."""
    return tuned(ground, stored_bytes=100)


def test_blocks_are_taken_up_to_the_limit_and_not_a_byte_beyond(limited: Ground, service: Service):
    import_id = an_import(limited, service, a_block(60), status=Status.CONFIGURING)

    with pytest.raises(TooManyStoredBytes, match="more than 100 bytes would be stored"):
        receive_block(limited, service, import_id, [a_block(41)])
    assert len(block_files(limited, import_id)) == 1
    assert receive_block(limited, service, import_id, [a_block(40)]) == 2

    with pytest.raises(TooManyStoredBytes):
        receive_block(limited, service, import_id, [a_block(1)])
    assert counted(limited, service) == counted_again(limited, service) == 100


def test_a_body_is_read_no_further_than_there_is_room(limited: Ground, service: Service):
    import_id = an_import(limited, service, status=Status.CONFIGURING)
    pieces = iter([a_block(60)] * 10)

    with pytest.raises(TooManyStoredBytes):
        receive_block(limited, service, import_id, pieces)

    assert len(list(pieces)) == 8
    assert block_files(limited, import_id) == []


def test_of_many_blocks_at_once_so_many_are_taken(limited: Ground, service: Service):
    """They go to imports of their own, so that nothing but the quota keeps them apart."""
    import_ids = iter([an_import(limited, service, status=Status.CONFIGURING) for _ in range(10)])

    let = at_once(lambda: receive_block(limited, service, next(import_ids), slowly(a_block(30))))

    assert let == 3
    assert counted(limited, service) == counted_again(limited, service) == 90


def test_of_many_files_at_once_so_many_are_taken(limited: Ground, service: Service):
    an_item_type(limited, service)

    assert at_once(lambda: a_file_import(limited, service, slowly(a_block(30)))) == 3

    assert counted(limited, service) == 90


def test_of_files_that_come_in_at_once_the_latest_breaks_off_where_there_is_no_room_for_all(
    limited: Ground, service: Service
):
    """Each was held to the room that there was when it began: together they stored many times as much."""
    an_item_type(limited, service)
    hasty = tuned(limited, lease_seconds=0.3)

    def unfinished() -> set[Path]:
        return set(storage_folder(limited).glob("*/*.part"))

    def latest(before: set[Path]) -> Iterator[bytes]:
        yield a_block(41)
        for _ in range(1000):
            if unfinished() == before:
                return
            Event().wait(0.02)
            yield b""
        raise AssertionError("It went on.")

    def earlier() -> Iterator[bytes]:
        yield a_block(60)
        with pytest.raises(TooManyStoredBytes):
            a_file_import(hasty, service, latest(unfinished()))
        yield a_block(40)

    a_file_import(hasty, service, earlier())

    assert counted(limited, service) == 100


def test_a_file_that_may_have_broken_off_takes_no_room(limited: Ground, service: Service):
    an_item_type(limited, service)
    with FileArrival(limited, service) as silent:
        silent.store([a_block(60)], JobDescription())
        with pytest.raises(TooManyStoredBytes):
            a_file_import(limited, service, a_block(41))

        with limited.database.begin() as session:
            passed = {"passed": timedelta(seconds=limited.settings.lease_seconds)}
            session.execute(text("UPDATE uploads SET seen_at = seen_at - :passed"), passed)

        a_file_import(limited, service, a_block(41))


def slowly(content: bytes) -> Iterator[bytes]:
    """Byte by byte: all have looked at the room before the first one has ended."""
    return (content[n : n + 1] for n in range(len(content)))


def test_a_deleted_import_gives_its_bytes_back(limited: Ground, service: Service):
    import_id = an_import(limited, service, a_block(40), a_block(60), status=Status.CONFIGURING)

    delete_import(limited, service, import_id)

    assert counted(limited, service) == 0
    an_import(limited, service, a_block(100))


def test_a_canceled_import_keeps_its_blocks_and_their_bytes(limited: Ground, service: Service):
    import_id = an_import(limited, service, a_block(100))

    ask(limited, service, import_id, Status.CANCELED)
    sweep(tuned(limited, upload_days=AGES))

    assert counted(limited, service) == 100
    assert len(block_files(limited, import_id)) == 1


def test_a_refused_upload_counts_for_nothing(limited: Ground, service: Service):
    import_id = an_import(limited, service, a_block(10))

    with pytest.raises(ImportClosed):
        receive_block(limited, service, import_id, [a_block(10)])

    assert counted(limited, service) == 10


def test_anothers_full_store_is_no_ones_concern(limited: Ground, service: Service, stranger: Service):
    an_import(limited, service, a_block(100))

    an_import(limited, stranger, a_block(100))

    assert counted(limited, service) == counted(limited, stranger) == 100


def an_ended_file_import(ground: Ground, service: Service) -> Job:
    an_item_type(ground, service)
    job = a_file_import(ground, service, ITEM + b'\n{"accountId":"a/b"}\n')
    assert job.work_off().view.status == "Completed"
    return job


def keep_no_files(ground: Ground) -> None:
    """Sweep until every kept file, whoever's it is, has been found old enough and its bytes are gone."""
    hasty = tuned(ground, upload_days=AGES)
    with ground.database.begin() as session:
        kept = session.scalar(text("SELECT count(*) FROM imports WHERE reading IS NOT NULL")) or 0
        garbage = session.scalar(text("SELECT count(*) FROM storage_garbage")) or 0
    for _ in range(1 + (kept + garbage) // REMOVALS_A_SWEEP):
        sweep(hasty)


def test_a_file_is_kept_for_a_while_after_its_end_and_all_that_is_told_of_it_for_good(
    ground: Ground, service: Service
):
    job = an_ended_file_import(ground, service)
    before = job.shown().view
    sweep(ground)
    assert len(block_files(ground, job.import_id)) == 2
    assert counted(ground, service) == counted_again(ground, service) > len(ITEM)

    keep_no_files(ground)

    assert block_files(ground, job.import_id) == []
    assert counted(ground, service) == counted_again(ground, service) == 0
    assert job.shown().view == before
    assert [item.line for item in list_rejected_items(ground, service, str(job.id), 1).items] == [2]


def test_a_file_that_cannot_be_read_gives_its_bytes_back_at_once(ground: Ground, service: Service):
    an_item_type(ground, service)
    job = a_file_import(ground, service, b"no JSON")

    assert job.work_off().view.status == "Rejected"

    assert counted(ground, service) == counted_again(ground, service) == 0
    sweep(ground)
    assert block_files(ground, job.import_id) == []


def test_a_file_whose_blocks_find_no_room_is_rejected_and_nothing_of_it_kept(
    ground: Ground, service: Service
):
    an_item_type(ground, service)
    limited = tuned(ground, stored_bytes=2 * len(ITEM))
    job = a_file_import(limited, service, ITEM + b"\n")

    shown = job.work_off()

    assert (shown.view.status, shown.view.records_processed) == ("Rejected", 0)
    assert shown.view.reason.startswith("The file cannot be taken: With this, more than 34 bytes would be")
    assert counted(ground, service) == 0
    sweep(ground)
    assert block_files(ground, job.import_id) == []


def test_the_files_of_an_export_count_until_their_links_end(ground: Ground, service: Service):
    accounts(ground, service)
    job = exported(ground, service)
    size_bytes = sum(path.stat().st_size for path in stored_paths(job))
    assert counted(ground, service) == counted_again(ground, service) == size_bytes > 0

    let_links_expire(job)
    sweep(ground)

    assert counted(ground, service) == counted_again(ground, service) == 0


@pytest.mark.parametrize("room_bytes", [0, 10, 100_000], ids=["none", "for none of it", "for some of it"])
def test_an_export_that_finds_no_room_is_rejected_and_nothing_of_it_kept(
    ground: Ground, service: Service, room_bytes: int
):
    an_item_type(ground, service)
    with_many(ground, service, 5000)
    import_id = an_import(ground, service, a_block(100))
    job = an_export(tuned(ground, stored_bytes=100 + room_bytes, export_file_bytes=10_000), service)

    shown = job.work_off()

    assert (shown.view.status, shown.links) == ("Rejected", [])
    assert "bytes would be stored, the most there may be" in shown.view.reason
    assert stored_paths(job) == []
    assert counted(ground, service) == 100
    work(ground, import_id)


@pytest.mark.parametrize("query", [None, "SELECT * FROM Account"], ids=["documents", "rows of a query"])
def test_an_export_stops_writing_where_the_room_ends(ground: Ground, service: Service, query: str | None):
    an_item_type(ground, service)
    with_many(ground, service, 5000)
    file_bytes, file_count = 10_000, 5
    writes = count()
    limited = tuned(ground, stored_bytes=file_count * file_bytes, export_file_bytes=file_bytes)
    job = an_export(watched(limited, lambda: next(writes)), service, query=query)

    assert job.work_off().view.status == "Rejected"

    # What one portion of the documents makes of them may be begun.
    assert next(writes) <= file_count + 5


def test_of_many_exports_at_once_so_many_are_kept(ground: Ground, service: Service):
    accounts(ground, service)
    size_bytes = sum(path.stat().st_size for path in stored_paths(exported(ground, service)))
    limited = tuned(ground, stored_bytes=3 * size_bytes, service_long_jobs=4)
    jobs = iter([an_export(limited, service) for _ in range(4)])
    ended: list[Job] = []

    at_once(lambda: (job := next(jobs)).work_off() and ended.append(job), callers=4)
    sweep(limited)  # removes what the refused ones wrote

    completed = [job for job in ended if job.status == "Completed"]
    assert (len(ended), len(completed)) == (4, 2)
    assert [bool(stored_paths(job)) for job in ended] == [job in completed for job in ended]
    assert counted(ground, service) == counted_again(ground, service) == 3 * size_bytes
