"""An export from its selection to its files: one consistent snapshot, begun again where it breaks."""

from functools import partial

import structlog

from shared import request_ids, tracing
from shared.bounds import Bounds
from shared.db import exports, sessions
from shared.db.endings import tell_end_of_export
from shared.db.exports import ExportLease
from shared.db.queries.refusals import QueryRefused
from shared.errors import LeaseLost, LongshoreError, QuotaReached
from shared.formats.records import RecordRefused
from shared.ground import Ground
from shared.heartbeat import Stopped
from shared.metrics import metrics
from shared.retries import Retries
from shared.templates.errors import TemplateRefused
from workers.applying import ShouldStop
from workers.export_groups import group_of
from workers.export_run import ExportRun
from workers.giving_back import give_back
from workers.nudging import nudge_for_room

_log = structlog.get_logger()


def run_export(ground: Ground, export_id: int, *, worker: str, should_stop: ShouldStop) -> bool:
    """Write the export's files, then nudge for the next long job of its data service.

    Safe to call at any time and any number of times: without an export to take, or while its data service has
    as many long jobs at work as it may, it does nothing, and returns False. Raises ConflictOfTransactions
    where others hold the export.
    """
    lease = _claim(ground, export_id, worker)
    if lease is None:
        _cancel(ground, export_id)
        return False
    with (
        request_ids.bound(lease.request_id),
        structlog.contextvars.bound_contextvars(export_id=export_id),
        tracing.span(
            "write_export",
            kind="work",
            parent=lease.traceparent,
            export_id=export_id,
            attempts=lease.attempts,
            worker=worker,
            request_id=lease.request_id,
        ),
    ):
        _log.info("export_claimed", worker=worker, epoch=lease.epoch, attempts=lease.attempts)
        try:
            _attempt(ground, lease, should_stop)
        except LeaseLost as lost:
            _log.info("export_left", reason=str(lost))
            ground.storage.remove_group(group_of(export_id, lease.epoch))
        finally:
            # Asked for while we were at it, whatever else happened then.
            _cancel(ground, export_id, epoch=lease.epoch)
    nudge_for_room(ground, lease.service_id, was_long=True)
    return True


def _claim(ground: Ground, export_id: int, worker: str) -> ExportLease | None:
    settings = ground.settings
    with ground.database.begin() as session:
        sessions.wait_briefly(session)
        if exports.fail_if_exhausted(session, export_id, attempts=settings.attempts):
            tell_end_of_export(session, export_id, settings.public_url)
            return None
        return exports.claim(
            session,
            export_id,
            worker=worker,
            lease_seconds=settings.lease_seconds,
            bounds=Bounds.of(settings),
        )


def _attempt(ground: Ground, lease: ExportLease, should_stop: ShouldStop) -> None:
    """Raises LeaseLost."""
    patience_seconds = ground.settings.patience_seconds
    try:
        ExportRun(ground, lease, should_stop).run()
    except LeaseLost:
        raise
    except (QueryRefused, RecordRefused, TemplateRefused, QuotaReached) as refused:
        _log.info("export_refused", reason=str(refused))
        # What may be left of its files the sweep removes: block storage may not answer before the lease ends.
        give_back(partial(_reject, ground, lease, str(refused)), patience_seconds, should_stop)
    except Stopped:
        give_back(partial(_release, ground, lease), patience_seconds, should_stop)
        ground.dispatcher.nudge_export(lease.export_id)
    except LongshoreError as error:
        _log.error("export_failed", error=str(error), attempts=lease.attempts)
        tracing.fail(error.code)
        metrics().retries.labels("export").inc()
        give_back(partial(_give_up, ground, lease, str(error)), patience_seconds, should_stop)


def _cancel(ground: Ground, export_id: int, *, epoch: int = -1) -> None:
    with ground.database.begin() as session:
        if exports.cancel(session, export_id, epoch=epoch):
            tell_end_of_export(session, export_id, ground.settings.public_url)


def _release(ground: Ground, lease: ExportLease) -> None:
    with ground.database.begin() as session:
        exports.release(session, lease)


def _reject(ground: Ground, lease: ExportLease, reason: str) -> None:
    with ground.database.begin() as session:
        exports.reject(session, lease, reason)
        tell_end_of_export(session, lease.export_id, ground.settings.public_url)


def _give_up(ground: Ground, lease: ExportLease, reason: str) -> None:
    with ground.database.begin() as session:
        if exports.give_up(session, lease, reason, Retries.of(ground.settings)):
            tell_end_of_export(session, lease.export_id, ground.settings.public_url)
