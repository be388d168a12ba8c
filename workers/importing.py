"""What a nudge for an import does: the next block, and then a nudge for the one after it."""

from contextlib import AbstractContextManager
from functools import partial

import structlog

from shared import request_ids, tracing
from shared.bounds import Bounds
from shared.db import claims, giving_back, long_jobs, sessions
from shared.db.leases import Lease
from shared.errors import BlockDamaged, LeaseLost, LongshoreError, QuotaReached
from shared.formats.pieces import FileRefused
from shared.ground import Ground
from shared.metrics import metrics
from shared.retries import Retries
from shared.templates.errors import LimitReached
from shared.turns import Job
from workers.applying import BlockRun, ShouldStop
from workers.cutting import CutRun
from workers.giving_back import give_back
from workers.nudging import nudge_for_room, nudge_on

_log = structlog.get_logger()


def run_import(ground: Ground, import_id: int, *, worker: str, should_stop: ShouldStop) -> bool:
    """Apply the import's next block, then nudge for the one after it.

    Safe to call at any time and any number of times: without a block to take it does nothing, and
    returns False. Raises ConflictOfTransactions where others hold the import.
    """
    with ground.database.begin() as session:
        sessions.wait_briefly(session)
        lease = claims.claim(
            session,
            import_id,
            worker=worker,
            lease_seconds=ground.settings.lease_seconds,
            attempts=ground.settings.attempts,
            bounds=Bounds.of(ground.settings),
        )
    if lease is None:
        return False
    with (
        request_ids.bound(lease.request_id),
        structlog.contextvars.bound_contextvars(import_id=import_id, block=lease.block_number),
        _span(lease, worker),
    ):
        _log.info(
            "block_claimed",
            worker=worker,
            epoch=lease.epoch,
            attempts=lease.attempts,
            line=lease.checkpoint.line_number,
        )
        if not lease.is_ordered:
            # Whoever is free takes another block meanwhile.
            nudge_on(ground, Job("import", import_id))
        if _run_block(ground, lease, should_stop):
            nudge_on(ground, Job("import", import_id))
    was_long = long_jobs.is_long(lease.block_number, lease.size_bytes)
    nudge_for_room(ground, lease.service_id, was_long=was_long)
    return True


def _span(lease: Lease, worker: str) -> AbstractContextManager[None]:
    """Below the request that set the import going; it links to the upload."""
    return tracing.span(
        "apply_block" if lease.block_number else "cut_file",
        kind="work",
        parent=lease.traceparent,
        links=[lease.uploaded_in] if lease.uploaded_in else [],
        import_id=lease.import_id,
        block=lease.block_number,
        attempts=lease.attempts,
        worker=worker,
        request_id=lease.request_id,
    )


def _run_block(ground: Ground, lease: Lease, should_stop: ShouldStop) -> bool:
    """Whether another look at the import is worth it at once."""
    run = BlockRun(ground, lease) if lease.block_number else CutRun(ground, lease)
    try:
        if not run.run(should_stop):
            _release(ground, lease, should_stop)
    except LeaseLost as lost:
        # Paused, canceled, deleted, or taken over. If it is ours still, it is free from now on; if
        # the import was resumed meanwhile, that nudge met our lease and needs another.
        _log.info("block_left", reason=str(lost))
        _release(ground, lease, should_stop)
    except FileRefused as refused:
        _reject(ground, lease, f"The file cannot be read: {refused}", should_stop)
        return False
    except QuotaReached as reached:
        _reject(ground, lease, f"The file cannot be taken: {reached}", should_stop)
        return False
    except LimitReached as reached:
        _reject(ground, lease, str(reached), should_stop)
        return False
    except LongshoreError as error:
        _log.error("block_failed", error=str(error), attempts=lease.attempts)
        tracing.fail(error.code)
        metrics().retries.labels("block").inc()
        give_back(partial(_give_up, ground, lease, error), ground.settings.patience_seconds, should_stop)
        return False
    return True


def _release(ground: Ground, lease: Lease, should_stop: ShouldStop) -> None:
    def say() -> None:
        with ground.database.begin() as session:
            giving_back.release(session, lease)

    give_back(say, ground.settings.patience_seconds, should_stop)


def _reject(ground: Ground, lease: Lease, reason: str, should_stop: ShouldStop) -> None:
    _log.info("import_refused", reason=reason)

    def say() -> None:
        with ground.database.begin() as session:
            giving_back.reject(session, lease, reason)
            # It may have been canceled meanwhile.
            giving_back.release(session, lease)

    try:
        give_back(say, ground.settings.patience_seconds, should_stop)
    except LeaseLost as lost:
        _log.info("block_left", reason=str(lost))


def _give_up(ground: Ground, lease: Lease, error: LongshoreError) -> None:
    retries, is_suspicious = Retries.of(ground.settings), isinstance(error, BlockDamaged)
    with ground.database.begin() as session:
        giving_back.give_up(session, lease, str(error), retries, is_suspicious=is_suspicious)
