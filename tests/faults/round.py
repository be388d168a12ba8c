"""One round: a workload is brought to a fleet in peace or in a storm."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random

from sqlalchemy import text

from api.usecases.services import Service
from shared.ground import Ground
from tests.faults import weather
from tests.faults.communities import a_community
from tests.faults.customers import Customer
from tests.faults.fleet import Fleet
from tests.faults.hearing import Hearing
from tests.faults.orders import Workload
from tests.faults.plan import Felt, Planned
from tests.faults.recovery import RECOVERY_SECONDS
from tests.faults.round_outcome import Brought, Reading, RoundOutcome
from tests.faults.stored import Stored
from tests.faults.storm import Storm

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
       (SELECT count(*) FROM exports
         WHERE service_id = :service_id AND ended_at IS NOT NULL AND expires_at IS NULL
           AND files_removed_at IS NULL) AS files,
       (SELECT count(*) FROM imports
         WHERE service_id = :service_id AND ended_at IS NULL AND status <> 'configuring') AS imports,
       (SELECT count(*) FROM exports WHERE service_id = :service_id AND ended_at IS NULL) AS exports,
       (SELECT count(*) FROM notifications n JOIN batch_jobs j ON j.id = n.job_id
         WHERE j.service_id = :service_id AND n.sent_at IS NULL AND n.given_up_at IS NULL
           AND (n.sending_since IS NULL OR n.sending_since > clock_timestamp() - interval '2 s')) AS mails,
       (SELECT count(*) FROM storage_garbage) AS garbage
"""


class RoundBroken(AssertionError):
    """The round did not come to its end; the message tells why."""

    def __init__(
        self,
        why: BaseException,
        felt: list[Felt],
        ended: Iterable[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(
            "; ".join([f"{type(why).__name__}: {why}", *(f"{name} has ended" for name in ended)])
        )
        self.felt = felt  # what became of its faults until then
        self.notes = list(notes)  # `Storm.notes`


def run_round(
    fleet: Fleet,
    workload: Workload,
    *,
    seed: int = 0,
    plan: list[Planned] | None = None,
    recovery_seconds: float = RECOVERY_SECONDS,
) -> RoundOutcome:
    """Bring the workload; `plan` None: in peace, and as fast as it goes. Raises RoundBroken."""
    storm = Storm(fleet, plan, recovery_seconds)
    try:
        return _run(fleet, workload, Random(f"clients {seed}"), storm, recovery_seconds)
    # Whatever it is: what was felt is worth knowing, and the next round may be better.
    except Exception as why:
        raise RoundBroken(why, storm.felt, fleet.revive(), storm.notes) from why


def _run(
    fleet: Fleet, workload: Workload, dice: Random, storm: Storm, recovery_seconds: float
) -> RoundOutcome:
    hearing = Hearing(member.log for member in fleet.members)
    stored = Stored(fleet.ground, fleet.foundation.blocks)
    with a_community(fleet, workload) as (service, client, batch):
        storm.come(service.id, workload.line_count)
        with (
            _paced(fleet.ground, PACE_SECONDS if storm.is_planned else 0.0),
            ThreadPoolExecutor(len(workload.orders) + len(workload.batch_orders) + 2) as threads,
        ):

            def a_customer() -> Customer:
                return Customer(fleet, client, Random(dice.random()))

            brought = Brought(
                {order.name: threads.submit(a_customer().bring, order) for order in workload.orders},
                threads.submit(a_customer().upload_until, storm.is_over),
                {
                    order.item_type: threads.submit(batch.import_file, order)
                    for order in workload.batch_orders
                },
                threads.submit(batch.export_until, "Exported", storm.is_over),
            )
            storm.rage_while(lambda: brought.waits, ROUND_SECONDS)
            storm.watch_while(lambda: brought.goes_on, ROUND_SECONDS, lambda: "clients wait")
            _settle(fleet.ground, service, storm)
            # One that no longer asks for work looks well otherwise, and others do what there is.
            fleet.await_workers(recovery_seconds)
            storm.look_back()
        return Reading(fleet, service, batch).outcome(workload, brought, storm, hearing, stored)


@contextmanager
def _paced(ground: Ground, seconds: float) -> Iterator[None]:
    weather.set_pace(ground, seconds)
    yield
    weather.set_pace(ground, 0.0)


def _settle(ground: Ground, service: Service, storm: Storm) -> None:
    given = {"service_id": service.id}

    def unsettled() -> dict[str, int]:
        with ground.database.begin() as session:
            counts = session.execute(text(UNSETTLED), given).mappings().one()
        return {what: count for what, count in counts.items() if count}

    storm.watch_while(lambda: bool(unsettled()), SETTLE_SECONDS, lambda: f"still there: {unsettled()}")
