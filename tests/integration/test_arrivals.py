"""Files whose upload ends in doubt: in the end the job is there, or nothing is and its id is free again."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Event
from time import monotonic
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from api.usecases.arrivals import FileArrival
from api.usecases.jobs import (
    JobComesIn,
    JobDescription,
    JobIdTaken,
    JobNotFound,
    ShownJob,
    reject_job,
)
from api.usecases.readings import ImportOrder
from api.usecases.services import Service, add_service
from api.usecases.signs_of_life import STUCK_SECONDS, SignsOfLife, UploadGivenUp
from shared.db import imports, uploads
from shared.db.models import Import, Removal, Upload
from shared.db.retention import end_keeping
from shared.errors import ConflictOfTransactions, DatabaseUnavailable, StorageFault, TooManyStoredBytes
from shared.ground import Ground
from shared.lifecycle import FINAL, Status
from shared.storage.folder import FolderStorage, FolderWriter
from shared.storage.reading import Look
from tests.integration.builders import block_files, documents, storage_folder, tuned, volume_id
from tests.integration.held_rows import LOCK_JOBS, held
from tests.integration.job_builders import (
    Job,
    an_item_type,
    at_statement,
    lose_the_answer_to_the_next_commit,
    wait_until,
)
from workers.sweeping import UPLOAD_HOURS, UPLOAD_SILENCE, sweep

LATE = JobDescription()  # the form's fields come after the file
EARLY = JobDescription(item_type="Account")
FILE = b'[{"accountId":"A1"}]'
OTHER = b'[{"accountId":"B1"}]'
MOMENT = timedelta(seconds=11)  # longer than a lease
DAY = timedelta(days=1)

both = pytest.mark.parametrize("known", [EARLY, LATE], ids=["told before the file", "told after it"])


@pytest.fixture(scope="module")
def ground(module_apart: Ground) -> Ground:
    """With a database of its own, whose COMMITs hang in some tests."""
    return module_apart


@pytest.fixture(autouse=True)
def _item_type(ground: Ground, service: Service) -> None:
    an_item_type(ground, service)


@pytest.fixture
def job(ground: Ground, service: Service) -> Job:
    """One that is there when its upload was announced."""
    return Job(ground, service, uuid4())


def upload(
    ground: Ground,
    service: Service,
    job_id: UUID,
    known: JobDescription = EARLY,
    file: Iterable[bytes] = (FILE,),
    clock: Callable[[], float] = monotonic,
) -> ShownJob:
    with FileArrival(ground, service, clock=clock) as arrival:
        arrival.store(file, known, job_id)
        return arrival.start(EARLY, ImportOrder(is_csv=False), job_id)


def upload_naming_it_late(
    ground: Ground, service: Service, job_id: UUID, known: JobDescription, file: Iterable[bytes] = (FILE,)
) -> ShownJob:
    """The id stands behind the file."""
    with FileArrival(ground, service) as arrival:
        arrival.store(file, known)
        return arrival.start(EARLY, ImportOrder(is_csv=False), job_id)


def upload_of_the_dead(ground: Ground, service: Service, job_id: UUID, known: JobDescription = EARLY) -> int:
    """All of the file was stored when the API was killed; returns the import's id."""
    FileArrival(ground, service).store([FILE], known, job_id)
    with ground.database.begin() as session:
        return int(session.scalars(text("SELECT max(import_id) FROM uploads")).one())


def let_time_pass(ground: Ground, passed: timedelta) -> None:
    """Time passes since uploads were heard of, and since bytes were removed."""
    with ground.database.begin() as session:
        session.execute(text("UPDATE uploads SET seen_at = seen_at - :passed"), {"passed": passed})
        session.execute(text("UPDATE removals SET removed_at = removed_at - :passed"), {"passed": passed})


def let_hours_pass(ground: Ground) -> None:
    """Whatever sweeps give up, remove and look for again is over."""
    for _ in range(2):
        let_time_pass(ground, UPLOAD_SILENCE)
        sweep(ground)


def let_imports_age(ground: Ground, passed: timedelta) -> None:
    """Time passes since the uploads began that come in now."""
    aged = "UPDATE imports SET created_at = created_at - :passed WHERE status = 'configuring'"
    with ground.database.begin() as session:
        session.execute(text(aged), {"passed": passed})


def an_own_file(job: Job) -> bytes:
    """One that no other job has."""
    return b'[{"accountId":"%s"}]' % str(job.id).encode()


def is_stored(ground: Ground, file: bytes) -> bool:
    return any(path.read_bytes() == file for path in storage_folder(ground).glob("*/*"))


def noted(ground: Ground) -> int:
    """How many uploads and removals somebody is still to look at."""
    with ground.database.begin() as session:
        return sum(
            session.scalars(select(func.count()).select_from(table)).one() for table in (Upload, Removal)
        )


def is_heard_of(ground: Ground) -> bool:
    """Whether no upload has been silent for a minute."""
    with ground.database.begin() as session:
        return not uploads.silent(session, silence=timedelta(minutes=1), limit=1)


HANG = """
CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1);
    RETURN NULL;
END $body$;
CREATE CONSTRAINT TRIGGER hang AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
   FOR EACH ROW EXECUTE FUNCTION hang()
"""

# Of this database: such a lock itself tells of none.
WAITING = """
SELECT count(*) FROM pg_locks
 WHERE NOT granted AND locktype = 'transactionid'
   AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())
"""


HANGING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"


@contextmanager
def commits_hang(ground: Ground, table: str) -> Iterator[Session]:
    """While the body runs, a transaction that adds to the table hangs in its COMMIT; then it takes effect."""
    with ground.database.begin() as session:
        session.execute(text(HANG.format(table=table)))
    try:
        with ground.database.begin() as session:
            session.execute(text("SELECT pg_advisory_xact_lock(1)"))
            yield session
    finally:
        with ground.database.begin() as session:  # waits for who hung
            session.execute(text("DROP FUNCTION hang CASCADE"))


def lost_at(ground: Ground, service: Service, job: Job, known: JobDescription, statement: str) -> None:
    """An upload that does not hear how the transaction ended which this statement is in."""
    with at_statement(statement, lose_the_answer_to_the_next_commit), pytest.raises(DatabaseUnavailable):
        upload(ground, service, job.id, known)


def is_announced(job: Job) -> bool:
    with suppress(JobNotFound):
        return job.status == "Initialized"
    return False


@both
def test_a_job_that_may_have_been_accepted_stays(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    """It was deleted where only the answer to the COMMIT was lost: a worker had it already, and a second
    upload under its id applied the file again."""
    lost_at(ground, service, job, known, "INSERT INTO blocks")

    with pytest.raises(JobIdTaken):
        upload(ground, service, job.id, known)
    sweep(ground)
    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["A1"]


@both
def test_a_job_whose_commit_is_still_under_way_is_waited_for(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    with ThreadPoolExecutor() as threads:
        with commits_hang(ground, "blocks") as session:
            lost = threads.submit(lost_at, ground, service, job, known, "INSERT INTO blocks")
            wait_until(lambda: lost.done() or session.scalars(text(WAITING)).one() > 0)
        lost.result()

    sweep(ground)
    assert job.work_off().view.status == "Completed"


def test_an_announcement_without_an_answer_leaves_the_id_free(ground: Ground, service: Service, job: Job):
    """It took the id for a day."""
    with at_statement("DELETE FROM uploads", lambda: wait_until(lambda: is_announced(job))):
        lost_at(ground, service, job, EARLY, "INSERT INTO batch_jobs")

    assert upload(ground, service, job.id).view.status == "Accepted"


def test_an_announcement_that_takes_effect_late_leaves_the_id_free_soon(
    ground: Ground, service: Service, job: Job
):
    with commits_hang(ground, "batch_jobs"):
        lost_at(ground, service, job, EARLY, "INSERT INTO batch_jobs")
        with pytest.raises(JobNotFound):
            job.shown()
    assert job.status == "Initialized"

    let_time_pass(ground, MOMENT)

    assert upload(ground, service, job.id).view.status == "Accepted"


def test_the_id_of_an_upload_whose_api_died_is_free_soon(ground: Ground, service: Service, job: Job):
    """It was taken for a day, and then there was no job."""
    dead = upload_of_the_dead(ground, service, job.id)
    with pytest.raises(JobComesIn) as soon:
        upload(ground, service, job.id)
    assert 1 <= soon.value.retry_seconds <= ground.settings.lease_seconds

    let_time_pass(ground, MOMENT)
    upload(ground, service, job.id, file=[OTHER])
    sweep(ground)

    assert block_files(ground, dead) == []
    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["B1"]


def test_the_id_of_an_upload_that_was_canceled_is_not_free(ground: Ground, service: Service, job: Job):
    upload_of_the_dead(ground, service, job.id)
    job.cancel()
    let_time_pass(ground, MOMENT)

    with pytest.raises(JobIdTaken):
        upload(ground, service, job.id)


@both
def test_what_an_api_that_died_had_stored_is_removed(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    """Without an item type nothing knew of it: it stayed for ever, and for a day where it had one."""
    dead = upload_of_the_dead(ground, service, job.id, known)
    sweep(ground)
    assert len(block_files(ground, dead)) == 1

    let_time_pass(ground, UPLOAD_SILENCE)
    sweep(ground)

    assert block_files(ground, dead) == []
    let_hours_pass(ground)
    assert noted(ground) == 0
    with pytest.raises(JobNotFound):
        job.shown()


def test_a_canceled_upload_whose_api_died_stays_canceled(ground: Ground, service: Service, job: Job):
    dead = upload_of_the_dead(ground, service, job.id)
    job.cancel()

    let_time_pass(ground, UPLOAD_SILENCE)
    sweep(ground)

    assert (job.status, block_files(ground, dead)) == ("Canceled", [])
    let_hours_pass(ground)
    assert (job.status, noted(ground)) == ("Canceled", 0)


class FullOfFaults(FolderStorage):
    """A folder that gives nothing away."""

    def remove_group(self, group: str, look: Look = lambda: None) -> None:
        raise StorageFault("The volume is gone.")


@both
def test_the_file_of_a_rejected_job_goes_where_block_storage_was_away(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    away = replace(ground, storage=FullOfFaults(storage_folder(ground), volume_id(ground)))
    file = an_own_file(job)
    with FileArrival(away, service) as arrival:
        arrival.store([file], known, job.id)
        arrival.reject(EARLY, "for a reason", job.id)
    assert is_stored(ground, file)

    sweep(ground)

    assert (job.status, is_stored(ground, file)) == ("Rejected", False)


def left_by_the_release_before(ground: Ground, service: Service, *jobs: Job) -> list[int]:
    """Uploads that its API did not note; their imports."""
    left = [upload_of_the_dead(ground, service, job.id) for job in jobs]
    with ground.database.begin() as session:
        session.execute(text("DELETE FROM uploads"))
    return left


def test_what_an_api_of_the_release_before_left_behind_goes_after_a_day(
    ground: Ground, service: Service, job: Job
):
    [left] = left_by_the_release_before(ground, service, job)
    sweep(ground)
    assert job.status == "Initialized"

    let_imports_age(ground, DAY)
    sweep(ground)

    assert block_files(ground, left) == []
    with pytest.raises(JobNotFound):
        job.shown()


def test_what_it_left_behind_goes_though_some_of_it_is_held(ground: Ground, service: Service, job: Job):
    other = Job(ground, service, uuid4())
    left = left_by_the_release_before(ground, service, job, other)
    let_imports_age(ground, DAY)

    with held(ground, LOCK_JOBS, job.id):
        sweep(ground)

    assert [len(block_files(ground, import_id)) for import_id in left] == [1, 0]
    sweep(ground)
    assert block_files(ground, left[0]) == []


@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "canceled and kept no longer"])
def test_what_is_stored_behind_a_removal_is_removed_later(
    ground: Ground, service: Service, job: Job, is_deleted: bool
):
    """By a worker that had not heard of it yet, and lost the database before it could. It stayed for ever."""
    upload(ground, service, job.id)
    import_id = job.import_id
    job.cancel()
    with ground.database.begin() as session:
        if is_deleted:
            imports.discard(session, import_id)
        else:
            end_keeping(session, import_id)
    sweep(ground)
    ground.storage.write(import_id, [b"late"])
    sweep(ground)
    assert len(block_files(ground, import_id)) == 1

    let_time_pass(ground, UPLOAD_SILENCE)
    sweep(ground)

    assert (block_files(ground, import_id), noted(ground)) == ([], 0)


@both
def test_an_upload_may_take_days(ground: Ground, service: Service, job: Job, known: JobDescription):
    """It was given up after one, while it came in."""

    def slowly() -> Iterator[bytes]:
        yield FILE[:5]
        let_imports_age(ground, 2 * DAY)
        let_time_pass(ground, 2 * DAY)
        wait_until(lambda: is_heard_of(ground))
        for unfinished in storage_folder(ground).glob("*/*.part"):
            os.utime(unfinished, (0, 0))
        sweep(ground)
        yield FILE[5:]

    assert timedelta(hours=UPLOAD_HOURS) < 2 * DAY
    upload(tuned(ground, lease_seconds=0.3), service, job.id, known, slowly())

    assert job.work_off().view.status == "Completed"


def test_an_upload_that_comes_in_keeps_its_id(ground: Ground, service: Service, job: Job):
    def meanwhile() -> Iterator[bytes]:
        yield FILE[:5]
        with pytest.raises(JobComesIn):
            upload(ground, service, job.id, file=[OTHER])
        yield FILE[5:]

    upload(ground, service, job.id, file=meanwhile())

    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["A1"]


@both
def test_of_uploads_that_name_one_id_late_the_first_one_has_it(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    """Both were accepted, under ids that nobody had chosen, where the item type was told before the file."""

    def meanwhile() -> Iterator[bytes]:
        yield OTHER[:5]
        assert upload_naming_it_late(ground, service, job.id, known).job.told_id == job.id
        yield OTHER[5:]

    with pytest.raises(JobIdTaken):
        upload_naming_it_late(ground, service, job.id, known, meanwhile())
    sweep(ground)

    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["A1"]


@both
def test_an_id_that_is_named_late_may_be_that_of_an_upload_that_broke_off(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    dead = upload_of_the_dead(ground, service, job.id)
    with pytest.raises(JobComesIn):
        upload_naming_it_late(ground, service, job.id, known)

    let_time_pass(ground, MOMENT)
    upload_naming_it_late(ground, service, job.id, known, [OTHER])
    sweep(ground)

    assert block_files(ground, dead) == []
    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["B1"]


@both
def test_a_job_whose_id_is_named_late_may_have_been_accepted(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    with (
        at_statement("INSERT INTO blocks", lose_the_answer_to_the_next_commit),
        pytest.raises(DatabaseUnavailable),
    ):
        upload_naming_it_late(ground, service, job.id, known)

    with pytest.raises(JobIdTaken):
        upload_naming_it_late(ground, service, job.id, known)
    let_hours_pass(ground)
    assert noted(ground) == 0
    assert job.work_off().view.status == "Completed"


@both
def test_an_upload_whose_id_is_named_late_is_heard_of_until_then(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    def slowly() -> Iterator[bytes]:
        yield FILE[:5]
        let_time_pass(ground, DAY)
        wait_until(lambda: is_heard_of(ground))
        sweep(ground)
        yield FILE[5:]

    upload_naming_it_late(tuned(ground, lease_seconds=0.3), service, job.id, known, slowly())

    assert job.work_off().view.status == "Completed"


def test_an_upload_that_another_one_took_the_place_of_gives_up(ground: Ground, service: Service, job: Job):
    file = an_own_file(job)

    def frozen() -> Iterator[bytes]:
        yield file[:5]
        let_time_pass(ground, UPLOAD_SILENCE)
        upload(ground, service, job.id, file=[OTHER])
        yield file[5:]

    with pytest.raises(UploadGivenUp):
        upload(tuned(ground, lease_seconds=3600), service, job.id, file=frozen())
    sweep(ground)

    assert not is_stored(ground, file)
    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["B1"]


@both
def test_an_upload_that_was_given_up_is_none_when_it_goes_on(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    """Its bytes were removed."""
    arrival = FileArrival(ground, service)
    arrival.store([FILE], known, job.id)
    let_time_pass(ground, UPLOAD_SILENCE)
    sweep(ground)

    with pytest.raises(UploadGivenUp), arrival:
        arrival.start(EARLY, ImportOrder(is_csv=False), job.id)

    assert upload(ground, service, job.id).view.status == "Accepted"
    let_hours_pass(ground)
    assert noted(ground) == 0
    assert job.work_off().view.status == "Completed"


@pytest.mark.parametrize("gone", ["imports", "uploads"])
def test_an_upload_that_was_given_up_does_not_come_to_its_end(
    ground: Ground, service: Service, job: Job, gone: str
):
    def going_on() -> Iterator[bytes]:
        yield FILE[:5]
        with ground.database.begin() as session:
            session.execute(text(f"DELETE FROM {gone}"))
        for _ in range(1000):
            Event().wait(0.02)
            yield b" "
        raise AssertionError("It went on.")

    with pytest.raises(UploadGivenUp):
        upload(tuned(ground, lease_seconds=0.3), service, job.id, file=going_on())


class SlowToFinish(FolderStorage):
    """A folder that has all bytes long before they are durable; `meanwhile` happens in between."""

    def __init__(self, ground: Ground, meanwhile: Callable[[], None]) -> None:
        super().__init__(storage_folder(ground), volume_id(ground))
        self._meanwhile = meanwhile

    @contextmanager
    def create(self, group: str) -> Iterator[FolderWriter]:
        with super().create(group) as writer:
            yield writer
            self._meanwhile()


def slow_to_finish(ground: Ground, meanwhile: Callable[[], None]) -> Ground:
    """The ground with such a folder, and short leases."""
    return replace(tuned(ground, lease_seconds=0.3), storage=SlowToFinish(ground, meanwhile))


@both
def test_an_upload_that_becomes_durable_slowly_is_still_heard_of(
    ground: Ground, service: Service, job: Job, known: JobDescription
):
    """Its client's next try took its place just before it was accepted, and so did the next one."""

    def meanwhile() -> None:
        let_time_pass(ground, DAY)
        wait_until(lambda: is_heard_of(ground))

    slow = slow_to_finish(ground, meanwhile)

    assert upload(slow, service, job.id, known).view.status == "Accepted"


def test_the_id_of_an_upload_that_hangs_in_block_storage_becomes_free(
    ground: Ground, service: Service, job: Job
):
    """It was taken for as long as its process lived."""
    clock = count(0, STUCK_SECONDS)  # each look finds that nothing has moved for so long
    hasty = tuned(ground, lease_seconds=0.3)

    def is_free() -> bool:
        with suppress(JobComesIn):
            return upload(hasty, service, job.id, file=[OTHER]).view.status == "Accepted"
        return False

    hanging = slow_to_finish(ground, lambda: wait_until(is_free))

    with pytest.raises(UploadGivenUp):
        upload(hanging, service, job.id, clock=lambda: next(clock))
    assert job.work_off().view.status == "Completed"
    assert list(documents(ground, service, "/Account")) == ["B1"]


def test_an_upload_that_hung_in_block_storage_goes_on_where_its_id_was_not_taken(
    ground: Ground, service: Service, job: Job
):
    clock = count(0, STUCK_SECONDS)
    hanging = slow_to_finish(ground, lambda: let_time_pass(ground, DAY))

    assert upload(hanging, service, job.id, clock=lambda: next(clock)).view.status == "Accepted"


def test_an_upload_without_room_keeps_its_id_until_it_is_rejected(ground: Ground, service: Service, job: Job):
    """Another one took its place while the rest came in, and its client was told to send it again."""
    small = tuned(ground, lease_seconds=0.3, stored_bytes=len(FILE))

    def too_much() -> Iterator[bytes]:
        yield FILE
        yield FILE
        let_time_pass(ground, DAY)
        wait_until(lambda: is_heard_of(ground))
        yield FILE

    coming = too_much()
    with FileArrival(small, service) as arrival:
        arrival.store(coming, EARLY, job.id)
        for _ in coming:  # the form is read to its end
            pass
        with pytest.raises(TooManyStoredBytes) as reached:
            arrival.start(EARLY, ImportOrder(is_csv=False), job.id)
        arrival.reject(EARLY, str(reached.value), job.id)

    assert job.status == "Rejected"


def test_a_file_without_room_takes_none_from_the_next(ground: Ground, service: Service):
    """For as long as a sign of life of it told of the bytes that had come."""
    small = tuned(ground, stored_bytes=2 * len(FILE))
    with ground.database.begin() as session:
        first = imports.next_id(session)
        uploads.begin(session, first, service.id)
        uploads.keep_alive(session, first, size_bytes=3 * len(FILE))

    SignsOfLife(small, service, first, has_job=False, clock=monotonic).pass_over([])

    assert upload(small, service, uuid4()).view.status == "Accepted"
    with ground.database.begin() as session:
        uploads.end(session, first)


def is_rejected(arrival: FileArrival, job: Job) -> None:
    arrival.reject(EARLY, "for a reason", job.id)


def breaks_off(arrival: FileArrival, _: Job) -> None:
    arrival.__exit__(None, None, None)


@pytest.mark.parametrize("ends", [is_rejected, breaks_off])
def test_the_id_of_an_upload_that_is_just_ending_is_told_by_the_next_look(
    ground: Ground, service: Service, job: Job, ends: Callable[[FileArrival, Job], None]
):
    """Two jobs had it, and neither could be looked at; or it was said to be taken, and there was no job."""
    arrival = FileArrival(ground, service)
    arrival.store([FILE], EARLY, job.id)
    let_time_pass(ground, MOMENT)

    with ThreadPoolExecutor() as threads:
        with commits_hang(ground, "storage_garbage") as session:
            ending = threads.submit(ends, arrival, job)
            wait_until(lambda: session.scalars(text(HANGING)).one() > 0)
            another = threads.submit(upload, ground, service, job.id)
            wait_until(lambda: another.done() or session.scalars(text(WAITING)).one() > 0)
        ending.result()
        with pytest.raises(JobComesIn):
            another.result()

    if ends is is_rejected:
        assert job.status == "Rejected"
        with pytest.raises(JobIdTaken):
            upload(ground, service, job.id)
    else:
        assert upload(ground, service, job.id).view.status == "Accepted"


def test_a_job_that_is_given_up_while_somebody_looks_is_gone(ground: Ground, service: Service, job: Job):
    """It was shown as rejected, though another upload could still have its id."""
    dead = upload_of_the_dead(ground, service, job.id)

    def give_up() -> None:
        with ground.database.begin() as session:
            imports.discard(session, dead)

    with at_statement("FROM imports", give_up), pytest.raises(JobNotFound):
        job.shown()


def test_a_job_that_is_given_up_while_somebody_looks_is_not_mistaken_for_another_one_s(
    ground: Ground, service: Service, job: Job
):
    """Who takes its id next may be of another data service."""
    dead = upload_of_the_dead(ground, service, job.id)
    other, _ = add_service(ground, f"other-{service.name}")

    def give_up() -> None:
        with ground.database.begin() as session:
            imports.discard(session, dead)
        reject_job(ground, other, "import", JobDescription(), "It is another one's.", job.id)

    with at_statement("FROM imports", give_up), pytest.raises(JobNotFound):
        job.shown()


def give_up_long_ago(ground: Ground, import_id: int) -> None:
    """Sweeps gave the upload up, removed what there was of it, and looked for it a second time."""
    with ground.database.begin() as session:
        uploads.end(session, import_id)
        imports.give_up(session, import_id)
        session.execute(text("DELETE FROM storage_garbage"))


@pytest.mark.parametrize("is_canceled", [False, True], ids=["not canceled", "canceled"])
def test_what_is_stored_after_hours_of_which_nobody_heard_is_removed(
    ground: Ground, service: Service, job: Job, is_canceled: bool
):
    """It stayed for ever where the job had been canceled: by its row, the bytes were removed already."""
    file = an_own_file(job)

    def frozen() -> Iterator[bytes]:
        yield file[:5]
        if is_canceled:
            job.cancel()
        give_up_long_ago(ground, job.import_id)
        yield file[5:]

    with pytest.raises(UploadGivenUp):
        upload(tuned(ground, lease_seconds=3600), service, job.id, file=frozen())
    sweep(ground)

    assert not is_stored(ground, file)


def test_what_is_stored_after_hours_is_removed_though_the_database_is_away(
    ground: Ground, service: Service, job: Job
):
    """It was left to the sweep, which had given it up long before."""
    file = an_own_file(job)
    hasty = Ground.open(replace(ground.settings, lease_seconds=0.1))
    silent = replace(hasty, settings=replace(ground.settings, lease_seconds=3600))

    def frozen(session: Session) -> Iterator[bytes]:
        yield file[:5]
        give_up_long_ago(ground, job.import_id)
        session.execute(text("LOCK TABLE uploads IN ACCESS EXCLUSIVE MODE"))
        yield file[5:]

    with ground.database.begin() as session, pytest.raises(ConflictOfTransactions):
        upload(silent, service, job.id, file=frozen(session))
    hasty.close()

    assert not is_stored(ground, file)


def test_a_file_that_may_have_been_accepted_stays_while_the_database_is_away(
    ground: Ground, service: Service, job: Job
):
    def be_away() -> None:
        raise DatabaseUnavailable("It is away.")

    with at_statement("DELETE FROM uploads", be_away, number=2):
        lost_at(ground, service, job, EARLY, "INSERT INTO blocks")

    assert job.work_off().view.status == "Completed"


def test_a_file_that_comes_long_after_its_job_was_canceled_is_removed(
    ground: Ground, service: Service, job: Job
):
    file = an_own_file(job)

    def long_after() -> Iterator[bytes]:
        yield file[:5]
        job.cancel()
        with ground.database.begin() as session:
            end_keeping(session, job.import_id)
            session.execute(text("DELETE FROM storage_garbage"))  # what there was of it is removed
        yield file[5:]

    assert upload(ground, service, job.id, file=long_after()).view.status == "Canceled"
    sweep(ground)

    assert not is_stored(ground, file)


def test_an_upload_that_is_heard_of_again_is_not_given_up(ground: Ground, service: Service, job: Job):
    dead = upload_of_the_dead(ground, service, job.id)
    let_time_pass(ground, UPLOAD_SILENCE)

    with ground.database.begin() as session:
        assert dead in uploads.silent(session, silence=UPLOAD_SILENCE, limit=1000)
        assert uploads.keep_alive(session, dead, size_bytes=1)
        assert not uploads.end_silent(session, dead, silence=UPLOAD_SILENCE)
        assert uploads.keep_alive(session, dead, size_bytes=1)


def test_why_an_upload_broke_off_is_told_where_its_rows_are_held(ground: Ground, service: Service, job: Job):
    """It waited for them, and told of that instead."""
    hasty = Ground.open(replace(ground.settings, lease_seconds=0.1))
    silent = replace(hasty, settings=ground.settings)

    def cut_off(session: Session) -> Iterator[bytes]:
        yield FILE[:5]
        session.execute(text("SELECT FROM imports WHERE status = 'configuring' FOR UPDATE"))
        let_time_pass(ground, UPLOAD_SILENCE)
        sweep(ground)  # goes past it
        raise LookupError("cut off")

    with ground.database.begin() as session, pytest.raises(LookupError):
        upload(silent, service, job.id, file=cut_off(session))
    hasty.close()

    sweep(ground)
    with pytest.raises(JobNotFound):
        job.shown()


@pytest.mark.parametrize("status", Status)
def test_of_what_is_given_up_only_a_file_that_did_not_come_is_deleted(
    ground: Ground, service: Service, job: Job, status: Status
):
    upload(ground, service, job.id)
    ended = (
        "UPDATE imports SET status = :status, ended_at = CASE WHEN :is_final THEN now() END WHERE id = :id"
    )
    given = {"status": status, "is_final": status in FINAL, "id": job.import_id}

    with ground.database.begin() as session:
        session.execute(text(ended), given)
        imports.give_up(session, given["id"])
    sweep(ground)

    with ground.database.begin() as session:
        row = session.get(Import, given["id"])
    assert (row is None) == (status is Status.CONFIGURING)
    assert (block_files(ground, given["id"]) == []) == (status in {Status.CONFIGURING, Status.CANCELED})
