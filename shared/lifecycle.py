"""The life of an import: one table of which event leads from which status to which.

Pure decisions only. `shared.db.transition` is the one place that moves a row by this table.
"""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where an import is in its life, in the words of the published API."""

    CONFIGURING = "configuring"  # takes blocks and changes of configuration
    STARTED = "started"  # waits for a worker
    RUNNING = "running"  # a worker applies its blocks
    PAUSED = "paused"  # stopped at a checkpoint until resumed
    RESUMED = "resumed"  # waits for a worker again
    CANCELED = "canceled"  # stopped for good by its owner
    COMPLETE = "complete"  # every line has had its effect
    FAILED = "failed"  # stopped for good by repeated critical failures


class Event(StrEnum):
    """What can happen to an import."""

    START = "start"
    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    COMPLETE = "complete"
    FAIL = "fail"


FINAL = frozenset({Status.CANCELED, Status.COMPLETE, Status.FAILED})

# Statuses in which a worker may take one of the import's blocks.
RUNNABLE = frozenset({Status.STARTED, Status.RUNNING, Status.RESUMED})

TARGET: Mapping[Event, Status] = {
    Event.START: Status.STARTED,
    Event.RUN: Status.RUNNING,
    Event.PAUSE: Status.PAUSED,
    Event.RESUME: Status.RESUMED,
    Event.CANCEL: Status.CANCELED,
    Event.COMPLETE: Status.COMPLETE,
    Event.FAIL: Status.FAILED,
}

SOURCES: Mapping[Event, frozenset[Status]] = {
    Event.START: frozenset({Status.CONFIGURING}),
    Event.RUN: frozenset({Status.STARTED, Status.RESUMED}),
    Event.PAUSE: RUNNABLE,
    Event.RESUME: frozenset({Status.PAUSED}),
    Event.CANCEL: frozenset(Status) - FINAL,
    Event.COMPLETE: frozenset({Status.RUNNING}),
    Event.FAIL: RUNNABLE,
}

# The statuses a client may ask for, and the event each stands for.
SETTABLE: Mapping[Status, Event] = {
    Status.STARTED: Event.START,
    Status.PAUSED: Event.PAUSE,
    Status.RESUMED: Event.RESUME,
    Status.CANCELED: Event.CANCEL,
}


def after(status: Status, event: Event) -> Status | None:
    """The status that `event` leads to from `status`; None where the event is refused."""
    return TARGET[event] if status in SOURCES[event] else None
