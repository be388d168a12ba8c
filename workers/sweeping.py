"""What rows say is due gets done, whatever Redis lost: the work of one beat."""

import structlog

from shared.db import imports, sweeps
from shared.ground import Ground

_log = structlog.get_logger()

NUDGES_A_SWEEP = 1000
REMOVALS_A_SWEEP = 100
UPLOAD_HOURS = 24


def sweep(ground: Ground) -> None:
    """Nudge imports that wait without anybody working on them, and remove what was deleted.

    Any number of sweeps may run at once: all but one find the turn taken and do nothing.
    """
    with ground.database.begin() as session:
        if not sweeps.take_turn(session):
            return
        due = imports.due(session, limit=NUDGES_A_SWEEP)
        garbage = sweeps.garbage(session, limit=REMOVALS_A_SWEEP)
        _nudge(ground, due)
        for import_id in garbage:
            ground.storage.remove_import(import_id)
            sweeps.forget_garbage(session, import_id)
    ground.storage.remove_unfinished(UPLOAD_HOURS * 3600)


def _nudge(ground: Ground, due: list[int]) -> None:
    # While workers have enough waiting for them, nothing may be lost: nudging would only pile up.
    if not due or ground.dispatcher.waiting() >= len(due):
        return
    for import_id in due:
        ground.dispatcher.nudge_import(import_id)
    _log.info("imports_nudged", imports=len(due))
