"""The end of a job, told once: the mail about it is noted in the transaction that ends it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db import jobs, notifications
from shared.db.committing import on_commit
from shared.db.jobs import FoundJob
from shared.db.models import BatchJob, DataService, Export, ExportFile, Import
from shared.jobs import JobView
from shared.links import make_token, path_of
from shared.mail.reports import JobReport, Link, Outcome
from shared.metrics import metrics


def tell_end_of_import(session: Session, import_id: int) -> None:
    """Note the mail about an import that has just ended, where its job asks for one."""
    job = jobs.of_import(session, import_id)
    if job is not None:
        tell_end(session, job)


def tell_end_of_export(session: Session, export_id: int, public_url: str) -> None:
    """Note the mail about an export that has just ended, where its job asks for one, and count it."""
    status = session.scalars(select(Export.status).where(Export.id == export_id)).one()
    on_commit(session, metrics().exports.labels(status).inc)
    job = jobs.of_export(session, export_id)
    if job is not None:
        tell_end(session, job, public_url)


def tell_end(session: Session, job: BatchJob, public_url: str = "") -> None:
    """Note the mail about a job that has ended. Calling twice is safe: a job has one mail."""
    found = jobs.find_anywhere(session, job.id)
    if job.notification_email and found is not None:
        view = found.view(jobs.now(session))
        report = _report(session, found, view, public_url)
        notifications.add(session, job.id, recipient=job.notification_email, content=report.as_json())


def links_of(found: FoundJob, public_url: str) -> tuple[Link, ...]:
    """Complete links to the files of a job's export; none where it has none."""
    export = found.export_row
    if export is None or export.expires_at is None:
        return ()
    return tuple(_links(found.files, export.link_key, export.expires_at, public_url))


def _links(files: Iterable[ExportFile], key: bytes, expires_at: datetime, public_url: str) -> Iterable[Link]:
    for file in files:
        token = make_token(key, export_id=file.export_id, file_number=file.number, expires_at=expires_at)
        url = public_url.rstrip("/") + path_of(token, file.name)
        yield Link(name=file.name, url=url, size_bytes=file.size_bytes)


def _report(session: Session, found: FoundJob, view: JobView, public_url: str) -> JobReport:
    job, row = found.job, found.import_row
    return JobReport(
        kind="import" if job.kind == "import" else "export",
        outcome=Outcome(view.status.lower()),
        reason=f"{view.reason.removesuffix('.')}.",
        community=session.get_one(DataService, job.service_id).name,
        job_id=str(job.told_id),
        job_name=job.job_name,
        item_type=job.item_type,
        records_processed=view.records_processed,
        **_counts(row),
        run_time_ms=view.run_time_ms,
        links=links_of(found, public_url),
        links_expire_at=found.export_row.expires_at if found.export_row else None,
    )


def _counts(row: Import | None) -> dict[str, Any]:
    outcomes = ("created", "updated", "deleted", "skipped", "rejected")
    return {f"records_{outcome}": row and getattr(row, f"{outcome}_documents") for outcome in outcomes}
