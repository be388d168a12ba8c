"""One round: a workload is brought to a fleet in peace or in a storm."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from email.parser import BytesHeaderParser
from random import Random
from typing import Any

from sqlalchemy import text

from api.usecases.services import Service
from shared.ground import Ground
from tests.faults import weather
from tests.faults.batch_customer import BatchCustomer
from tests.faults.communities import a_community
from tests.faults.complaints import complaints
from tests.faults.customers import UPLOADED, Customer, Seen
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing
from tests.faults.orders import Workload
from tests.faults.outcome import Documents, OrderOutcome, documents_of, outcome_of
from tests.faults.plan import Planned
from tests.faults.storm import Storm
from tests.faults.waiting import wait_until

ROUND_SECONDS = 150.0
SETTLE_SECONDS = 30.0

# So that faults meet work under way, on however fast a machine; and no longer, because how soon work goes on
# is told of the last of all imports, most of which wait for a worker that is free.
PACE_SECONDS = 0.05

# Nobody works on anything, and nothing waits for anybody. The lease of a worker that died over an import
# which was canceled meanwhile runs out by itself. A mail that a worker died over is given up later.
UNSETTLED = """
SELECT (SELECT count(*) FROM blocks b JOIN imports i ON i.id = b.import_id
         WHERE i.service_id = :service_id AND b.leased_until > clock_timestamp()) AS leases,
       (SELECT count(*) FROM imports
         WHERE service_id = :service_id AND ended_at IS NULL AND status <> 'configuring') AS imports,
       (SELECT count(*) FROM exports WHERE service_id = :service_id AND ended_at IS NULL) AS exports,
       (SELECT count(*) FROM notifications n JOIN batch_jobs j ON j.id = n.job_id
         WHERE j.service_id = :service_id AND n.sent_at IS NULL AND n.given_up_at IS NULL
           AND (n.sending_since IS NULL OR n.sending_since > clock_timestamp() - interval '2 s')) AS mails,
       (SELECT count(*) FROM storage_garbage) AS garbage
"""

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
class RoundOutcome:
    """Everything that came of one round."""

    orders: dict[str, OrderOutcome]
    seen: dict[str, Seen]
    uploaded: Documents
    uploading: Seen
    csv: Documents
    csv_job: dict[str, Any]
    export_jobs: list[dict[str, Any]]
    exported: list[Counter[str]]  # the items of each export
    mails: Counter[str]  # by recipient; zeros included
    cut_off: set[str]  # recipients whose mail a worker died over
    given: dict[str, int]  # how many imports and exports there are
    ended: list[str]  # names of processes that nobody had ended
    complaints: list[str]  # of those that they met what nobody expects
    storm: Storm


@dataclass
class _Brought:
    """What clients were told in the end."""

    orders: dict[str, Future[Seen]]
    uploading: Future[Seen]
    csv_job: Future[dict[str, Any]]
    export_jobs: Future[list[dict[str, Any]]]

    @property
    def goes_on(self) -> bool:
        """Whether anybody still waits for what ends by itself."""
        return not all(work.done() for work in (*self.orders.values(), self.csv_job))


def run_round(
    fleet: Fleet, workload: Workload, *, seed: int = 0, plan: list[Planned] | None = None
) -> RoundOutcome:
    """Bring the workload; `plan` None: in peace."""
    hearing = Hearing(member.log for member in fleet.members)
    with a_community(fleet, workload) as (service, client, batch):
        storm = Storm(fleet, service.id, plan or [], workload.size_bytes)
        if not plan:
            storm.is_over.set()
        with (
            _paced(fleet.ground, PACE_SECONDS if plan else 0.0),
            ThreadPoolExecutor(len(workload.orders) + 3) as threads,
        ):
            dice = Random(f"clients {seed}")

            def a_customer() -> Customer:
                return Customer(fleet, client, Random(dice.random()))

            brought = _Brought(
                {order.name: threads.submit(a_customer().bring, order) for order in workload.orders},
                threads.submit(a_customer().upload_until, storm.is_over),
                threads.submit(batch.import_csv, "Csv", workload.csv),
                threads.submit(batch.export_until, "Exported", storm.is_over),
            )
            storm.rage_while(lambda: brought.goes_on, ROUND_SECONDS)
        _settle(fleet.ground, service)
        return _outcome(fleet, service, workload, batch, brought, storm, hearing)


def _outcome(
    fleet: Fleet,
    service: Service,
    workload: Workload,
    batch: BatchCustomer,
    brought: _Brought,
    storm: Storm,
    hearing: Hearing,
) -> RoundOutcome:
    ground = fleet.ground
    seen = {name: work.result() for name, work in brought.orders.items()}
    csv_job, export_jobs = brought.csv_job.result(), brought.export_jobs.result()
    return RoundOutcome(
        orders={
            order.name: outcome_of(ground, service.id, order, seen[order.name].resource)
            for order in workload.orders
        },
        seen=seen,
        uploaded=documents_of(ground, service.id, UPLOADED),
        uploading=brought.uploading.result(),
        csv=documents_of(ground, service.id, "/Csv"),
        csv_job=csv_job,
        export_jobs=export_jobs,
        exported=[_items(batch.download(job)) for job in export_jobs],
        mails=_mails(fleet, [csv_job, *export_jobs]),
        cut_off=_cut_off(ground, service),
        given=_given(ground, service),
        ended=fleet.revive(),
        complaints=complaints(hearing),
        storm=storm,
    )


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


def _mails(fleet: Fleet, jobs: list[dict[str, Any]]) -> Counter[str]:
    """How many mails each job's recipient got."""
    found = Counter({f"{job['jobId']}@example.com": 0 for job in jobs})
    headers = BytesHeaderParser(policy=policy.default)
    for path in fleet.mails.glob("*.eml"):
        recipient = str(headers.parsebytes(path.read_bytes())["To"])
        if recipient in found:
            found[recipient] += 1
    return found


def _given(ground: Ground, service: Service) -> dict[str, int]:
    with ground.database.begin() as session:
        return dict(session.execute(text(GIVEN), {"service_id": service.id}).mappings().one())


def _cut_off(ground: Ground, service: Service) -> set[str]:
    with ground.database.begin() as session:
        return set(session.scalars(text(CUT_OFF), {"service_id": service.id}))
