"""What a client asks of its import, alone or with others at once, and which answers break a promise."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from tests.acceptance.client import applied_lines
from tests.faults.client import CarefulClient

SAME_PATCHES = 10
_FROM_MANY = 0.5  # of all pauses and cancels come from so many at once


class Moment(StrEnum):
    """When a client pauses, cancels or deletes its import."""

    CONFIGURING = "configuring"  # before it is started
    STARTED = "started"  # right then: most often a worker is still to take it
    AT_WORK = "at work"  # a worker is in the middle of it


@dataclass
class Seen:
    """What a client was told in the end."""

    import_id: int
    moment: Moment
    resource: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)  # what the service did against its word
    block_count: int = 0  # of those that it acknowledged
    was_caught: bool = False  # a worker was at it right before it was paused


class Wishes:
    """Those of one client for one import; what is wrong is noted in `seen`."""

    def __init__(self, client: CarefulClient, dice: Random, seen: Seen) -> None:
        self._client = client
        self._dice = dice
        self._seen = seen

    def ask_too_early(self) -> None:
        """For what there is only of an import that was started."""
        status = self._dice.choice(["paused", "resumed"])
        if self._set(status) is not None:
            self._seen.wrong.append(f"it was {status} before it was started")

    def start(self, *, may_have_failed: bool) -> None:
        if None in self._set_from_many("started") and not may_have_failed:
            self._seen.wrong.append("one of those who started it was refused")

    def pause_for_a_while(self, before: dict[str, Any]) -> None:
        """Resume it when its worker has let go; `before` is the import right before."""
        if (paused := self._ask("paused")) is None:
            return
        self._seen.was_caught = not has_no_worker(before)
        left = self._client.wait_until(self._seen.import_id, has_no_worker)
        if _told(left) != ("paused", applied_lines(paused)):
            self._seen.wrong.append("it went on while it was paused")
        if None in self._set_from_many("resumed"):
            self._check_refused("resumed")

    def cancel(self) -> None:
        if (canceled := self._ask("canceled")) is None:
            return
        left = self._client.wait_for_end(self._seen.import_id)
        if _told(left) != ("canceled", applied_lines(canceled)):
            self._seen.wrong.append(f"it went on after it was canceled at {applied_lines(canceled)} lines")
        if self._set("started") is not None:
            self._seen.wrong.append("it was started after it was canceled")

    def _ask(self, status: str) -> dict[str, Any] | None:
        """The import as the service told it then; None where it had ended. All who ask are told the same."""
        is_of_many = self._dice.random() < _FROM_MANY
        answers = self._set_from_many(status) if is_of_many else [self._set(status)]
        if None in answers:
            self._check_refused(status)
        told = [answer and _told(answer) for answer in answers]
        if any(one != told[0] for one in told):
            self._seen.wrong.append(f"{SAME_PATCHES} who had it {status} at once were told {told}")
        return answers[0]

    def _set(self, status: str) -> dict[str, Any] | None:
        return self._client.set_status(self._seen.import_id, status)

    def _set_from_many(self, status: str) -> list[dict[str, Any] | None]:
        return self._client.set_status_from_many(self._seen.import_id, status, SAME_PATCHES)

    def _check_refused(self, status: str) -> None:
        """Nothing but its end lets the service refuse."""
        resource = self._client.get(self._seen.import_id)
        if resource["endedDatetime"] is None:
            self._seen.wrong.append(f"it could not be {status}, being {resource['status']}")


def has_no_worker(resource: dict[str, Any]) -> bool:
    return resource["work"]["worker"] is None


def _told(resource: dict[str, Any]) -> tuple[str, int]:
    return resource["status"], applied_lines(resource)
