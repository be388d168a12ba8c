"""Clients that send blocks slowly: some uploads are under way at every moment, and no failure is hidden."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import IMPORTS, meanwhile
from tests.fleet.containers import Fleet

CLIENTS = 12  # four for each API, which begin at different moments: no API is ever between all of its blocks
BLOCKS = 2  # of an import
# A block takes eight seconds: longer than an API that is told to stop answers as before.
PIECES, LINES_A_PIECE, PIECE_SECONDS = 17, 20, 0.5
STAGGER_SECONDS = PIECES * PIECE_SECONDS / CLIENTS
LINES = BLOCKS * PIECES * LINES_A_PIECE  # of an import
ATTEMPTS = 5
NDJSON = "application/x-ndjson"


@dataclass
class Asked:
    """A request and what became of it. Times are in Unix seconds."""

    request_id: str
    what: str  # method and the last word of the path
    began: float
    ended: float | None = None  # None: under way
    status: int = 0  # 0: the connection broke
    body: dict[str, Any] = field(default_factory=dict)
    retry_after: str | None = None

    def is_under_way(self, at: float) -> bool:
        return self.began < at and (self.ended is None or at < self.ended)


class Uploads:
    """Imports of a few blocks, one after the other by each client.

    Where a request fails, that is noted, and the client looks whether it took effect before it asks again.
    """

    def __init__(self, fleet: Fleet, collection: str) -> None:
        self._fleet = fleet
        self._collection = collection
        self._numbers = count(1)
        self._places = count()
        self.asked: list[Asked] = []
        self.started: list[str] = []
        """Paths of imports."""

    @property
    def blocks(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.what == "POST blocks"]

    def going_on(self) -> AbstractContextManager[None]:
        return meanwhile(self._import_on, CLIENTS)

    def wait_until_most_send(self) -> None:
        """Until three of four clients are in the middle of a block."""
        wait_for(
            lambda: (
                sum(sent.is_under_way(time.time() - PIECE_SECONDS) for sent in self.blocks)
                >= CLIENTS * 3 // 4
            ),
            seconds=120,
        )

    def assert_exact(self) -> None:
        """Every line of every import is one document of the collection, and there is no other one."""
        with self._client() as client:
            for path in self.started:
                ended = self._ended(client, path)
                told = [ended[name] for name in ("status", "createdDocuments", "skippedDocuments")]
                assert told == ["complete", LINES, 0]
        assert self._fleet.documents(self._collection) == len(self.started) * LINES > 0

    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self._fleet.token}"}
        return httpx.Client(base_url=self._fleet.url, headers=headers, timeout=60, trust_env=False)

    def _import_on(self, is_over: threading.Event) -> None:
        is_over.wait(next(self._places) * STAGGER_SECONDS)
        with self._client() as client:
            while not is_over.is_set():
                self._import(client)

    def _import(self, client: httpx.Client) -> None:
        path = self._create(client)
        for number in range(1, BLOCKS + 1):
            self._have_block(client, path, number)
        self._have_started(client, path)
        self.started.append(path)

    def _create(self, client: httpx.Client) -> str:
        """Where the answer got lost there is one import more, without blocks."""
        made: list[Asked] = []
        configuration = {"strategy": ["create"], "collection": self._collection, "ordered": False}
        until(
            lambda: bool(made) and made[-1].status == 200,
            lambda: made.append(self._ask(client, "POST", IMPORTS, json=configuration)),
        )
        return f"{IMPORTS}/{made[-1].body['importid']}"

    def _have_block(self, client: httpx.Client, path: str, number: int) -> None:
        until(
            lambda: self._seen(client, path)["blockCount"] >= number,
            lambda: self._send_block(client, path),
        )

    def _have_started(self, client: httpx.Client, path: str) -> None:
        until(
            lambda: self._seen(client, path)["status"] != "configuring",
            lambda: self._ask(client, "PATCH", path, json={"status": "started"}),
        )

    def _send_block(self, client: httpx.Client, path: str) -> None:
        headers = {"Content-Type": NDJSON, "Content-Length": str(PIECES * len(PIECE))}
        self._ask(client, "POST", f"{path}/blocks", content=slowly(), headers=headers)

    def _seen(self, client: httpx.Client, path: str) -> dict[str, Any]:
        seen = self._ask(client, "GET", path)
        assert seen.status == 200, f"A look at an import was answered with {seen.status}."
        return seen.body

    def _ended(self, client: httpx.Client, path: str) -> dict[str, Any]:
        """The import when it has."""
        running = ("started", "running")
        wait_for(lambda: self._seen(client, path)["status"] not in running, seconds=300)
        return self._seen(client, path)

    def _ask(
        self, client: httpx.Client, method: str, path: str, headers: dict[str, str] | None = None, **body: Any
    ) -> Asked:
        name = f"upload-{next(self._numbers)}"
        asked = Asked(name, f"{method} {path.rpartition('/')[2]}", time.time())
        self.asked.append(asked)
        try:
            answer = client.request(method, path, headers={"X-Request-Id": name, **(headers or {})}, **body)
        except httpx.TransportError:
            asked.ended = time.time()
            return asked
        asked.retry_after = answer.headers.get("Retry-After")
        asked.body = answer.json() if answer.is_success else {}
        asked.status, asked.ended = answer.status_code, time.time()
        return asked


PIECE = (json.dumps({"text": "x" * 40}) + "\n").encode() * LINES_A_PIECE


def slowly() -> Iterator[bytes]:
    """A block, piece by piece."""
    yield PIECE
    for _ in range(PIECES - 1):
        time.sleep(PIECE_SECONDS)
        yield PIECE


def until(is_done: Callable[[], bool], act: Callable[[], object]) -> None:
    """Act, unless that is done already, and look again."""
    for _ in range(ATTEMPTS):
        if is_done():
            return
        act()
    assert is_done(), f"not done after {ATTEMPTS} attempts"
