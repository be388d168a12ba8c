"""Everything that came of one round: what clients were told, and what is there."""

import json
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass
from email import policy
from email.parser import BytesHeaderParser
from typing import Any

from sqlalchemy import text

from api.usecases.services import Service
from shared.ground import Ground
from tests.faults.batch_customer import BatchCustomer
from tests.faults.batch_orders import BatchOrder
from tests.faults.complaints import complaints
from tests.faults.customers import UPLOADED, Seen
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing
from tests.faults.orders import Workload
from tests.faults.outcome import Documents, OrderOutcome, documents_of, outcome_of
from tests.faults.storm import Storm

# Recipients whose mail may have been handed over or not: nobody is left who knows.
CUT_OFF = """
SELECT n.recipient FROM notifications n JOIN batch_jobs j ON j.id = n.job_id
 WHERE j.service_id = :service_id AND n.sending_since IS NOT NULL AND n.sent_at IS NULL
"""

# Whatever was taken for something to do.
GIVEN = """
SELECT (SELECT count(*) FROM imports WHERE service_id = :service_id AND status <> 'configuring') AS imports,
       (SELECT count(*) FROM exports WHERE service_id = :service_id) AS exports
"""


@dataclass
class Brought:
    """What clients were told in the end."""

    orders: dict[str, Future[Seen]]
    uploading: Future[Seen]
    jobs: dict[str, Future[dict[str, Any]]]  # by item type
    export_jobs: Future[list[dict[str, Any]]]

    @property
    def waits(self) -> bool:
        """Whether anybody still waits for what ends by itself."""
        return not all(work.done() for work in (*self.orders.values(), *self.jobs.values()))

    @property
    def goes_on(self) -> bool:
        """Whether anybody still waits for anything."""
        return self.waits or not (self.uploading.done() and self.export_jobs.done())


@dataclass(frozen=True)
class JobOutcome:
    """What came of a file of items."""

    told: dict[str, Any]
    documents: Documents
    rejected: list[tuple[int, str]]  # line of the file, code


@dataclass
class RoundOutcome:
    """Everything that came of one round."""

    orders: dict[str, OrderOutcome]
    seen: dict[str, Seen]
    uploaded: Documents
    uploading: Seen
    jobs: dict[str, JobOutcome]  # by item type
    export_jobs: list[dict[str, Any]]
    exported: list[Counter[str]]  # the items of each export
    mails: Counter[str]  # by recipient; zeros included
    cut_off: set[str]  # recipients whose mail a worker died over
    given: dict[str, int]  # how many imports and exports there are
    ended: list[str]  # names of processes that nobody had ended
    complaints: list[str]  # of those that they met what nobody expects
    storm: Storm


@dataclass(frozen=True)
class Reading:
    """Reads what came of a round, once everything is still."""

    fleet: Fleet
    service: Service
    batch: BatchCustomer

    def outcome(self, workload: Workload, brought: Brought, storm: Storm, hearing: Hearing) -> RoundOutcome:
        """Raises what a client met."""
        ground, service = self.fleet.ground, self.service
        seen = {name: work.result() for name, work in brought.orders.items()}
        jobs = {order.item_type: self._job(order, brought) for order in workload.batch_orders}
        export_jobs = brought.export_jobs.result()
        return RoundOutcome(
            orders={
                order.name: outcome_of(ground, service.id, order, seen[order.name].resource)
                for order in workload.orders
            },
            seen=seen,
            uploaded=documents_of(ground, service.id, UPLOADED),
            uploading=brought.uploading.result(),
            jobs=jobs,
            export_jobs=export_jobs,
            exported=[_items(self.batch.download(job)) for job in export_jobs],
            mails=_mails(self.fleet, [*(job.told for job in jobs.values()), *export_jobs]),
            cut_off=_cut_off(ground, service),
            given=_given(ground, service),
            ended=self.fleet.revive(),
            complaints=complaints(hearing, self.fleet.ended_children),
            storm=storm,
        )

    def _job(self, order: BatchOrder, brought: Brought) -> JobOutcome:
        told = brought.jobs[order.item_type].result()
        documents = documents_of(self.fleet.ground, self.service.id, order.path)
        return JobOutcome(told, documents, self.batch.rejected(told))


def _items(exported: bytes) -> Counter[str]:
    return Counter(json.dumps(item, sort_keys=True) for item in json.loads(exported))


def _mails(fleet: Fleet, jobs: list[dict[str, Any]]) -> Counter[str]:
    """How many mails each job's recipient got."""
    found = Counter({f"{job['jobId']}@example.com": 0 for job in jobs})
    headers = BytesHeaderParser(policy=policy.default)
    for path in fleet.mails.glob("*.eml"):
        recipient = str(headers.parsebytes(path.read_bytes())["To"])
        if recipient in found:
            found[recipient] += 1
    return found


def _cut_off(ground: Ground, service: Service) -> set[str]:
    with ground.database.begin() as session:
        return set(session.scalars(text(CUT_OFF), {"service_id": service.id}))


def _given(ground: Ground, service: Service) -> dict[str, int]:
    with ground.database.begin() as session:
        return dict(session.execute(text(GIVEN), {"service_id": service.id}).mappings().one())
