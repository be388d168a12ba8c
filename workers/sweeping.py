"""What rows say is due gets done, whatever Redis lost: the work of one beat."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from shared.bounds import Bounds
from shared.db import (
    examining,
    exports,
    imports,
    long_jobs,
    maintenance,
    notifications,
    retention,
    sessions,
    suspending,
    sweeps,
    uploads,
)
from shared.db.database import Session
from shared.db.transition import move
from shared.errors import ConflictOfTransactions, StorageFault
from shared.ground import Ground
from shared.heartbeat import Heartbeat, Stopped
from shared.lifecycle import Event
from shared.metrics import metrics
from shared.turns import Job
from workers.export_groups import attempt_of, groups_between
from workers.nudging import nudge

_log = structlog.get_logger()

NUDGES_A_SWEEP = 1000
NUDGES_LOOKED_AT = 5000
SUSPENDED_A_SWEEP = 100
REMOVALS_A_SWEEP = 100
UPLOAD_HOURS = 24
# No client may be silent for nearly as long, but the database may be away.
UPLOAD_SILENCE = timedelta(hours=1)
# A bucket that is reached and removes nothing takes half a minute to say so, for each.
FAULTS_SECONDS = 10.0
# How often a sweep that removes learns that its worker goes home.
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class _Garbage:
    """Bytes that are to be removed."""

    label: str  # what `number` is, as the log calls it
    number: int
    groups: Sequence[str]
    forget: Callable[[Session, int], None]  # notes that they are gone
    put_behind: Callable[[Session, int], None]  # notes that they cannot be removed

    def fields(self) -> dict[str, int]:
        """Whose they are, for the log."""
        return {self.label: self.number}


def sweep(
    ground: Ground,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    faults_seconds: float = FAULTS_SECONDS,
) -> None:
    """Nudge what waits without anybody working on it, end what was canceled, remove what was deleted
    or kept for long enough.

    Of each kind, what cannot be removed is passed over for `faults_seconds`; then the next of it leaves the
    rest of its kind to another sweep. Any number of sweeps may run at once: all but one find the turn taken
    and do nothing. So with removing, which may take so long that others sweep meanwhile; where `should_stop`,
    the rest of it is left to another sweep.
    """
    with ground.database.begin() as session:
        if not sweeps.take_turn(session):
            return
        _nudge(ground, session, should_stop)
        swept_at = examining.clock(session)
    metrics().sweeps.inc()
    # Not in a row: a database that has nothing to do would have one COMMIT after the other to sync.
    ground.dispatcher.note_sweep(swept_at)
    _unless_held(_end_canceled, ground)
    _unless_held(_keep_to_maintenance, ground, should_stop)
    _unless_held(_end_keeping, ground)
    _unless_held(_give_up_uploads, ground)
    # Apart from what must go on also while block storage is away.
    with suppress(Stopped):
        _remove(ground, faults_seconds, should_stop)


def _unless_held(step: Callable[..., None], *given: object) -> None:
    """What somebody holds is left for another sweep, and keeps this one from none of its other steps."""
    try:
        step(*given)
    except ConflictOfTransactions as conflict:
        _log.warning("sweep_gave_way", step=step.__name__.removeprefix("_"), reason=str(conflict))


def _end_canceled(ground: Ground) -> None:
    with ground.database.begin() as session:
        abandoned = imports.abandoned_cancels(session, limit=NUDGES_A_SWEEP)
    # No worker comes back to them: a lease on what is being canceled is never renewed.
    _one_by_one(ground, abandoned, partial(move, event=Event.LET_GO))


def _keep_to_maintenance(ground: Ground, should_stop: Callable[[], bool]) -> None:
    """Where its beginning or end broke off: nothing runs during it, nothing is paused for it otherwise."""
    with _briefly(ground) as session:
        if maintenance.is_on(session):
            suspending.suspend_free(session, limit=SUSPENDED_A_SWEEP)
            return
        resumed = suspending.readmit(session, limit=SUSPENDED_A_SWEEP)
    _nudge_all(ground, [Job("import", import_id) for import_id in resumed], should_stop)


def _nudge(ground: Ground, session: Session, should_stop: Callable[[], bool]) -> None:
    if notifications.are_due(session):
        ground.dispatcher.nudge_mails()
    due = _due(ground, session)
    # With more than anybody looks at, workers have enough to do, and nudging would only pile up.
    if not due or ground.dispatcher.waiting() >= NUDGES_LOOKED_AT:
        return
    # How many wait says nothing: while one job has two nudges, another one may have lost its own.
    nudged = ground.dispatcher.nudged(looks=NUDGES_LOOKED_AT)
    lost = [job for job in due if job not in nudged]
    _nudge_all(ground, lost, should_stop)
    if lost:
        _log.info("nudged", jobs=len(lost))


def _nudge_all(ground: Ground, jobs: Iterable[Job], should_stop: Callable[[], bool]) -> None:
    for job in jobs:
        # While Redis does not answer, each takes a second.
        if should_stop():
            return
        nudge(ground, job)


def _due(ground: Ground, session: Session) -> list[Job]:
    bounds = Bounds.of(ground.settings)
    due_imports = imports.due(session, bounds, limit=NUDGES_A_SWEEP)
    due_exports = long_jobs.due_exports(session, bounds, limit=NUDGES_A_SWEEP)
    return [Job("import", number) for number in due_imports] + [
        Job("export", number) for number in due_exports
    ]


def _end_keeping(ground: Ground) -> None:
    """A transaction of its own, and a short one: whoever stores something meanwhile waits for it."""
    upload_days, block_days = ground.settings.upload_days, ground.settings.block_days
    with _briefly(ground) as session:
        ended = retention.end_keeping_files(session, days=upload_days, limit=REMOVALS_A_SWEEP)
        if block_days is not None:
            ended += retention.end_keeping_blocks(session, days=block_days, limit=REMOVALS_A_SWEEP)
    if ended:
        _log.info("bytes_kept_no_longer", imports=len(ended))


def _give_up_uploads(ground: Ground) -> None:
    age = timedelta(hours=UPLOAD_HOURS)
    with ground.database.begin() as session:
        silent = uploads.silent(session, silence=UPLOAD_SILENCE, limit=REMOVALS_A_SWEEP)
        abandoned = imports.abandoned_uploads(session, older_than=age, limit=REMOVALS_A_SWEEP)
    _one_by_one(ground, silent, _give_up_silent)
    _one_by_one(ground, abandoned, imports.give_up)


def _give_up_silent(session: Session, import_id: int) -> None:
    if uploads.end_silent(session, import_id, silence=UPLOAD_SILENCE):
        imports.give_up(session, import_id)


def _one_by_one(ground: Ground, found: Iterable[int], act: Callable[[Session, int], object]) -> None:
    """Each import by itself: what of one is held by somebody else is left for another sweep.

    Past a lease the next that is held ends it, or waiting for all of them would keep one worker after the
    other. Raises ConflictOfTransactions there.
    """
    until = time.monotonic() + ground.settings.lease_seconds
    for import_id in found:
        try:
            with _briefly(ground) as session:
                act(session, import_id)
        except ConflictOfTransactions as conflict:
            if time.monotonic() >= until:
                raise
            _log.warning("sweep_gave_way", import_id=import_id, reason=str(conflict))


def _remove(ground: Ground, faults_seconds: float, should_stop: Callable[[], bool]) -> None:
    """Raises Stopped."""
    with ground.database.begin() as turn:
        if not sweeps.take_removing_turn(turn):
            return

        def keep_turn() -> None:
            # Large files may take minutes, and the database ends what is silent for a lease.
            sessions.break_silence(turn)
            if should_stop():
                raise Stopped

        with Heartbeat(keep_turn, min(LOOK_SECONDS, ground.settings.lease_seconds / 3)) as heartbeat:

            def still_comes(group: str) -> bool:
                heartbeat.check()
                return _may_go_on(ground, group)

            for kind in _found_garbage(ground):
                _remove_garbage(ground, kind, time.monotonic() + faults_seconds, heartbeat.check)
            heartbeat.check()
            ground.storage.remove_unfinished(UPLOAD_HOURS * 3600, still_comes)


def _remove_garbage(
    ground: Ground, found: Iterable[_Garbage], until: float, look: Callable[[], None]
) -> None:
    """Remove it, to the first past `until` that cannot be: asking for each of the rest would take hours.

    `look` is called before and in each removal, and may raise. Raises StorageFault where block storage is
    away.
    """
    for garbage in found:
        if _is_refused(ground, garbage, look) and time.monotonic() >= until:
            return


def _found_garbage(ground: Ground) -> list[list[_Garbage]]:
    """By kind: while what takes long to say that it cannot be removed is of one, others have their turn."""
    with ground.database.begin() as session:
        deleted = sweeps.garbage(session, limit=REMOVALS_A_SWEEP)
        removed = sweeps.removed(session, age=UPLOAD_SILENCE, limit=REMOVALS_A_SWEEP)
        expired = retention.export_garbage(session, limit=REMOVALS_A_SWEEP)
    of_garbage = sweeps.forget_garbage, sweeps.put_garbage_behind
    # Who had not heard of it may have stored more.
    of_removal = (
        partial(sweeps.forget_removal, age=UPLOAD_SILENCE),
        partial(sweeps.put_removal_behind, age=UPLOAD_SILENCE),
    )
    of_files = retention.forget_files, retention.put_files_behind
    return [
        [_Garbage("import_id", number, [str(number)], *of_garbage) for number in deleted],
        [_Garbage("import_id", number, [str(number)], *of_removal) for number in removed],
        # Those that were removed before, too: who had lost its lease may have written more behind that.
        [
            _Garbage("export_id", number, groups_between(number, 1, epoch), *of_files)
            for number, epoch in expired
        ],
    ]


def _is_refused(ground: Ground, garbage: _Garbage, look: Callable[[], None]) -> bool:
    """Remove it, bytes first: what is forgotten is gone. Whether block storage did not let it be removed.

    What could not be, or is held, is left for another sweep. Raises StorageFault where it is not that alone.
    """
    try:
        for group in garbage.groups:
            look()
            ground.storage.remove_group(group, look)
        with _briefly(ground) as session:
            garbage.forget(session, garbage.number)
    except StorageFault as fault:
        ground.storage.check()
        # Or as many as a sweep asks for would be the first of each, and what is behind them stay for ever.
        with suppress(ConflictOfTransactions), _briefly(ground) as session:
            garbage.put_behind(session, garbage.number)
        _log.error("bytes_not_removed", error=str(fault), **garbage.fields())
        return True
    except ConflictOfTransactions as conflict:
        _log.warning("removal_not_noted", reason=str(conflict), **garbage.fields())
    return False


@contextmanager
def _briefly(ground: Ground) -> Iterator[Session]:
    """A transaction that waits for nobody for more than a moment. Raises ConflictOfTransactions."""
    with ground.database.begin() as session:
        sessions.wait_briefly(session)
        yield session


def _may_go_on(ground: Ground, group: str) -> bool:
    """Whether block storage's group is that of an upload, or of an export's attempt, that may go on."""
    attempt = attempt_of(group)
    if attempt is None and not group.isdecimal():
        return False
    with ground.database.begin() as session:
        if attempt is not None:
            return exports.may_write(session, *attempt)
        return uploads.is_there(session, int(group))
