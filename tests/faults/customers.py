"""The clients of a round: each brings one order and sees it through."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from threading import Event
from typing import Any
from uuid import uuid4

import httpx

from shared.db.models import Block
from shared.jobs import FINAL
from tests.acceptance.client import applied_lines
from tests.faults.client import CarefulClient
from tests.faults.fleet import Fleet
from tests.faults.orders import Kind, Order, an_uploaded_block, lines_of
from tests.faults.waiting import LOOK_SECONDS
from tests.integration.builders import CREATE

UPLOADED = "/uploaded"
SAME_PATCHES = 10
SLOW_PIECES = 20
_CUT_UPLOADS = 0.3  # of all blocks are begun and cut before they are brought
_SLOW_UPLOADS = 0.2  # longer than most faults take to come


@dataclass
class Seen:
    """What a client was told in the end."""

    import_id: int
    resource: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)  # what the service did against its word
    block_count: int = 0  # of those that it acknowledged


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
            self._client.wait_until(seen.import_id, part)
            if (paused := self._client.set_status(seen.import_id, "paused")) is not None:
                left = self._client.wait_until(seen.import_id, _has_no_worker)
                if applied_lines(left) != applied_lines(paused):
                    seen.wrong.append("it went on while it was paused")
                self._client.set_status_from_many(seen.import_id, "resumed", SAME_PATCHES)
        if order.kind is Kind.CANCELED:
            self._client.wait_until(seen.import_id, part)
            canceled = self._client.set_status(seen.import_id, "canceled")
        seen.resource = self._client.wait_for_end(seen.import_id)
        if canceled is not None and _told(seen.resource) != ("canceled", applied_lines(canceled)):
            seen.wrong.append(f"it went on after it was canceled at {applied_lines(canceled)} lines")

    def _somewhere_in(self, order: Order) -> Callable[[dict[str, Any]], bool]:
        line_count = sum(map(len, order.blocks))
        enough = self._dice.randrange(line_count // 10, line_count * 2 // 3)
        return lambda resource: applied_lines(resource) >= enough or resource["endedDatetime"] is not None

    def _cut(self, import_id: int, body: bytes) -> None:
        try:
            self._client.cut_an_upload(import_id, body)
        except OSError:
            return  # the API is down: cut by itself

    def _damage(self, import_id: int) -> None:
        """The second block is gone, shorter or another for good, as a bad disk would have it."""
        with self._fleet.ground.database.begin() as session:
            key = session.get_one(Block, (import_id, 2)).storage_key
        path = self._fleet.foundation.blocks / key
        content = path.read_bytes()
        damaged = self._dice.choice([None, content[: len(content) // 2], content[:-2] + b" \n"])
        path.unlink() if damaged is None else path.write_bytes(damaged)


def _has_no_worker(resource: dict[str, Any]) -> bool:
    return resource["work"]["worker"] is None


def _told(resource: dict[str, Any]) -> tuple[str, int]:
    return resource["status"], applied_lines(resource)


class BatchCustomer:
    """A client of the other door, with an account of its own."""

    def __init__(self, urls: list[str], email: str, password: str, community: str) -> None:
        self._client = CarefulClient(urls, "localhost", None)
        form = {"grant_type": "password", "username": email, "password": password}
        form["scope"] = f"community={community}"
        answer = self._client.until_answered("POST", "/ls/api/oauth2/token", data=form)
        self._client.show(answer.json()["access_token"])

    def close(self) -> None:
        self._client.close()

    def import_csv(self, item_type: str, content: bytes) -> dict[str, Any]:
        """The job when it has ended. Its id is ours, so that a repeated request is known as such."""
        given = {"itemType": item_type, "contentType": "text/plain", "headerRow": "true"}
        return self._run("import", given, files={"file": ("items.csv", content)})

    def export_until(self, item_type: str, is_over: Event) -> list[dict[str, Any]]:
        """One export after the other, so that one is always under way: all jobs."""
        jobs = [self.export_json(item_type)]
        while not is_over.is_set():
            jobs.append(self.export_json(item_type))
        return jobs

    def export_json(self, item_type: str) -> dict[str, Any]:
        return self._run("export", {"itemType": item_type, "contentType": "application/json"})

    def download(self, job: dict[str, Any]) -> bytes:
        return b"".join(
            self._client.until_answered("GET", httpx.URL(link).path).content for link in job["links"]
        )

    def _run(self, what: str, given: dict[str, str], **more: Any) -> dict[str, Any]:
        job_id = str(uuid4())
        form = given | {"jobId": job_id, "jobName": what, "notificationEmail": f"{job_id}@example.com"}
        self._client.until_answered("POST", f"/ls/api/batch/{what}", data=form, final={409}, **more)
        while True:
            job = self._client.until_answered("POST", "/ls/api/batch/status", data={"jobId": job_id}).json()
            if job["status"] in FINAL:
                return dict(job)
            time.sleep(LOOK_SECONDS)
