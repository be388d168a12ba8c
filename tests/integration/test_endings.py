"""The end of a job: told once, in the transaction that ends it, with links only where there are files."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from api.usecases.jobs import JobDescription, reject_job
from api.usecases.services import Service
from shared.db.endings import tell_end_of_export, tell_end_of_import
from shared.errors import StorageFault
from shared.ground import Ground
from shared.mail.reports import JobReport
from tests.integration.builders import after_batches, block_files, tuned
from tests.integration.job_builders import (
    EMAIL,
    Job,
    a_file_import,
    accounts,
    an_export,
    file_rows,
    let_pause_pass,
    watched,
)
from workers.sweeping import sweep

ONE_ITEM = b'{"accountId":"A9"}\n'


def a_complete_import(ground: Ground, service: Service, email: str | None) -> Job:
    job = a_file_import(ground, service, ONE_ITEM + b'{"name":"no key"}\n', email=email)
    job.work_off()
    return job


def a_rejected_import(ground: Ground, service: Service, email: str | None) -> Job:
    job = a_file_import(ground, service, b"this is no JSON", email=email)
    job.work_off()
    return job


def an_import_canceled_at_once(ground: Ground, service: Service, email: str | None) -> Job:
    job = a_file_import(ground, service, ONE_ITEM, email=email)
    job.cancel()
    return job


def an_import_canceled_at_work(ground: Ground, service: Service, email: str | None) -> Job:
    job = a_file_import(ground, service, ONE_ITEM, email=email)
    job.work(should_stop=after_batches(1, job.cancel))
    return job


def a_failed_import(ground: Ground, service: Service, email: str | None) -> Job:
    job = a_file_import(tuned(ground, attempts=1), service, ONE_ITEM, email=email)
    for path in block_files(ground, job.import_id):
        path.unlink()
    job.work_off()
    return job


def a_complete_export(ground: Ground, service: Service, email: str | None) -> Job:
    job = an_export(tuned(ground, export_file_bytes=10), service, email=email)
    job.work_off()
    return job


def a_rejected_export(ground: Ground, service: Service, email: str | None) -> Job:
    template = "$text.substring($name, $name)"
    job = an_export(ground, service, is_csv=True, template=template, email=email)
    job.work_off()
    return job


def an_export_canceled_at_once(ground: Ground, service: Service, email: str | None) -> Job:
    job = an_export(ground, service, email=email)
    job.cancel()
    return job


def an_export_canceled_at_work(ground: Ground, service: Service, email: str | None) -> Job:
    job = an_export(ground, service, email=email)
    Job(watched(ground, job.cancel), service, job.id).work()
    return job


def a_failed_export(ground: Ground, service: Service, email: str | None) -> Job:
    def full() -> None:
        raise StorageFault("Block storage is full.")

    job = an_export(tuned(ground, attempts=1, patience_seconds=0.0), service, email=email)
    Job(watched(job.ground, full), service, job.id).work()
    return job


End = Callable[[Ground, Service, str | None], Job]
ENDS: list[tuple[End, str]] = [
    (a_complete_import, "Completed"),
    (a_rejected_import, "Rejected"),
    (an_import_canceled_at_once, "Canceled"),
    (an_import_canceled_at_work, "Canceled"),
    (a_failed_import, "Failed"),
    (a_complete_export, "Completed"),
    (a_rejected_export, "Rejected"),
    (an_export_canceled_at_once, "Canceled"),
    (an_export_canceled_at_work, "Canceled"),
    (a_failed_export, "Failed"),
]
each_end = pytest.mark.parametrize(("end", "status"), ENDS, ids=[end.__name__ for end, _ in ENDS])


@each_end
def test_every_end_is_told_once(ground: Ground, service: Service, end: End, status: str):
    accounts(ground, service)

    job = end(ground, service, EMAIL)

    [mail] = job.mails()
    report = JobReport.from_json(mail.content)
    view = job.shown().view
    assert (mail.recipient, view.status) == (EMAIL, status)
    assert (report.outcome, report.reason.rstrip(".")) == (status.lower(), view.reason.rstrip("."))
    assert (report.job_name, report.item_type) == (job.shown().job.job_name, "Account")
    assert (report.community, report.records_processed) == (service.name, view.records_processed)


@each_end
def test_nobody_is_told_who_did_not_ask(ground: Ground, service: Service, end: End, status: str):
    accounts(ground, service)

    job = end(ground, service, None)

    assert (job.status, job.mails()) == (status, [])


@each_end
def test_nothing_changes_behind_the_end(ground: Ground, service: Service, end: End, status: str):
    accounts(ground, service)
    job = end(ground, service, EMAIL)
    shown = job.shown()

    job.cancel()
    job.work()
    sweep(ground)
    job.work()

    assert job.shown().view == shown.view
    assert len(job.mails()) == 1


@each_end
def test_only_files_have_links(ground: Ground, service: Service, end: End, status: str):
    accounts(ground, service)

    job = end(ground, service, EMAIL)

    links = job.shown().links
    [mail] = job.mails()
    report = JobReport.from_json(mail.content)
    assert [link.url for link in report.links] == links
    assert len(links) == (2 if end is a_complete_export else 0)


def test_the_mail_of_an_import_counts_each_outcome(ground: Ground, service: Service):
    accounts(ground, service)

    [mail] = a_complete_import(ground, service, EMAIL).mails()

    report = JobReport.from_json(mail.content)
    assert (report.records_created, report.records_updated, report.records_deleted) == (1, 0, 0)
    assert (report.records_skipped, report.records_rejected) == (0, 1)


def test_links_are_complete_and_end_when_it_was_said(ground: Ground, service: Service):
    accounts(ground, service)
    job = an_export(tuned(ground, link_days=2.0, public_url="https://longshore.example/base/"), service)
    job.work_off()

    [mail] = job.mails()

    report, row = JobReport.from_json(mail.content), job.export_row()
    assert row.ended_at is not None
    assert report.links_expire_at == row.expires_at == row.ended_at + timedelta(days=2)
    assert report.links[0].url.startswith("https://longshore.example/base/ls/api/batch/download/")
    assert report.links[0].size_bytes == file_rows(job)[0].size_bytes


def test_a_refused_job_is_told(ground: Ground, service: Service):
    described = JobDescription(job_name="in", item_type="Nothing", notification_email=EMAIL)
    reason = "'a' is ambiguous: write data->>'...', or [1..2]."

    shown = reject_job(ground, service, "import", described, reason)

    [mail] = Job(ground, service, shown.job.id).mails()
    assert JobReport.from_json(mail.content).reason == reason


def test_telling_twice_is_telling_once(ground: Ground, service: Service):
    accounts(ground, service)
    job = an_export(ground, service)
    job.cancel()
    [first] = job.mails()

    with ground.database.begin() as session:
        tell_end_of_export(session, job.export_id, "http://elsewhere")
        tell_end_of_import(session, -1)

    assert [mail.created_at for mail in job.mails()] == [first.created_at]


def test_an_attempt_that_will_be_repeated_is_no_end(ground: Ground, service: Service):
    accounts(ground, service)

    def away() -> None:
        raise StorageFault("Block storage is away.")

    job = an_export(ground, service)
    Job(watched(ground, away), service, job.id).work()

    assert job.mails() == []
    let_pause_pass(job)
    job.work()
    assert len(job.mails()) == 1
