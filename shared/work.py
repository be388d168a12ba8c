"""Why an import is where it is, as its owner is told: who works on it, what broke, what comes next.

Pure decisions only. `shared.db.blocks_in_hand` tells what the rows say.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.lifecycle import FINAL, RUNNABLE, Status

# Nothing else is shown: a worker of an earlier release may have written its host's name.
_LABEL = re.compile(r"worker-[0-9a-f]+")


class WorkState(StrEnum):
    """What goes on with an import, in more detail than its status tells."""

    CONFIGURING = "configuring"  # it was not started
    WAITING = "waiting"  # for a free worker
    WORKING = "working"  # a worker applies a block
    SILENT = "silent"  # its worker was not heard of lately; another one takes over when the lease is over
    RETRYING = "retrying"  # after a critical failure: when a pause has passed, by the next free worker
    PAUSED = "paused"  # by its owner
    MAINTENANCE = "maintenance"  # of the service; it goes on by itself afterwards
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class BlockInHand:
    """The block that an import is at, by the database's clock."""

    number: int  # from 1; 0 is a file to be cut into blocks
    worker: str | None  # who held the lease last
    lease_seconds_left: float | None  # below 0 when it has run out; None: nobody has one
    leased_until: datetime | None
    attempts: int
    is_failing: bool  # and has made no progress since
    due_at: datetime
    is_early: bool  # not due yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Who works on an import, and what comes next."""

    state: WorkState
    reason: str  # one sentence, for people
    worker: str | None = None  # an opaque label
    workers: int = 0  # that have a block of it; more than one where its order does not matter
    heartbeat_age_seconds: float | None = None  # since the worker was last heard of
    block_number: int | None = None
    attempts: int = 0  # at the block since its last checkpoint; 0 as soon as the one under way reaches one
    last_error: str | None = None  # the last critical failure, also where all went well afterwards
    next_retry_at: datetime | None = None  # never in the past; None while the import stands still


def work_of(
    status: Status,
    block: BlockInHand | None,
    *,
    last_error: str | None,
    is_suspended: bool,
    is_maintenance: bool,
    lease_seconds: float,
    workers: int = 0,
) -> Work:
    """What there is to tell. `lease_seconds` is how long a lease lasts from a worker's sign of life on."""
    if status is Status.CONFIGURING:
        return Work(state=WorkState.CONFIGURING, reason="It takes blocks until it is started.")
    if status in FINAL:
        return Work(state=WorkState.ENDED, reason=_how_it_ended(status, last_error), last_error=last_error)
    told = _of_block(status, block, lease_seconds)
    if is_maintenance or status not in RUNNABLE:
        told = _standing(told, block)
    if is_suspended or (is_maintenance and status in RUNNABLE):
        told = replace(
            told,
            state=WorkState.MAINTENANCE,
            reason="The service is under maintenance; the import goes on by itself afterwards.",
        )
    return replace(told, last_error=last_error, workers=workers)


def _of_block(status: Status, block: BlockInHand | None, lease_seconds: float) -> Work:
    told = Work(state=WorkState.WAITING, reason="It waits for a free worker.")
    if block is not None:
        told = replace(_of_lease(block, lease_seconds), block_number=block.number, attempts=block.attempts)
    if status is Status.PAUSED:
        return replace(told, state=WorkState.PAUSED, reason="It was paused, and goes on when it is resumed.")
    if status is Status.CANCELING:
        return replace(told, reason="It ends as soon as its worker lets go.")
    return told


def _standing(told: Work, block: BlockInHand | None) -> Work:
    """Of an import that nobody takes up now: nothing comes next, and a worker that died is gone."""
    told = replace(told, next_retry_at=None)
    is_held = block is not None and _is_held(block)
    return told if is_held else replace(told, worker=None, heartbeat_age_seconds=None)


def _is_held(block: BlockInHand) -> bool:
    return block.lease_seconds_left is not None and block.lease_seconds_left > 0


def _of_lease(block: BlockInHand, lease_seconds: float) -> Work:
    what = f"block {block.number}" if block.number else "its file"
    if block.lease_seconds_left is not None:
        return _of_worker(block, what, lease_seconds - block.lease_seconds_left, lease_seconds)
    if block.is_early:
        reason = f"Applying {what} broke; it is tried again when the pause is over."
        return Work(state=WorkState.RETRYING, reason=reason, next_retry_at=block.due_at)
    if block.is_failing:
        return Work(
            state=WorkState.RETRYING,
            reason=f"Applying {what} broke; it is tried again by the next free worker.",
        )
    return Work(state=WorkState.WAITING, reason=f"It waits for a free worker to apply {what}.")


def _of_worker(block: BlockInHand, what: str, age_seconds: float, lease_seconds: float) -> Work:
    is_label = block.worker is not None and _LABEL.fullmatch(block.worker) is not None
    told = Work(
        state=WorkState.WORKING,
        reason=f"A worker applies {what}.",
        worker=block.worker if is_label else None,
        heartbeat_age_seconds=round(max(0.0, age_seconds), 1),
    )
    if age_seconds <= lease_seconds / 2:
        return told
    reason = f"The worker that applied {what} was not heard of lately; another one takes over if it stays so."
    # Once it has passed, another worker may take over at any moment.
    next_retry_at = block.leased_until if _is_held(block) else None
    return replace(told, state=WorkState.SILENT, reason=reason, next_retry_at=next_retry_at)


def _how_it_ended(status: Status, last_error: str | None) -> str:
    reasons = {
        Status.COMPLETE: "Every line has had its effect.",
        Status.CANCELED: "It was canceled; what was applied until then stays.",
        Status.FAILED: f"It failed several times: {last_error}",
        Status.REJECTED: str(last_error),
    }
    return reasons[status]
