"""THE move: an import goes from one status to the next in one compare-and-set statement, or not at all."""

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shared import request_ids, tracing
from shared.db.committing import on_commit
from shared.db.endings import tell_end_of_import
from shared.db.models import Import, ImportEvent
from shared.lifecycle import FINAL, SOURCES, TARGET, Event
from shared.metrics import metrics

_log = structlog.get_logger()


def move(session: Session, import_id: int, event: Event) -> bool:
    """Move the import by `event` and note it; False where its status, or its absence, refuses.

    Of two callers at once, the second waits for the first and then meets the new status.
    """
    target = TARGET[event]
    moved = session.execute(
        update(Import)
        .where(Import.id == import_id, Import.status.in_(SOURCES[event]))
        .values(status=target, is_suspended=event is Event.SUSPEND, **_moments(event), **_origin(event))
        .execution_options(synchronize_session=False)
        .returning(Import.request_id)
    ).first()
    if moved is None:
        return False
    session.add(ImportEvent(import_id=import_id, event=event, to_status=target))
    session.flush()
    origin = request_ids.fields(request_ids.current() or moved.request_id)
    _log.info("import_moved", import_id=import_id, to_status=target, **origin)
    on_commit(session, metrics().imports.labels(target).inc)
    if target in FINAL:
        tell_end_of_import(session, import_id)
    return True


def _moments(event: Event) -> dict[str, object]:
    if event is Event.START:
        return {"started_at": func.now()}
    if event is Event.RUN:
        return {"ran_at": func.coalesce(Import.ran_at, func.now())}
    if TARGET[event] in FINAL:
        return {"ended_at": func.now()}
    return {}


def _origin(event: Event) -> dict[str, str]:
    """Who sets it going answers for what workers do; who pauses it does not."""
    if event not in (Event.START, Event.RESUME):
        return {}
    traceparent = tracing.traceparent()
    traced = {} if traceparent is None else {"traceparent": traceparent}
    return request_ids.fields(request_ids.current()) | traced


def events_of(session: Session, import_id: int) -> list[ImportEvent]:
    """The import's moves, oldest first."""
    found = select(ImportEvent).where(ImportEvent.import_id == import_id).order_by(ImportEvent.id)
    return list(session.scalars(found))
