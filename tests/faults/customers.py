"""The clients of a round: each brings one order and sees it through."""

from collections.abc import Callable
from contextlib import suppress
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
from tests.faults.wishes import Moment, Seen, Wishes, has_no_worker
from tests.integration.builders import CREATE

UPLOADED = "/uploaded"
SLOW_PIECES = 20
_CUT_UPLOADS = 0.3  # of all blocks are begun and cut before they are brought
_SLOW_UPLOADS = 0.2  # longer than most faults take to come
_TOO_EARLY = 0.3  # of all clients ask for what there is only of a started import
# What a bad disk makes of a block; None: it is gone.
_DAMAGES: list[Callable[[bytes], bytes | None]] = [
    lambda _: None,
    lambda content: content[: len(content) // 2],
    lambda content: content[:-2] + b" \n",
]

# What shows most is drawn most often.
_OF_ENDS = [Moment.CONFIGURING, Moment.STARTED, *[Moment.AT_WORK] * 3]
_MOMENTS = {
    Kind.PAUSED: [Moment.STARTED, *[Moment.AT_WORK] * 2],  # it would be refused before
    Kind.CANCELED: _OF_ENDS,
    Kind.DELETED: _OF_ENDS,
}


class Customer:
    """One client and its way with one order."""

    def __init__(self, fleet: Fleet, client: CarefulClient, dice: Random) -> None:
        self._fleet = fleet
        self._client = client
        self._dice = dice

    def bring(self, order: Order) -> Seen:
        """Create, upload, start, and do what its kind asks for until it ends."""
        seen = self._bring_blocks(order)
        wishes = Wishes(self._client, self._dice, seen)
        if order.kind is Kind.DAMAGED:
            self._damage(seen.import_id)
        if self._dice.random() < _TOO_EARLY:
            wishes.ask_too_early()
        if seen.moment is not Moment.CONFIGURING:
            wishes.start(may_have_failed=order.kind is Kind.DAMAGED)
        self._see_through(order, seen, wishes)
        return seen

    def upload_until(self, is_over: Event) -> Seen:
        """Bring slow blocks, so that an upload is always under way, and have them applied at the end."""
        seen = Seen(self._client.create(UPLOADED, CREATE), Moment.AT_WORK)
        for number in count(1):
            body = lines_of(an_uploaded_block(number))
            self._client.add_block(seen.import_id, number, body, pieces=SLOW_PIECES)
            seen.block_count = number
            if is_over.is_set():
                break
        self._client.set_status(seen.import_id, "started")
        seen.resource = self._client.wait_for_end(seen.import_id)
        return seen

    def _bring_blocks(self, order: Order) -> Seen:
        is_ordered = order.kind is not Kind.UNORDERED
        moment = self._dice.choice(_MOMENTS.get(order.kind, [Moment.AT_WORK]))
        import_id = self._client.create(order.collection, order.strategies, is_ordered=is_ordered)
        seen = Seen(import_id, moment)
        for number, body in enumerate(order.bodies(), 1):
            if self._dice.random() < _CUT_UPLOADS:
                self._cut(import_id, body)
            pieces = SLOW_PIECES if self._dice.random() < _SLOW_UPLOADS else 1
            self._client.add_block(import_id, number, body, pieces=pieces)
        return seen

    def _see_through(self, order: Order, seen: Seen, wishes: Wishes) -> None:
        match order.kind:
            case Kind.DELETED:
                seen.resource = self._wait_for_moment(order, seen)
                self._client.delete(seen.import_id)
                return
            case Kind.PAUSED:
                wishes.pause_for_a_while(self._wait_for_moment(order, seen))
            case Kind.CANCELED:
                self._wait_for_moment(order, seen)
                wishes.cancel()
        seen.resource = self._client.wait_for_end(seen.import_id)

    def _wait_for_moment(self, order: Order, seen: Seen) -> dict[str, Any]:
        """The import as it is then, or where it has ended before."""
        line_count = sum(map(len, order.blocks))
        enough = self._dice.randrange(line_count // 10, line_count // 2)

        def has_come(resource: dict[str, Any]) -> bool:
            is_at_it = applied_lines(resource) >= enough and not has_no_worker(resource)
            return seen.moment is not Moment.AT_WORK or is_at_it or resource["endedDatetime"] is not None

        return self._client.wait_until(seen.import_id, has_come)

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
