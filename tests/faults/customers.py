"""The clients of a round: each brings one order and sees it through."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from threading import Event
from typing import Any

from shared.db.models import Block
from shared.errors import LongshoreError
from tests.acceptance.client import applied_lines
from tests.faults.client import PATIENCE_SECONDS, CarefulClient
from tests.faults.fleet import Fleet
from tests.faults.orders import Kind, Order, an_uploaded_block, lines_of
from tests.faults.waiting import wait_until
from tests.integration.builders import CREATE

UPLOADED = "/uploaded"
SAME_PATCHES = 10
SLOW_PIECES = 20
_CUT_UPLOADS = 0.3  # of all blocks are begun and cut before they are brought
_SLOW_UPLOADS = 0.2  # longer than most faults take to come
# What a bad disk makes of a block; None: it is gone.
_DAMAGES: list[Callable[[bytes], bytes | None]] = [
    lambda _: None,
    lambda content: content[: len(content) // 2],
    lambda content: content[:-2] + b" \n",
]


@dataclass
class Seen:
    """What a client was told in the end."""

    import_id: int
    resource: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)  # what the service did against its word
    block_count: int = 0  # of those that it acknowledged
    was_caught: bool = False  # a worker was at it right before it was paused


class Customer:
    """One client and its way with one order."""

    def __init__(self, fleet: Fleet, client: CarefulClient, dice: Random) -> None:
        self._fleet = fleet
        self._client = client
        self._dice = dice

    def bring(self, order: Order) -> Seen:
        """Create, upload, start, and do what its kind asks for until it ends."""
        is_ordered = order.kind is not Kind.UNORDERED
        seen = Seen(self._client.create(order.collection, order.strategies, is_ordered=is_ordered))
        for number, body in enumerate(order.bodies(), 1):
            if self._dice.random() < _CUT_UPLOADS:
                self._cut(seen.import_id, body)
            pieces = SLOW_PIECES if self._dice.random() < _SLOW_UPLOADS else 1
            self._client.add_block(seen.import_id, number, body, pieces=pieces)
        if order.kind is Kind.DAMAGED:
            self._damage(seen.import_id)
        is_started = self._client.set_status_from_many(seen.import_id, "started", SAME_PATCHES)
        if not is_started and order.kind is not Kind.DAMAGED:  # which may have failed by then
            seen.wrong.append("one of those who started it was refused")
        self._see_through(order, seen)
        return seen

    def upload_until(self, is_over: Event) -> Seen:
        """Bring slow blocks, so that an upload is always under way, and have them applied at the end."""
        seen = Seen(self._client.create(UPLOADED, CREATE))
        for number in count(1):
            body = lines_of(an_uploaded_block(number))
            self._client.add_block(seen.import_id, number, body, pieces=SLOW_PIECES)
            seen.block_count = number
            if is_over.is_set():
                break
        self._client.set_status(seen.import_id, "started")
        seen.resource = self._client.wait_for_end(seen.import_id)
        return seen

    def _see_through(self, order: Order, seen: Seen) -> None:
        canceled = None
        part: Callable[[dict[str, Any]], bool] = self._somewhere_in(order)
        if order.kind is Kind.DELETED:
            seen.resource = self._client.wait_until(seen.import_id, part)
            self._client.delete(seen.import_id)
            return
        if order.kind is Kind.PAUSED:
            before = self._client.wait_until(seen.import_id, part)
            if (paused := self._set(seen, "paused")) is not None:
                seen.was_caught = not _has_no_worker(before)
                left = self._client.wait_until(seen.import_id, _has_no_worker)
                if applied_lines(left) != applied_lines(paused):
                    seen.wrong.append("it went on while it was paused")
                if not self._client.set_status_from_many(seen.import_id, "resumed", SAME_PATCHES):
                    self._check_refused(seen, "resumed")
        if order.kind is Kind.CANCELED:
            self._client.wait_until(seen.import_id, part)
            canceled = self._set(seen, "canceled")
        seen.resource = self._client.wait_for_end(seen.import_id)
        if canceled is not None and _told(seen.resource) != ("canceled", applied_lines(canceled)):
            seen.wrong.append(f"it went on after it was canceled at {applied_lines(canceled)} lines")

    def _set(self, seen: Seen, status: str) -> dict[str, Any] | None:
        """The import as the service told it then; None where it had ended."""
        told = self._client.set_status(seen.import_id, status)
        if told is None:
            self._check_refused(seen, status)
        return told

    def _check_refused(self, seen: Seen, status: str) -> None:
        """Nothing but its end lets the service refuse."""
        resource = self._client.get(seen.import_id)
        if resource["endedDatetime"] is None:
            seen.wrong.append(f"it could not be {status}, being {resource['status']}")

    def _somewhere_in(self, order: Order) -> Callable[[dict[str, Any]], bool]:
        line_count = sum(map(len, order.blocks))
        enough = self._dice.randrange(line_count // 10, line_count // 2)

        def holds(resource: dict[str, Any]) -> bool:
            is_at_it = applied_lines(resource) >= enough and not _has_no_worker(resource)
            return is_at_it or resource["endedDatetime"] is not None

        return holds

    def _cut(self, import_id: int, body: bytes) -> None:
        try:
            self._client.cut_an_upload(import_id, body)
        except OSError:
            return  # the API is down: cut by itself

    def _damage(self, import_id: int) -> None:
        """The second block is gone, shorter or another for good, as a bad disk would have it."""
        damage = self._dice.choice(_DAMAGES)
        wait_until(lambda: self._has_damaged(import_id, damage), PATIENCE_SECONDS, "block 2 is damaged")

    def _has_damaged(self, import_id: int, damage: Callable[[bytes], bytes | None]) -> bool:
        with suppress(LongshoreError, OSError):  # a fault keeps it away
            with self._fleet.ground.database.begin() as session:
                key = session.get_one(Block, (import_id, 2)).storage_key
            path = self._fleet.foundation.blocks / key
            damaged = damage(path.read_bytes())
            path.unlink() if damaged is None else path.write_bytes(damaged)
            return True
        return False


def _has_no_worker(resource: dict[str, Any]) -> bool:
    return resource["work"]["worker"] is None


def _told(resource: dict[str, Any]) -> tuple[str, int]:
    return resource["status"], applied_lines(resource)
