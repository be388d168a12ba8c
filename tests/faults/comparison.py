"""How a round in a storm differs from the same in peace."""

from typing import Any

from tests.faults.orders import Kind, Workload, an_uploaded_block
from tests.faults.outcome import Differences, check
from tests.faults.round import RoundOutcome


def compare(workload: Workload, found: RoundOutcome, calm: RoundOutcome) -> Differences:
    """What the storm changed."""
    differences = Differences()
    for order in workload.orders:
        check(order, found.orders[order.name], calm.orders[order.name], differences)
        if not found.seen[order.name].agreed:
            differences.note(f"{order.name}: it went on while it was paused")
    _compare_shared(workload, found, calm, differences)
    _check_uploaded(found, differences)
    found.csv.compare(calm.csv, differences)
    _compare_jobs(found, calm, differences)
    _check_mails(found, differences)
    return differences


def _compare_shared(
    workload: Workload, found: RoundOutcome, calm: RoundOutcome, differences: Differences
) -> None:
    names = [order.name for order in workload.orders if order.kind is Kind.SHARED]
    created, expected = (
        sum(outcome.orders[name].counters["created_documents"] for name in names) for outcome in (found, calm)
    )
    if created != expected:
        differences.counters += 1
        differences.note(f"shared documents were created {created} times instead of {expected}")


def _check_uploaded(found: RoundOutcome, differences: Differences) -> None:
    """What was acknowledged is there, once."""
    told = found.uploading.resource
    expected: dict[str, str] = {}
    for number in range(1, told["blockCount"] + 1):
        expected |= an_uploaded_block(number)
    differences.lost += len(expected.items() - found.uploaded.named.items())
    differences.doubled += len(found.uploaded.named.keys() - expected.keys())
    if (told["status"], told["createdDocuments"]) != ("complete", len(expected)):
        differences.counters += 1
        differences.note(f"uploaded: {told} instead of {len(expected)} documents")


def _compare_jobs(found: RoundOutcome, calm: RoundOutcome, differences: Differences) -> None:
    pairs = [(found.csv_job, calm.csv_job), *((job, calm.export_jobs[0]) for job in found.export_jobs)]
    for told, expected in ((_told(job), _told(calm_job)) for job, calm_job in pairs):
        if told != expected:
            differences.counters += 1
            differences.note(f"job: {told} instead of {expected}")
    for items in found.exported:
        differences.lost += (calm.exported[0] - items).total()
        differences.doubled += (items - calm.exported[0]).total()


def _told(job: dict[str, Any]) -> dict[str, Any]:
    return {
        name: job[name]
        for name in ("status", "recordsProcessed", "totalRecords", "recordsRejected")
        if name in job
    }


def _check_mails(found: RoundOutcome, differences: Differences) -> None:
    """One each; one whose sender died while handing it over may be missing, and says so."""
    for recipient, count in found.mails.items():
        if count > 1 or (not count and recipient not in found.cut_off):
            differences.note(f"{count} mails to {recipient}")
