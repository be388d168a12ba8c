"""What processes of ours said of errors that nobody had expected: a retry may hide them from every client."""

import json
from typing import Any

from tests.faults.hearing import Hearing

# How Celery tells of a task, and gunicorn of a request, that raised something which is no domain error.
_UNEXPECTED = ("raised unexpected", "Error handling request", "Exception in worker process")


def complaints(hearing: Hearing) -> list[str]:
    """One line each."""
    return [f"{name}: {complaint}" for name, line in hearing.lines() if (complaint := complaint_in(line))]


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
