"""One round: a workload is brought to a fleet in peace or in a storm, and what came of it is compared."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from random import Random
from typing import Any

from sqlalchemy import text

from api.usecases.services import Service
from shared.ground import Ground
from tests.faults import weather
from tests.faults.communities import a_community
from tests.faults.customers import Customer, Seen
from tests.faults.fleet import Fleet
from tests.faults.orders import Kind, Workload
from tests.faults.outcome import Differences, Documents, OrderOutcome, check, documents_of, outcome_of
from tests.faults.storm import Planned, Storm
from tests.faults.waiting import wait_until

ROUND_SECONDS = 150.0
SETTLE_SECONDS = 30.0

# So that faults meet work under way, on however fast a machine.
PACE_SECONDS = 0.1

# Nobody works on anything, and nothing waits for anybody. The lease of a worker that died over an import
# which was canceled meanwhile runs out by itself.
UNSETTLED = """
SELECT (SELECT count(*) FROM blocks b JOIN imports i ON i.id = b.import_id
         WHERE i.service_id = :service_id AND b.leased_until > clock_timestamp()) AS leases,
       (SELECT count(*) FROM imports
         WHERE service_id = :service_id AND ended_at IS NULL AND status <> 'configuring') AS imports,
       (SELECT count(*) FROM exports WHERE service_id = :service_id AND ended_at IS NULL) AS exports,
       (SELECT count(*) FROM notifications n JOIN batch_jobs j ON j.id = n.job_id
         WHERE j.service_id = :service_id AND n.sent_at IS NULL AND n.given_up_at IS NULL) AS mails,
       (SELECT count(*) FROM storage_garbage) AS garbage
"""


@dataclass
class RoundOutcome:
    """Everything that came of one round."""

    orders: dict[str, OrderOutcome]
    seen: dict[str, Seen]
    csv: Documents
    csv_job: dict[str, Any]
    export_job: dict[str, Any]
    exported: Counter[str]
    mails: Counter[str]  # by recipient
    storm: Storm | None = field(default=None, repr=False)


def run_round(
    fleet: Fleet, workload: Workload, *, seed: int = 0, plan: list[Planned] | None = None
) -> RoundOutcome:
    """Bring the workload; `plan` None: in peace."""
    with (
        a_community(fleet, workload) as (service, client, batch),
        _paced(fleet.ground, PACE_SECONDS if plan else 0.0),
    ):
        storm = Storm(fleet, service.id, plan or [], workload.size_bytes)
        with ThreadPoolExecutor(len(workload.orders) + 2) as threads:
            dice = Random(f"clients {seed}")
            orders = {
                order.name: threads.submit(Customer(fleet, client, Random(dice.random())).bring, order)
                for order in workload.orders
            }
            csv_job = threads.submit(batch.import_csv, "Csv", workload.csv)
            export_job = threads.submit(batch.export_json, "Exported")
            everything: list[Future[Any]] = [*orders.values(), csv_job, export_job]
            storm.rage_while(lambda: not all(work.done() for work in everything), ROUND_SECONDS)
        seen = {name: work.result() for name, work in orders.items()}
        _settle(fleet.ground, service)
        return RoundOutcome(
            {
                order.name: outcome_of(fleet.ground, service.id, order, seen[order.name].import_id)
                for order in workload.orders
            },
            seen,
            documents_of(fleet.ground, service.id, "/Csv"),
            csv_job.result(),
            export_job.result(),
            _items(batch.download(export_job.result())),
            _mails(fleet, csv_job.result(), export_job.result()),
            storm,
        )


def compare(workload: Workload, found: RoundOutcome, calm: RoundOutcome) -> Differences:
    """What the storm changed."""
    differences = Differences()
    for order in workload.orders:
        check(order, found.orders[order.name], calm.orders[order.name], differences)
        if not found.seen[order.name].agreed:
            differences.note(f"{order.name}: it went on while it was paused")
    created = [
        sum(
            outcome.orders[order.name].counters["created_documents"]
            for order in workload.orders
            if order.kind is Kind.SHARED
        )
        for outcome in (found, calm)
    ]
    if created[0] != created[1]:
        differences.counters += 1
        differences.note(f"shared documents were created {created[0]} times instead of {created[1]}")
    found.csv.compare(calm.csv, differences)
    for name in ("csv_job", "export_job"):
        told, expected = (_told(getattr(outcome, name)) for outcome in (found, calm))
        if told != expected:
            differences.counters += 1
            differences.note(f"{name}: {told} instead of {expected}")
    differences.lost += (calm.exported - found.exported).total()
    differences.doubled += (found.exported - calm.exported).total()
    if set(found.mails.values()) != {1} or len(found.mails) != 2:
        differences.note(f"mails: {dict(found.mails)}")
    return differences


def _told(job: dict[str, Any]) -> dict[str, Any]:
    return {
        name: job[name]
        for name in ("status", "recordsProcessed", "totalRecords", "recordsRejected")
        if name in job
    }


@contextmanager
def _paced(ground: Ground, seconds: float) -> Iterator[None]:
    weather.set_pace(ground, seconds)
    yield
    weather.set_pace(ground, 0.0)


def _settle(ground: Ground, service: Service) -> None:
    given = {"service_id": service.id}

    def unsettled() -> dict[str, int]:
        with ground.database.begin() as session:
            counts = session.execute(text(UNSETTLED), given).mappings().one()
        return {what: count for what, count in counts.items() if count}

    wait_until(lambda: not unsettled(), SETTLE_SECONDS, lambda: f"still there: {unsettled()}")


def _items(exported: bytes) -> Counter[str]:
    return Counter(json.dumps(item, sort_keys=True) for item in json.loads(exported))


def _mails(fleet: Fleet, *jobs: dict[str, Any]) -> Counter[str]:
    """How many mails each job's recipient got."""
    wanted = {f"{job['jobId']}@example.com" for job in jobs}
    mails = [
        message_from_bytes(path.read_bytes(), policy=policy.default) for path in fleet.mails.glob("*.eml")
    ]
    return Counter(str(mail["To"]) for mail in mails if str(mail["To"]) in wanted)
