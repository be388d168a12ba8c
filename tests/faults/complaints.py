"""What processes of ours said of errors that nobody had expected: a retry may hide them from every client."""

import json
from collections.abc import Iterable
from typing import Any

from tests.faults.hearing import Hearing

# How Celery tells of a worker that ends or loses a child, gunicorn of an API that answers no longer or whose
# code cannot be loaded, Python of a thread that ends; and the first two of a task and a request that raised
# something which is no domain error.
_LOST_CHILD = "WorkerLostError"
_UNEXPECTED = (
    "raised unexpected",
    "Unrecoverable error",
    _LOST_CHILD,
    "Error handling request",
    "Exception in worker process",
    "WORKER TIMEOUT",
    "Exception in thread",
)
_CHILD_IS_LOST_IN = {"worker's child killed", "worker's child terminated"}


def complaints(hearing: Hearing, faults: Iterable[str] = ()) -> list[str]:
    """One line each; without what faults of these names bring about themselves."""
    told = [f"{name}: {complaint}" for name, line in hearing.lines() if (complaint := complaint_in(line))]
    is_child_lost = not _CHILD_IS_LOST_IN.isdisjoint(faults)
    return [line for line in told if not (is_child_lost and _LOST_CHILD in line)]


def complaint_in(line: str) -> str | None:
    """What a line of a log complains of; None: nothing that could not be expected in a storm."""
    said = _parsed(line)
    event = str(said.get("event", line))
    if said.get("status") == 500:
        return f"{said.get('method')} {said.get('route')}: 500"
    return event.splitlines()[0] if any(words in event for words in _UNEXPECTED) else None


def _parsed(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
