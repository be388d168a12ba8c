"""A file that comes in for an import: a job from its first byte on, started when the last one is durable.

While the file comes in, the job is there to be seen and canceled, if its item type is known by then. Where an
upload breaks off without a word, its row (`shared.db.uploads`) tells the sweep, and whoever wants its jobId.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Self
from uuid import UUID

from api.usecases.item_types import find_item_type
from api.usecases.jobs import (
    JobDescription,
    JobRefused,
    ShownJob,
    add_job,
    admit_job_id,
    describe,
    existing_job,
    shown,
)
from api.usecases.limiting import limited
from api.usecases.readings import ImportOrder, reading_of
from api.usecases.services import Service
from api.usecases.signs_of_life import NOT_NOW, SignsOfLife, UploadGivenUp
from shared.db import blocks, imports, jobs, quotas, uploads
from shared.db.committing import on_commit
from shared.db.database import Session
from shared.db.endings import tell_end
from shared.db.models import BatchJob, Import
from shared.db.transition import move
from shared.errors import LongshoreError, QuotaReached, StorageFault, TooManyStoredBytes
from shared.formats.reading import FileReading
from shared.ground import Ground
from shared.lifecycle import Event, Status
from shared.metrics import metrics
from shared.storage.receipts import StoredBytes


class UploadTooLarge(LongshoreError):
    """A file is larger than the limit; the message tells which one, and who sets it."""

    code = "upload_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The file is larger than {limit_bytes} bytes, the most that is taken: send it in parts. The"
            " service's setting of it is LONGSHORE_UPLOAD_LIMIT_BYTES."
        )


class FileArrival:
    """One upload. Used as a context, it leaves nothing where its body raises, but a job that was canceled
    before, or that was accepted and only the answer to its COMMIT was lost.

    `store` at most once, then `start` or `reject`.
    """

    def __init__(self, ground: Ground, service: Service, *, clock: Callable[[], float] = monotonic) -> None:
        self._ground = ground
        self._service = service
        self._clock = clock
        self._import_id: int | None = None
        self._stored: StoredBytes | None = None
        self._signs: SignsOfLife | None = None  # with them, something may be stored
        self._is_seen = False  # there is a job already
        self._announced_as: UUID | None = None  # what its caller had chosen by then
        self._has_file = False
        self._reached: QuotaReached | None = None  # so the file was not taken
        self._may_be_accepted = False
        self._is_settled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._import_id is not None and not self._is_settled:
            self._abandon(self._import_id)

    @property
    def has_file(self) -> bool:
        """Whether a file came."""
        return self._has_file

    def store(self, chunks: Iterable[bytes], description: JobDescription, job_id: UUID | None = None) -> None:
        """Write the file as it comes. `description` is what is known by now, `job_id` the caller's choice.

        A quota that does not allow it is told by `start`, when the job can be described.
        Raises JobIdTaken, JobComesIn, TooManyJobs, UploadTooLarge, UploadGivenUp, StorageFault, and whatever
        `chunks` does.
        """
        self._has_file = True
        coming = iter(chunks)
        try:
            self._take(coming, description, job_id)
        except QuotaReached as reached:
            self._reached = reached
            if self._signs is not None:
                # The job is rejected behind the end of the form, however long that takes.
                self._signs.pass_over(coming)

    def start(self, description: JobDescription, order: ImportOrder, job_id: UUID | None = None) -> ShownJob:
        """Accept the job; one that was canceled meanwhile stays so.

        Raises JobRefused, TemplateRefused and QuotaReached: `reject` it then.
        """
        if self._reached is not None:
            raise self._reached
        if self._import_id is None or self._stored is None:
            raise JobRefused("The parameter file is missing.")
        if not self._stored.size_bytes:
            raise JobRefused("The file is empty.")
        import_id = self._import_id
        with self._ground.database.begin() as session:
            item_type = find_item_type(session, self._service, description.item_type, keeps_key=True)
            reading = reading_of(item_type, order)
            if not self._is_seen:
                self._announce(session, import_id, description, job_id)
            job, row = _ended(session, import_id, self._chosen_since(session, job_id))
            row.reading, row.collection_id = reading.as_json(), item_type.collection_id
            describe(session, job, description)
            is_started = move(session, import_id, Event.START)
            if is_started:
                blocks.add_file(session, import_id, self._stored)
                quotas.admit_stored(session, self._service.id, self._ground.settings.stored_bytes)
                on_commit(session, partial(metrics().count_upload, "file", self._stored.size_bytes))
            else:
                _tell_canceled(session, job, import_id)
            accepted = shown(self._ground, session, existing_job(session, self._service, str(job.id)))
            self._may_be_accepted = True  # of the COMMIT that follows, only the answer may be lost
        self._is_settled = True
        if is_started:
            self._ground.dispatcher.nudge_import(import_id)
        else:
            self._ground.dispatcher.nudge_mails()
        return accepted

    def reject(self, description: JobDescription, reason: str, job_id: UUID | None = None) -> ShownJob:
        """Reject the job, and keep nothing of the file; one that was canceled meanwhile stays so."""
        with self._ground.database.begin() as session:
            if self._import_id is not None and self._is_seen:
                chosen_since = self._chosen_since(session, job_id)
                job = _reject_seen(session, self._import_id, description, reason, chosen_since)
            else:
                job = add_job(
                    self._ground, session, self._service, "import", description, job_id, refusal=reason
                )
                tell_end(session, job)
                if self._import_id is not None:
                    imports.abandon(session, self._import_id, has_stored=self._signs is not None)
            told = shown(self._ground, session, existing_job(session, self._service, str(job.id)))
        self._is_settled = True
        self._ground.dispatcher.nudge_mails()
        return told

    def _take(self, chunks: Iterator[bytes], description: JobDescription, job_id: UUID | None) -> None:
        settings = self._ground.settings
        with self._ground.database.begin() as session:
            # Also where the job cannot be made yet: before all of the file has come.
            quotas.admit_job(session, self._service.id, settings.jobs_an_hour)
            room = quotas.room_bytes(session, self._service.id, settings.stored_bytes)
            # Known before the COMMIT, of which only the answer may be lost.
            import_id = self._import_id = imports.next_id(session)
            uploads.begin(session, import_id, self._service.id)
            with suppress(JobRefused):  # not known yet, or never: that is told when the whole form is there
                self._announce(session, import_id, description, job_id)
                self._is_seen = True
        file = limited(chunks, settings.upload_limit_bytes, UploadTooLarge(settings.upload_limit_bytes))
        kept = limited(file, room, TooManyStoredBytes(settings.stored_bytes))
        signs = self._signs = SignsOfLife(
            self._ground, self._service, import_id, has_job=self._is_seen, clock=self._clock
        )
        # Also while storage makes it durable: that of a large file takes long.
        with signs.while_taking(kept) as coming:
            self._stored = self._ground.storage.write(import_id, coming)
        signs.give()  # the rest of the form may take its time

    def _abandon(self, import_id: int) -> None:
        try:
            with self._ground.database.begin() as session:
                imports.abandon(session, import_id, has_stored=self._signs is not None)
        except NOT_NOW:
            # The sweep does it. Where it has long ago, nobody else knows of what was stored since.
            if self._stored is not None and not self._may_be_accepted:
                with suppress(StorageFault):
                    self._ground.storage.remove(self._stored.key)

    def _announce(
        self, session: Session, import_id: int, description: JobDescription, job_id: UUID | None
    ) -> None:
        """Let the job be seen. Raises JobRefused where there is no such item type."""
        item_type = find_item_type(session, self._service, description.item_type)
        reading = FileReading(item_type=item_type.name, key=item_type.key, merges=False)
        quotas.admit_import(session, self._service.id, self._ground.settings.open_imports)
        imports.add_of_file(
            session,
            import_id,
            service_id=self._service.id,
            collection_id=item_type.collection_id,
            reading=reading.as_json(),
        )
        add_job(self._ground, session, self._service, "import", description, job_id, import_id=import_id)
        self._announced_as = job_id

    def _chosen_since(self, session: Session, job_id: UUID | None) -> UUID | None:
        """The caller's choice where it came behind the file of a job that is seen: free, until we commit.

        To be asked for before `_ended`, in the order in which whoever adds a job locks rows.
        Raises JobIdTaken and JobComesIn.
        """
        if job_id is None or job_id == self._announced_as:
            return None
        admit_job_id(self._ground, session, self._service, job_id)
        return job_id


def _reject_seen(
    session: Session, import_id: int, description: JobDescription, reason: str, chosen_since: UUID | None
) -> BatchJob:
    job, row = _ended(session, import_id, chosen_since)
    describe(session, job, description)
    if row.status == Status.CANCELED:
        _tell_canceled(session, job, import_id)
        return job
    job.import_id, job.refusal = None, reason
    imports.discard(session, import_id)
    tell_end(session, job)
    return job


def _tell_canceled(session: Session, job: BatchJob, import_id: int) -> None:
    # Once more: that a mail is asked for may stand behind the file.
    tell_end(session, job)
    imports.end_keeping_upload(session, import_id)


def _ended(session: Session, import_id: int, chosen_since: UUID | None) -> tuple[BatchJob, Import]:
    """The job whose upload has ended, and its import, which nobody else touches until we commit.

    The job gets the id that was chosen since it was announced.
    Raises UploadGivenUp where others have ended it, or taken its job's place.
    """
    is_ours = uploads.end(session, import_id)
    job, row = jobs.of_import(session, import_id), imports.hold(session, import_id)
    if not is_ours or job is None or row is None:
        raise UploadGivenUp
    if chosen_since is not None:
        job.chosen_id = chosen_since
    return job, row
