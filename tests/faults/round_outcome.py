"""Everything that came of one round: what clients were told, and what is there."""

import json
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass
from email import policy
from email.parser import BytesHeaderParser
from typing import Any, NamedTuple

from sqlalchemy import text

from api.usecases.jobs import existing_job
from api.usecases.services import Service
from shared.ground import Ground
from tests.faults.batch_customer import BatchCustomer, EndedJob, Exports
from tests.faults.batch_orders import BatchOrder
from tests.faults.complaints import complaints
from tests.faults.customers import UPLOADED
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing
from tests.faults.history import wrong_histories
from tests.faults.orders import Workload
from tests.faults.outcome import Documents, OrderOutcome, documents_of, outcome_of, rejections_of
from tests.faults.stored import Stored
from tests.faults.storm import Storm
from tests.faults.wishes import Seen

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


# What failed, and may have gone well afterwards. What clients damaged themselves is left out.
FAILED = """
SELECT 'import' AS kind, i.id, i.failure_count, i.last_error
  FROM imports i JOIN collections c ON c.id = i.collection_id
 WHERE i.service_id = :service_id AND c.path <> '/damaged'
   AND (i.failure_count > 0 OR i.last_error IS NOT NULL)
UNION ALL
SELECT 'export', id, failure_count, last_error
  FROM exports
 WHERE service_id = :service_id AND (failure_count > 0 OR last_error IS NOT NULL)
"""


@dataclass
class Brought:
    """What clients were told in the end."""

    orders: dict[str, Future[Seen]]
    uploading: Future[Seen]
    jobs: dict[str, Future[EndedJob]]  # by item type
    exports: Future[Exports]

    @property
    def waits(self) -> bool:
        """Whether anybody still waits for what ends by itself."""
        return not all(work.done() for work in (*self.orders.values(), *self.jobs.values()))

    @property
    def goes_on(self) -> bool:
        """Whether anybody still waits for anything."""
        return self.waits or not (self.uploading.done() and self.exports.done())


@dataclass(frozen=True)
class JobOutcome:
    """What came of a file of items."""

    told: dict[str, Any]
    documents: Documents
    rejected: list[tuple[int, str]]  # line of the file, code, as its client was told
    rejections: list[tuple[Any, ...]]  # as they are stored
    was_caught: bool  # a worker was at it when it was canceled


class Failed(NamedTuple):
    """An import or export that had critical failures."""

    kind: str
    id: int
    failure_count: int
    last_error: str | None


@dataclass
class RoundOutcome:
    """Everything that came of one round."""

    orders: dict[str, OrderOutcome]
    seen: dict[str, Seen]
    uploaded: Documents
    uploading: Seen
    jobs: dict[str, JobOutcome]  # by item type
    exports: Exports
    exported: list[Counter[str]]  # the items of each export that was kept
    mails: Counter[str]  # by recipient; zeros included
    cut_off: set[str]  # recipients whose mail a worker died over
    given: dict[str, int]  # how many imports and exports there are
    ended: list[str]  # names of processes that nobody had ended
    complaints: list[str]  # of those that they met what nobody expects
    failed: list[Failed]
    histories: list[str]  # that no lifecycle allows
    missing: list[str]  # from block storage
    left_behind: list[str]  # in block storage
    storm: Storm


@dataclass(frozen=True)
class Reading:
    """Reads what came of a round, once everything is still."""

    fleet: Fleet
    service: Service
    batch: BatchCustomer

    def outcome(
        self, workload: Workload, brought: Brought, storm: Storm, hearing: Hearing, stored: Stored
    ) -> RoundOutcome:
        """Raises what a client met."""
        ground, service = self.fleet.ground, self.service
        seen = {name: work.result() for name, work in brought.orders.items()}
        jobs = {order.item_type: self._job(order, brought) for order in workload.batch_orders}
        exports = brought.exports.result()
        return RoundOutcome(
            orders={
                order.name: outcome_of(ground, service.id, order, seen[order.name].resource)
                for order in workload.orders
            },
            seen=seen,
            uploaded=documents_of(ground, service.id, UPLOADED),
            uploading=brought.uploading.result(),
            jobs=jobs,
            exports=exports,
            exported=[_items(self.batch.download(job)) for job in exports.kept],
            mails=_mails(self.fleet, [*(job.told for job in jobs.values()), *exports.all]),
            cut_off=_cut_off(ground, service),
            given=_given(ground, service),
            ended=self.fleet.revive(),
            complaints=complaints(hearing, self.fleet.ended_children),
            failed=_failed(ground, service),
            histories=wrong_histories(ground, service.id),
            missing=stored.missing(),
            left_behind=stored.left_behind(also_of_imports=not storm.is_planned),
            storm=storm,
        )

    def _job(self, order: BatchOrder, brought: Brought) -> JobOutcome:
        job, ground = brought.jobs[order.item_type].result(), self.fleet.ground
        return JobOutcome(
            job.told,
            documents_of(ground, self.service.id, order.path),
            self.batch.rejected(job.told),
            rejections_of(ground, self._import_of(job)),
            job.was_caught,
        )

    def _import_of(self, job: EndedJob) -> int:
        with self.fleet.ground.database.begin() as session:
            found = existing_job(session, self.service, job.told["jobId"]).import_row
        assert found is not None
        return found.id


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


def _failed(ground: Ground, service: Service) -> list[Failed]:
    with ground.database.begin() as session:
        rows = session.execute(text(FAILED), {"service_id": service.id})
        return [Failed(*row) for row in rows]
