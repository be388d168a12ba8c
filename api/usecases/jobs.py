"""What a client may do with a batch job: look at it, cancel it, read what its import rejected."""

from dataclasses import asdict, dataclass
from math import ceil
from typing import NamedTuple
from uuid import UUID

from api.usecases.imports import MAX_PAGE, PAGE
from api.usecases.services import Service
from shared.db import blocks, exports, imports, jobs, quotas, rejections, uploads
from shared.db.database import Session
from shared.db.endings import links_of, tell_end, tell_end_of_export
from shared.db.jobs import FoundJob
from shared.db.models import BatchJob, Export
from shared.db.transition import move
from shared.errors import LongshoreError, TryLater
from shared.ground import Ground
from shared.jobs import JobView
from shared.lifecycle import FINAL, Event, Status

MAX_REASON_CHARACTERS = 500


class JobNotFound(LongshoreError):
    """The data service has no such job."""

    code = "job_not_found"


class JobIdTaken(LongshoreError):
    """The id that a client chose for a new job is another one's of the same data service."""

    code = "job_id_taken"

    def __init__(self) -> None:
        super().__init__("The jobId is taken: choose a new one for each job, or none.")


class JobComesIn(TryLater):
    """The id that a client chose is that of an upload which may end in a job, or have broken off."""

    code = "job_comes_in"

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(
            "A file is being uploaded under this jobId, or its upload broke off a moment ago: try again in"
            f" {retry_seconds} s.",
            retry_seconds,
        )


class JobRefused(LongshoreError):
    """A job cannot be done as it was asked for; the message is told to its owner."""

    code = "job_refused"

    def __init__(self, reason: str) -> None:
        # Reasons repeat what was found, which may be long, and are kept and mailed.
        is_long = len(reason) > MAX_REASON_CHARACTERS
        super().__init__(reason[: MAX_REASON_CHARACTERS - 1] + "…" if is_long else reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobDescription:
    """What a client says about a job, and is told again whenever it asks."""

    job_name: str | None = None
    item_type: str | None = None
    content_type: str | None = None  # in the caller's spelling
    notification_email: str | None = None


@dataclass(frozen=True, slots=True)
class ShownJob:
    """A job as it is now."""

    job: BatchJob
    view: JobView
    links: list[str]  # complete URLs


class RejectedItem(NamedTuple):
    """An item of an uploaded file that could not become a document."""

    line: int  # of the file, from 1; in a JSON list, the number of the item
    documentid: str | None
    code: str
    reason: str


class RejectedPage(NamedTuple):
    """Some of the items that an import rejected."""

    items: list[RejectedItem]
    not_kept: int  # rejected items beyond the first ones that are kept: counted, not listed


def get_job(ground: Ground, service: Service, job_id: str) -> ShownJob:
    """The community's job. Raises JobNotFound."""
    with ground.database.begin() as session:
        return shown(ground, session, existing_job(session, service, job_id))


def cancel_job(ground: Ground, service: Service, job_id: str) -> ShownJob:
    """Stop the job: at once where no worker has it, else when its worker lets go. Raises JobNotFound.

    A job that has ended stays as it is, so a request may be repeated.
    """
    with ground.database.begin() as session:
        found = existing_job(session, service, job_id)
        if found.import_row is not None:
            _cancel_import(session, found.import_row.id)
        if found.export_row is not None:
            _cancel_export(ground, session, found.export_row)
        canceled = shown(ground, session, existing_job(session, service, job_id))
    if canceled.view.is_final:
        ground.dispatcher.nudge_mails()
    return canceled


def reject_job(
    ground: Ground,
    service: Service,
    kind: str,
    description: JobDescription,
    reason: str,
    job_id: UUID | None = None,
) -> ShownJob:
    """A job that is rejected before there is anything to do. Raises JobIdTaken, JobComesIn, TooManyJobs."""
    with ground.database.begin() as session:
        job = add_job(ground, session, service, kind, description, job_id, refusal=reason)
        tell_end(session, job)
        rejected = shown(ground, session, existing_job(session, service, str(job.id)))
    ground.dispatcher.nudge_mails()
    return rejected


def list_rejected_items(ground: Ground, service: Service, job_id: str, page: int) -> RejectedPage:
    """One page, from 1, of what the job's import rejected, in the file's order. Raises JobNotFound."""
    with ground.database.begin() as session:
        found = existing_job(session, service, job_id)
        if found.import_row is None:
            return RejectedPage([], 0)
        import_id, not_kept = found.import_row.id, found.import_row.unkept_rejections
        lines = rejections.page(session, import_id, number=page, size=PAGE) if page <= MAX_PAGE else []
        numbers = {line.block_number for line in lines}
        before = {number: _lines_before(session, import_id, number) for number in numbers}
    items = [
        RejectedItem(before[line.block_number] + line.line_number, line.documentid, line.code, line.reason)
        for line in lines
    ]
    return RejectedPage(items, not_kept)


def existing_job(session: Session, service: Service, job_id: str) -> FoundJob:
    """The community's job, in the caller's transaction. Raises JobNotFound."""
    try:
        found = jobs.find(session, service.id, UUID(job_id))
    except ValueError:
        found = None
    if found is None:
        raise JobNotFound(f"There is no job {job_id!r} in this community.")
    return found


def shown(ground: Ground, session: Session, found: FoundJob) -> ShownJob:
    """The job as its owner sees it now."""
    links = [link.url for link in links_of(found, ground.settings.public_url)]
    return ShownJob(found.job, found.view(jobs.now(session)), links)


def add_job(  # noqa: PLR0913 - what is kept of a job
    ground: Ground,
    session: Session,
    service: Service,
    kind: str,
    description: JobDescription,
    job_id: UUID | None = None,
    *,
    import_id: int | None = None,
    export_id: int | None = None,
    refusal: str | None = None,
) -> BatchJob:
    """A new job, under an id of the caller's choice where there is one.

    Raises JobIdTaken, JobComesIn, TooManyJobs.
    """
    # From here on no other request adds a job to the data service.
    quotas.admit_job(session, service.id, ground.settings.jobs_an_hour)
    if job_id is not None:
        _free(ground, session, service, job_id)
    return jobs.add(
        session,
        service_id=service.id,
        kind=kind,
        import_id=import_id,
        export_id=export_id,
        refusal=refusal,
        job_id=job_id,
        **asdict(description),
    )


def admit_job_id(ground: Ground, session: Session, service: Service, job_id: UUID) -> None:
    """Let the caller's transaction give this id to a job of the data service that has another one.

    Raises JobIdTaken and JobComesIn.
    """
    quotas.hold(session, service.id)
    _free(ground, session, service, job_id)


def describe(session: Session, job: BatchJob, description: JobDescription) -> None:
    """Keep what is known of the job by now."""
    for name, value in asdict(description).items():
        setattr(job, name, value)
    session.flush()


def _free(ground: Ground, session: Session, service: Service, job_id: UUID) -> None:
    """See that no job of the data service has the id. Raises JobIdTaken and JobComesIn."""
    if (found := jobs.find(session, service.id, job_id)) is not None:
        _take_over(ground, session, found)


def _take_over(ground: Ground, session: Session, found: FoundJob) -> None:
    """Discard a job whose upload broke off without a word, so that its id is free again.

    Raises JobIdTaken where the file came, JobComesIn where it may still come.
    """
    if found.import_row is None or found.import_row.status != Status.CONFIGURING:
        raise JobIdTaken
    import_id = found.import_row.id
    # In the order in which an upload ends. Its row stays: should it live after all, it finds no import.
    silence, row = uploads.hold(session, import_id), imports.hold(session, import_id)
    if row is None:
        # Rejected or given up meanwhile: the next look tells.
        raise JobComesIn(1)
    if row.status != Status.CONFIGURING or silence is None:
        raise JobIdTaken
    wait_seconds = ground.settings.lease_seconds - silence.total_seconds()
    if wait_seconds > 0:
        raise JobComesIn(ceil(wait_seconds))
    imports.discard(session, import_id)
    session.expunge(found.job)  # its successor has the same id


def _cancel_import(session: Session, import_id: int) -> None:
    row = imports.hold(session, import_id)
    if row is None:  # rejected or given up meanwhile: the next look tells
        return
    status = Status(row.status)
    if status is Status.RUNNING:
        move(session, row.id, Event.ASK_TO_CANCEL)
    elif status not in FINAL and status is not Status.CANCELING:
        move(session, row.id, Event.CANCEL)


def _cancel_export(ground: Ground, session: Session, row: Export) -> None:
    if row.ended_at is not None:
        return
    exports.ask_to_cancel(session, row.id)
    session.refresh(row)
    if row.ended_at is not None:
        tell_end_of_export(session, row.id, ground.settings.public_url)


def _lines_before(session: Session, import_id: int, number: int) -> int:
    block = blocks.get(session, import_id, number)
    return 0 if block is None else block.lines_before
