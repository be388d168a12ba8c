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
    PAUSED = "paused"  # stopped at a checkpoint until resumed, by its owner or for maintenance
    RESUMED = "resumed"  # waits for a worker again
    CANCELING = "canceling"  # asked to stop for good; its worker has not let go yet
    CANCELED = "canceled"  # stopped for good by its owner
    COMPLETE = "complete"  # every line has had its effect
    FAILED = "failed"  # stopped for good by repeated critical failures
    REJECTED = "rejected"  # its file cannot be used, or its template takes too long


class Event(StrEnum):
    """What can happen to an import."""

    START = "start"
    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    SUSPEND = "suspend"  # maintenance begins
    READMIT = "readmit"  # maintenance has ended
    CANCEL = "cancel"
    ASK_TO_CANCEL = "ask_to_cancel"
    LET_GO = "let_go"  # nobody works on it any longer
    COMPLETE = "complete"
    FAIL = "fail"
    REJECT = "reject"


FINAL = frozenset({Status.CANCELED, Status.COMPLETE, Status.FAILED, Status.REJECTED})

# Statuses in which a worker may take one of the import's blocks.
RUNNABLE = frozenset({Status.STARTED, Status.RUNNING, Status.RESUMED})

TARGET: Mapping[Event, Status] = {
    Event.START: Status.STARTED,
    Event.RUN: Status.RUNNING,
    Event.PAUSE: Status.PAUSED,
    Event.RESUME: Status.RESUMED,
    Event.SUSPEND: Status.PAUSED,
    Event.READMIT: Status.RESUMED,
    Event.CANCEL: Status.CANCELED,
    Event.ASK_TO_CANCEL: Status.CANCELING,
    Event.LET_GO: Status.CANCELED,
    Event.COMPLETE: Status.COMPLETE,
    Event.FAIL: Status.FAILED,
    Event.REJECT: Status.REJECTED,
}

SOURCES: Mapping[Event, frozenset[Status]] = {
    Event.START: frozenset({Status.CONFIGURING}),
    Event.RUN: frozenset({Status.STARTED, Status.RESUMED}),
    # One that maintenance paused may be paused by its owner, too, and stays so then.
    Event.PAUSE: RUNNABLE | {Status.PAUSED},
    Event.RESUME: frozenset({Status.PAUSED}),
    Event.SUSPEND: frozenset({Status.RUNNING}),
    Event.READMIT: frozenset({Status.PAUSED}),
    Event.CANCEL: frozenset(Status) - FINAL,
    Event.ASK_TO_CANCEL: frozenset({Status.RUNNING}),
    Event.LET_GO: frozenset({Status.CANCELING}),
    Event.COMPLETE: frozenset({Status.RUNNING}),
    Event.FAIL: RUNNABLE,
    Event.REJECT: frozenset({Status.RUNNING}),
}

# The statuses a client may ask for, and the event each stands for.
SETTABLE: Mapping[Status, Event] = {
    Status.STARTED: Event.START,
    Status.PAUSED: Event.PAUSE,
    Status.RESUMED: Event.RESUME,
    Status.CANCELED: Event.CANCEL,
}


# What workers, and maintenance, make of a status in a moment: whoever asks for it a second time must not be
# refused for it.
_FOLLOWED_BY: Mapping[Status, frozenset[Status]] = {
    Status.STARTED: frozenset({Status.RUNNING, Status.RESUMED, Status.COMPLETE}),
    Status.RESUMED: frozenset({Status.RUNNING, Status.COMPLETE}),
}


def has_been(status: Status, asked: Status, *, is_suspended: bool) -> bool:
    """Whether an import of this status is as it was asked to be, or has got on since.

    One that maintenance paused has run. It may still be asked to pause, and stays so then, or to go on.
    """
    if is_suspended:
        return asked is Status.STARTED
    return status == asked or status in _FOLLOWED_BY.get(asked, ())


def after(status: Status, event: Event) -> Status | None:
    """The status that `event` leads to from `status`; None where the event is refused."""
    return TARGET[event] if status in SOURCES[event] else None
