"""Which pauses, cancels and deletions met work under way: those that come too late show nothing."""

from collections import Counter

from tests.faults.order_checks import is_cut_short
from tests.faults.orders import Kind, Workload
from tests.faults.round_outcome import RoundOutcome
from tests.faults.wishes import Moment

CONTROLS = ("pause", "cancel", "delete", "cancel of a job", "cancel of an export")


def caught(workload: Workload, found: RoundOutcome) -> Counter[str]:
    """How often each control of CONTROLS did."""
    met = Counter(dict.fromkeys(CONTROLS, 0))
    for order in workload.orders:
        seen = found.seen[order.name]
        is_in_time = seen.moment is Moment.AT_WORK and is_cut_short(order, found.orders[order.name])
        match order.kind:
            case Kind.PAUSED:
                met["pause"] += seen.was_caught
            case Kind.CANCELED:
                met["cancel"] += is_in_time
            case Kind.DELETED:
                met["delete"] += is_in_time
    met["cancel of a job"] += sum(job.was_caught for job in found.jobs.values())
    met["cancel of an export"] += sum(job.was_caught for job in found.exports.canceled)
    return met
