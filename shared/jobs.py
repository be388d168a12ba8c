"""What a batch job of the Liquid Decisions API is to its client: a view on its import or export."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.lifecycle import Status

INITIALIZED, ACCEPTED, PROCESSING, COMPLETED = "Initialized", "Accepted", "Processing", "Completed"
REJECTED, CANCELING, CANCELED, FAILED = "Rejected", "Canceling", "Canceled", "Failed"
FINAL = frozenset({COMPLETED, REJECTED, CANCELED, FAILED})

IMPORT_STATUS = {
    Status.CONFIGURING: INITIALIZED,
    Status.STARTED: ACCEPTED,
    Status.RUNNING: PROCESSING,
    Status.PAUSED: PROCESSING,
    Status.RESUMED: PROCESSING,
    Status.CANCELING: CANCELING,
    Status.CANCELED: CANCELED,
    Status.COMPLETE: COMPLETED,
    Status.FAILED: FAILED,
    Status.REJECTED: REJECTED,
}


class ImportRow(Protocol):
    """What is read of an import."""

    status: str
    ran_at: datetime | None
    ended_at: datetime | None
    last_error: str | None
    created_documents: int
    updated_documents: int
    deleted_documents: int
    skipped_documents: int
    rejected_documents: int
    rendered_items: int

    @property
    def percent_complete(self) -> int: ...


class ExportRow(Protocol):
    """What is read of an export."""

    status: str
    ran_at: datetime | None
    ended_at: datetime | None
    last_error: str | None
    records: int
    total_records: int | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobView:
    """Where a job is and what it did."""

    status: str
    reason: str  # one sentence, with counts
    records_processed: int
    records_rejected: int
    run_time_ms: int
    percent_complete: int

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def view_of_refusal(reason: str) -> JobView:
    """A job that was rejected before there was anything to do."""
    return JobView(REJECTED, reason, 0, 0, 0, 0)


def view_of_import(row: ImportRow, now: datetime) -> JobView:
    """An import as a job."""
    status = IMPORT_STATUS[Status(row.status)]
    counts = [
        (row.created_documents, "created"),
        (row.updated_documents, "updated"),
        (row.deleted_documents, "deleted"),
        (row.skipped_documents, "skipped"),
        (row.rejected_documents, "rejected"),
    ]
    processed = sum(count for count, _ in counts)
    told = ", ".join(f"{count} {outcome}" for count, outcome in counts if count) or "no items"
    reasons = {
        INITIALIZED: "The file is being received",
        ACCEPTED: "The file has been stored and the job is ready for processing",
        PROCESSING: f"{_what_goes_on(row)}: {told} so far",
        COMPLETED: f"The file has been processed: {told}",
        REJECTED: _why_rejected(row, processed, told),
        CANCELING: f"The job will be canceled: {told} so far",
        CANCELED: f"The job has been canceled: {told}",
        FAILED: f"The job failed several times: {row.last_error} Done until then: {told}",
    }
    run_time_ms = _run_time_ms(row.ran_at, row.ended_at, now)
    return JobView(
        status, reasons[status], processed, row.rejected_documents, run_time_ms, row.percent_complete
    )


def _what_goes_on(row: ImportRow) -> str:
    # Jobs have no pause of their own.
    is_maintenance = row.status == Status.PAUSED
    return "The job waits for the end of maintenance" if is_maintenance else "The file is being processed"


def _why_rejected(row: ImportRow, processed: int, told: str) -> str:
    if not processed and not row.rendered_items:
        return str(row.last_error)
    return f"The job was stopped: {row.last_error} Done until then: {told}"


def view_of_export(row: ExportRow, now: datetime) -> JobView:
    """An export as a job."""
    status = row.status.capitalize()
    told = f"{row.records} item{'s' * (row.records != 1)}" if row.records else "no items"
    reasons = {
        ACCEPTED: "The job is ready for processing",
        PROCESSING: f"The items are being exported: {told} so far",
        COMPLETED: f"The export is complete: {told}{_end_of_links(row.expires_at, now)}",
        REJECTED: f"The export cannot be done: {row.last_error}",
        CANCELING: f"The job will be canceled: {told} so far",
        CANCELED: f"The job has been canceled: {told} until then",
        FAILED: f"The job failed several times: {row.last_error}",
    }
    percent = 100 if status == COMPLETED else _percent(row.records, row.total_records)
    return JobView(
        status, reasons[status], row.records, 0, _run_time_ms(row.ran_at, row.ended_at, now), percent
    )


def _end_of_links(expires_at: datetime | None, now: datetime) -> str:
    if expires_at is None or now < expires_at:
        return ""
    return f"; its links ended at {expires_at:%Y-%m-%d %H:%M} UTC, export again to get new ones"


def _percent(done: int, total: int | None) -> int:
    return min(99, 100 * done // total) if total else 0


def _run_time_ms(ran_at: datetime | None, ended_at: datetime | None, now: datetime) -> int:
    if ran_at is None:
        return 0
    return max(0, int(((ended_at or now) - ran_at).total_seconds() * 1000))
