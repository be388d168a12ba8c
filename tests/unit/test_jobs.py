"""What a client is told of its job: status, reason, counts, times."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.jobs import (
    ACCEPTED,
    CANCELED,
    CANCELING,
    COMPLETED,
    FAILED,
    FINAL,
    IMPORT_STATUS,
    INITIALIZED,
    PROCESSING,
    REJECTED,
    view_of_export,
    view_of_import,
    view_of_refusal,
)
from shared.lifecycle import FINAL as FINAL_STATUSES
from shared.lifecycle import Status

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class AnImport:
    status: str = Status.RUNNING
    ran_at: datetime | None = None
    ended_at: datetime | None = None
    last_error: str | None = None
    created_documents: int = 0
    updated_documents: int = 0
    deleted_documents: int = 0
    skipped_documents: int = 0
    rejected_documents: int = 0
    rendered_items: int = 0
    percent_complete: int = 0


@dataclass
class AnExport:
    status: str = "processing"
    ran_at: datetime | None = None
    ended_at: datetime | None = None
    last_error: str | None = None
    records: int = 0
    total_records: int | None = None
    expires_at: datetime | None = None


def test_a_job_that_waits_for_the_end_of_maintenance_says_so():
    view = view_of_import(AnImport(status=Status.PAUSED, created_documents=2), NOW)

    assert view.reason == "The job waits for the end of maintenance: 2 created so far"


@pytest.mark.parametrize("status", Status)
def test_every_status_of_an_import_is_one_of_a_job(status: Status):
    view = view_of_import(AnImport(status=status, last_error="Why."), NOW)

    assert view.status == IMPORT_STATUS[status]
    assert view.reason
    assert view.is_final == (status in FINAL_STATUSES)


def test_all_eight_statuses_are_there():
    assert set(IMPORT_STATUS.values()) == {
        INITIALIZED, ACCEPTED, PROCESSING, COMPLETED, REJECTED, CANCELING, CANCELED, FAILED,
    }  # fmt: skip


@pytest.mark.parametrize(
    "status", ["accepted", "processing", "completed", "rejected", "canceling", "canceled", "failed"]
)
def test_every_status_of_an_export_is_one_of_a_job(status: str):
    view = view_of_export(AnExport(status=status, last_error="Why."), NOW)

    assert view.status == status.capitalize()
    assert view.reason
    assert view.is_final == (view.status in FINAL)


def test_the_reason_tells_what_became_of_the_items():
    row = AnImport(Status.COMPLETE, created_documents=3, deleted_documents=1, rejected_documents=2)

    view = view_of_import(row, NOW)

    assert view.reason == "The file has been processed: 3 created, 1 deleted, 2 rejected"
    assert (view.records_processed, view.records_rejected) == (6, 2)


def test_a_file_without_items_is_told_so():
    assert view_of_import(AnImport(Status.COMPLETE), NOW).reason == "The file has been processed: no items"


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED])
def test_the_reason_tells_what_went_wrong(status: Status):
    assert (
        "no header row" in view_of_import(AnImport(status, last_error="There is no header row."), NOW).reason
    )


@pytest.mark.parametrize(("records", "told"), [(0, "no items"), (1, "1 item"), (2, "2 items")])
def test_the_reason_counts_what_was_exported(records: int, told: str):
    row = AnExport("completed", records=records)

    assert view_of_export(row, NOW).reason == f"The export is complete: {told}"


@pytest.mark.parametrize(
    ("status", "records", "total", "percent"),
    [
        ("accepted", 0, None, 0),
        ("processing", 0, 0, 0),
        ("processing", 1, 3, 33),
        ("processing", 3, 3, 99),
        ("processing", 5, 3, 99),
        ("completed", 0, 0, 100),
        ("completed", 5, None, 100),
        ("canceled", 1, 2, 50),
    ],
)
def test_percent_of_an_export(status: str, records: int, total: int | None, percent: int):
    row = AnExport(status, records=records, total_records=total)

    assert view_of_export(row, NOW).percent_complete == percent


@pytest.mark.parametrize(
    ("ran_ago", "ended_ago", "run_time_ms"),
    [(None, None, 0), (1.5, None, 1500), (3.0, 1.0, 2000), (-1.0, None, 0)],
)
def test_the_run_time(ran_ago: float | None, ended_ago: float | None, run_time_ms: int):
    ran_at, ended_at = (None if ago is None else NOW - timedelta(seconds=ago) for ago in (ran_ago, ended_ago))

    assert view_of_import(AnImport(ran_at=ran_at, ended_at=ended_at), NOW).run_time_ms == run_time_ms
    assert view_of_export(AnExport(ran_at=ran_at, ended_at=ended_at), NOW).run_time_ms == run_time_ms


def test_an_import_that_its_template_ended_tells_what_was_done():
    row = AnImport(Status.REJECTED, last_error="Too slow.", created_documents=3, rendered_items=5)

    assert view_of_import(row, NOW).reason == "The job was stopped: Too slow. Done until then: 3 created"


def test_an_import_whose_file_ended_it_halfway_tells_what_was_done():
    row = AnImport(Status.REJECTED, last_error="The file cannot be read: Why.", created_documents=3)

    assert view_of_import(row, NOW).reason.endswith("Why. Done until then: 3 created")


@pytest.mark.parametrize(
    ("seconds_left", "told"),
    [(1, ""), (0, "; its links ended at 2026-03-01 12:00 UTC, export again to get new ones")],
)
def test_an_export_tells_that_its_links_have_ended(seconds_left: float, told: str):
    row = AnExport("completed", records=3, expires_at=NOW + timedelta(seconds=seconds_left))

    assert view_of_export(row, NOW).reason == f"The export is complete: 3 items{told}"


def test_a_refusal_is_a_rejected_job():
    view = view_of_refusal("The parameter itemType is missing.")

    assert (view.status, view.reason, view.percent_complete) == (
        REJECTED,
        "The parameter itemType is missing.",
        0,
    )
