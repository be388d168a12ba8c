"""Batch jobs: what a client was promised, beside the import or export that keeps the promise."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db import exports
from shared.db.models import BatchJob, Export, ExportFile, Import
from shared.jobs import JobView, view_of_export, view_of_import, view_of_refusal


@dataclass(frozen=True, slots=True)
class FoundJob:
    """A job with all that is kept of it."""

    job: BatchJob
    import_row: Import | None
    export_row: Export | None
    files: Sequence[ExportFile]

    def view(self, now: datetime) -> JobView:
        """Where the job is."""
        if self.import_row is not None:
            return view_of_import(self.import_row, now)
        if self.export_row is not None:
            return view_of_export(self.export_row, now)
        return view_of_refusal(self.job.refusal or "The job was rejected.")


def add(  # noqa: PLR0913 - what a client tells about a job
    session: Session,
    *,
    service_id: int,
    kind: str,
    job_name: str | None,
    item_type: str | None,
    content_type: str | None,
    notification_email: str | None,
    import_id: int | None = None,
    export_id: int | None = None,
    refusal: str | None = None,
    job_id: uuid.UUID | None = None,
) -> BatchJob:
    """A new job, under the id that the client chose for it, or one that cannot be guessed.

    The id is none of the data service's other jobs'. That another one has it must not show.
    """
    told = {
        "service_id": service_id,
        "kind": kind,
        "import_id": import_id,
        "export_id": export_id,
        "refusal": refusal,
        "job_name": job_name,
        "item_type": item_type,
        "content_type": content_type,
        "notification_email": notification_email,
    }
    added = insert(BatchJob).on_conflict_do_nothing(index_elements=[BatchJob.id]).returning(BatchJob)
    row = session.scalars(added.values(id=job_id or uuid.uuid4(), **told)).one_or_none()
    if row is not None:
        return row
    return session.scalars(added.values(id=uuid.uuid4(), chosen_id=job_id, **told)).one()


def find(session: Session, service_id: int, job_id: uuid.UUID) -> FoundJob | None:
    """The data service's job, or None."""
    is_its = or_(BatchJob.id == job_id, BatchJob.chosen_id == job_id)
    wanted = select(BatchJob).where(BatchJob.service_id == service_id, is_its)
    return _with_its_work(session, session.scalars(wanted).one_or_none())


def find_anywhere(session: Session, job_id: uuid.UUID) -> FoundJob | None:
    """The job, whosoever it is: for what no client asked for, such as mails."""
    return _with_its_work(session, session.get(BatchJob, job_id))


def of_import(session: Session, import_id: int) -> BatchJob | None:
    """The job that an import serves, or None."""
    return session.scalars(select(BatchJob).where(BatchJob.import_id == import_id)).one_or_none()


def of_export(session: Session, export_id: int) -> BatchJob | None:
    """The job that an export serves, or None."""
    return session.scalars(select(BatchJob).where(BatchJob.export_id == export_id)).one_or_none()


def now(session: Session) -> datetime:
    """The database's clock."""
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def _with_its_work(session: Session, job: BatchJob | None) -> FoundJob | None:
    if job is None:
        return None
    import_row = None if job.import_id is None else session.get(Import, job.import_id, populate_existing=True)
    if job.import_id is not None and import_row is None:
        # Rejected or given up since we looked, or another upload has its id.
        again = select(BatchJob).where(BatchJob.id == job.id, BatchJob.service_id == job.service_id)
        found = session.scalars(again, execution_options={"populate_existing": True}).one_or_none()
        return _with_its_work(session, found)
    export_row = None if job.export_id is None else session.get(Export, job.export_id, populate_existing=True)
    # Files last: an export that is seen complete has them all, while one that completes between two looks
    # the other way round would be complete and have none.
    files = [] if job.export_id is None else exports.files(session, job.export_id)
    return FoundJob(job, import_row, export_row, files)
