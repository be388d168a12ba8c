"""What processes of ours said of errors that nobody had expected: a retry may hide them from every client."""

import re
from collections.abc import Set

from tests.faults.hearing import Hearing, parsed

# How Celery tells of a worker that ends, gunicorn of an API that answers no longer or whose code cannot be
# loaded, Python of a thread, or a process, that ends; and the first two of a task and a request that raised
# something which is no domain error.
_UNEXPECTED = re.compile(
    "raised unexpected|Unrecoverable error|Error handling request|Exception in worker process|WORKER TIMEOUT"
    "|Exception in thread|Fatal Python error|Segmentation fault"
    r"|\bMemoryError"  # a full Redis says OutOfMemoryError
)
# How Celery tells that a worker has lost a child, whether that was at something or not.
_LOST_CHILD = re.compile(r"Process '.*' pid:([0-9]+) exited with")


def complaints(hearing: Hearing, ended_children: Set[int] = frozenset()) -> list[str]:
    """One line each; without what is said of the children, by process id, that faults have ended."""
    return [
        f"{name}: {complaint}"
        for name, line in hearing.lines()
        if (complaint := complaint_in(line, ended_children))
    ]


def complaint_in(line: str, ended_children: Set[int] = frozenset()) -> str | None:
    """What a line of a log complains of; None: nothing that could not be expected in a storm."""
    said = parsed(line)
    event = str(said.get("event", line))
    if said.get("status") == 500:
        return f"{said.get('method')} {said.get('route')}: 500"
    lost = _LOST_CHILD.search(event)
    is_child_lost = lost is not None and int(lost[1]) not in ended_children
    return event.splitlines()[0] if is_child_lost or _UNEXPECTED.search(event) else None
