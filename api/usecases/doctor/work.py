"""Who works: worker processes, and the sweep, by which beat has them find again what was lost."""

from api.usecases.doctor.findings import Finding, ok, warn
from shared.db import examining
from shared.dispatch import SWEEP_QUEUE
from shared.ground import Ground

_INTERVALS = 5
_TURN_SECONDS = 10.0  # for which all workers may be busy with a block each


def check_work(ground: Ground) -> list[Finding]:
    """Findings on workers and on the last sweep, which one of them made."""
    with ground.database.begin() as session:
        connected, now = examining.connected_workers(session), examining.clock(session)
    swept_at = ground.dispatcher.last_sweep()
    sweep = judge_sweep(
        None if swept_at is None else max(0.0, (now - swept_at).total_seconds()),
        every_seconds=ground.settings.sweep_seconds,
        asked_for=ground.dispatcher.waiting(SWEEP_QUEUE),
    )
    return [judge_workers(connected, is_swept=not sweep.advice), sweep]


def judge_workers(connected: int, *, is_swept: bool) -> Finding:
    """Whether there is one; `connected` is how many the database sees, and none behind a pooler."""
    if connected:
        return ok("workers", f"Worker processes with a connection to the database: {connected}.")
    if is_swept:
        return ok("workers", "There are some: they make sweeps. A pooler hides their connections.")
    return warn("workers", "No worker has a connection to the database.", "Start python -m workers worker.")


def judge_sweep(age_seconds: float | None, *, every_seconds: float, asked_for: int) -> Finding:
    """Whether the last one is old, or none is known of; `asked_for` are those that no worker has taken."""
    if age_seconds is None:
        found = "Redis knows of none."
    else:
        found = f"The last one was {age_seconds:.0f} s ago, of one every {every_seconds:g} s."
        if age_seconds <= _INTERVALS * every_seconds + _TURN_SECONDS:
            return ok("sweep", found)
    if asked_for:
        advice = "Start workers, or one more where all are busy for long: beat asks, and none makes it."
    else:
        advice = "Start python -m workers beat: what Redis or a dead worker lost is not found until then."
    return warn("sweep", found, advice)
