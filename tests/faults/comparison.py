"""How a round in a storm differs from the same in peace."""

import json
from collections import Counter
from typing import Any

from tests.acceptance.client import applied_lines
from tests.faults.batch_orders import ITEMS
from tests.faults.order_checks import OUTCOMES, check, check_part
from tests.faults.orders import Kind, Workload, an_uploaded_block
from tests.faults.outcome import Differences, Documents, begin_alike, canonical
from tests.faults.round_outcome import RoundOutcome


def compare(workload: Workload, found: RoundOutcome, calm: RoundOutcome) -> Differences:
    """What the storm changed."""
    differences = Differences()
    for order in workload.orders:
        check(order, found.orders[order.name], calm.orders[order.name], differences)
        differences.notes += [f"{order.name}: {what}" for what in found.seen[order.name].wrong]
    _compare_shared(workload, found, calm, differences)
    _check_uploaded(found, differences)
    _check_given(workload, found, differences)
    differences.notes += [*found.complaints, *(f"{name} ended by itself" for name in found.ended)]
    differences.notes += [*found.histories, *found.missing, *found.left_behind]
    for failed in found.failed:
        if not failed.failure_count or failed.last_error is None:
            differences.note(f"a failure without a reason, or the other way round: {failed}")
    _check_jobs(workload, found, calm, differences)
    _compare_exports(found, calm, differences)
    _check_mails(found, differences)
    return differences


def check_calm(workload: Workload, calm: RoundOutcome) -> Differences:
    """What of an undisturbed run is not as its orders and files ask for."""
    differences = compare(workload, calm, calm)
    differences.notes += [*calm.storm.late, *(f"nobody mailed {recipient}" for recipient in calm.cut_off)]
    differences.notes += [f"it failed: {failed}" for failed in calm.failed]
    for order in workload.orders:
        if order.kind in (Kind.KEPT, Kind.PAUSED, Kind.UNORDERED):
            check_part(order, calm.orders[order.name], calm.orders[order.name], differences)
            if order.applied().lines_read != sum(_lines_told(calm.orders[order.name].counters)):
                differences.note(f"{order.name}: not all of its lines are counted")
    _check_shared(workload, calm, differences)
    for items in calm.exported:
        if sorted(json.dumps(json.loads(item)["data"]) for item in items) != sorted(
            workload.exported.values()
        ):
            differences.note("an export gave other items")
    return differences


def _lines_told(counters: dict[str, Any]) -> list[int]:
    return [counters[f"{name}_documents"] for name in OUTCOMES]


def _check_shared(workload: Workload, calm: RoundOutcome, differences: Differences) -> None:
    """Each document has what each of those who write it gives it."""
    sharing = [order for order in workload.orders if order.kind is Kind.SHARED]
    expected: dict[str, dict[str, Any]] = {}
    for line in (line for order in sharing for block in order.blocks for line in block):
        expected.setdefault(str(line.documentid), {}).update(json.loads(line.properties))
    for order in sharing:
        named = calm.orders[order.name].documents.named
        if {key: json.loads(found) for key, found in named.items()} != expected:
            differences.note(f"{order.name}: other documents than were written")


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
    told, block_count = found.uploading.resource, found.uploading.block_count
    expected: dict[str, str] = {}
    for number in range(1, block_count + 1):
        expected |= an_uploaded_block(number)
    found.uploaded.compare(Documents(expected, Counter()), differences)
    created = told["createdDocuments"], applied_lines(told)
    if (told["status"], told["blockCount"], *created) != (
        "complete",
        block_count,
        len(expected),
        len(expected),
    ):
        differences.counters += 1
        differences.note(f"uploaded: {told} instead of {len(expected)} documents")


def _check_given(workload: Workload, found: RoundOutcome, differences: Differences) -> None:
    """What clients asked for once is there once; an import that was deleted is not."""
    deleted = sum(order.kind is Kind.DELETED for order in workload.orders)
    expected = {
        # With the one that is uploaded to all the time.
        "imports": len(workload.orders) - deleted + 1 + len(workload.batch_orders),
        "exports": len(found.exports.all),
    }
    if found.given != expected:
        differences.doubled += 1
        differences.note(f"{found.given} instead of {expected}")


def _check_jobs(
    workload: Workload, found: RoundOutcome, calm: RoundOutcome, differences: Differences
) -> None:
    """What came of files of items is what the model says, and of their rejections also what the undisturbed
    run has stored."""
    for order in workload.batch_orders:
        outcome = found.jobs[order.item_type]
        item_count = int(outcome.told["recordsProcessed"]) if order.is_canceled else ITEMS
        expected = order.told(item_count)
        told = {name: outcome.told[name] for name in expected}
        if told != expected:
            differences.counters += 1
            differences.note(f"{order.item_type}: {told} instead of {expected}")
        documents = {name: canonical(data) for name, data in order.model(item_count).documents.items()}
        outcome.documents.parsed().compare(Documents(documents, Counter()), differences)
        differences.rejections += outcome.rejected != order.rejected(item_count) or not begin_alike(
            outcome.rejections, calm.jobs[order.item_type].rejections
        )


def _compare_exports(found: RoundOutcome, calm: RoundOutcome, differences: Differences) -> None:
    expected = _told(calm.exports.kept[0])
    canceled = [job.told for job in found.exports.canceled]
    kept = found.exports.kept + [told for told in canceled if told["status"] != "Canceled"]
    for told in map(_told, kept):
        if told != expected:
            differences.counters += 1
            differences.note(f"export: {told} instead of {expected}")
    if any(told["links"] for told in canceled if told["status"] == "Canceled"):
        differences.note("a canceled export has links")
    for items in found.exported:
        differences.lost += (calm.exported[0] - items).total()
        differences.doubled += (items - calm.exported[0]).total()


def _told(job: dict[str, Any]) -> tuple[Any, ...]:
    return job["status"], job["recordsProcessed"]


def _check_mails(found: RoundOutcome, differences: Differences) -> None:
    """One each; one whose sender died while handing it over may be missing, and says so."""
    for recipient, count in found.mails.items():
        if count > 1 or (not count and recipient not in found.cut_off):
            differences.note(f"{count} mails to {recipient}")
