"""A client that does not give up, and never brings a block twice: what a script that matters does."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.faults.waiting import NotInTime

PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.1
# A dozen clients look, each time at some milliseconds of the API, which processes that begin want, too.
LOOK_SECONDS = 0.15
IMPORTS = "/__resources/imports"
# A 500 is none of them: nothing that the fleet suffers may look like a fault of the service's own.
_PASSING = {408, 429, 502, 503, 504}


class Refused(AssertionError):
    """The service answered with something that no repetition changes."""


class CarefulClient:
    """Speaks HTTP to any of several APIs, as a load balancer would choose them."""

    def __init__(
        self, urls: list[str], host: str, token: str | None, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._urls = urls
        self._patience_seconds = patience_seconds
        self._turn = 0
        self._headers = {"Host": host}
        if token is not None:
            self.show(token)
        self._http = httpx.Client(timeout=60, trust_env=False)

    def show(self, token: str) -> None:
        """Have it in every request from now on."""
        self._headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._http.close()

    def create(self, collection: str, strategies: tuple[str, ...], *, is_ordered: bool = True) -> int:
        """The new import's id. One whose answer was lost stays behind, without blocks and never started."""
        given = {"strategy": list(strategies), "collection": collection, "ordered": is_ordered}
        return int(self.until_answered("POST", IMPORTS, json=given).json()["importid"])

    def add_block(self, import_id: int, number: int, body: bytes, *, pieces: int = 1) -> None:
        """Bring a block; where the answer is lost, the number of blocks tells whether it arrived."""
        headers = {"Content-Type": "application/x-ndjson", "Content-Length": str(len(body))}
        for _ in self._tries(f"block {number} of import {import_id} is taken"):
            content = _slowly(body, pieces)
            answer = self._try("POST", f"{IMPORTS}/{import_id}/blocks", content=content, headers=headers)
            if answer is not None:
                assert answer.json() == {"blockid": number}
                return
            if self.get(import_id)["blockCount"] >= number:
                return

    def cut_an_upload(self, import_id: int, body: bytes) -> None:
        """Send half of a block and hang up."""
        head = [f"POST {IMPORTS}/{import_id}/blocks HTTP/1.1", "Content-Type: application/x-ndjson"]
        head += [f"{name}: {value}" for name, value in self._headers.items()]
        head += [f"Content-Length: {len(body)}", "", ""]
        parts = urlsplit(self._next_url())
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            connection.sendall("\r\n".join(head).encode() + body[: len(body) // 2])

    def set_status(self, import_id: int, status: str) -> dict[str, Any] | None:
        """The import as the service told it then; None where it refused, as one that has ended does."""
        answer = self.until_answered("PATCH", f"{IMPORTS}/{import_id}", json={"status": status}, final={400})
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else None

    def set_status_from_many(self, import_id: int, status: str, count: int) -> list[dict[str, Any] | None]:
        """The same wish from several clients at once; what each of them was told."""
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.set_status(import_id, status), range(count)))

    def delete(self, import_id: int) -> None:
        """Remove the import; gone already is fine, for the answer may have been lost."""
        self.until_answered("DELETE", f"{IMPORTS}/{import_id}", final={404})

    def get(self, import_id: int) -> dict[str, Any]:
        return dict(self.until_answered("GET", f"{IMPORTS}/{import_id}").json())

    def wait_until(self, import_id: int, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The import as soon as `holds` is true of it."""
        return self.look_until(lambda: self.get(import_id), holds, f"import {import_id} gets there")

    def wait_for_end(self, import_id: int) -> dict[str, Any]:
        return self.wait_until(import_id, lambda resource: resource["endedDatetime"] is not None)

    def look_until(
        self, look: Callable[[], dict[str, Any]], holds: Callable[[dict[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        """What there is to see as soon as `holds` is true of it. Raises NotInTime."""
        for _ in self._tries(what):
            seen = look()
            if holds(seen):
                return seen
            time.sleep(LOOK_SECONDS)
        raise AssertionError

    def until_answered(
        self, method: str, path: str, *, final: set[int] | frozenset[int] = frozenset(), **given: Any
    ) -> httpx.Response:
        """The answer, as soon as there is one. Raises Refused, NotInTime."""
        for _ in self._tries(f"{method} {path} is answered"):
            answer = self._try(method, path, final=final, **given)
            if answer is not None:
                return answer
        raise AssertionError

    def _try(
        self, method: str, path: str, *, final: set[int] | frozenset[int] = frozenset(), **given: Any
    ) -> httpx.Response | None:
        headers = self._headers | given.pop("headers", {})
        try:
            answer = self._http.request(method, self._next_url() + path, headers=headers, **given)
        except httpx.TransportError:
            return None
        if answer.is_success or answer.status_code in final:
            return answer
        if answer.status_code in _PASSING:
            return None
        raise Refused(f"{method} {path}: {answer.status_code} {answer.text}")

    def _next_url(self) -> str:
        self._turn += 1
        return self._urls[self._turn % len(self._urls)]

    def _tries(self, what: str) -> Iterator[None]:
        deadline = time.monotonic() + self._patience_seconds
        while time.monotonic() < deadline:
            yield
            time.sleep(_PAUSE_SECONDS)
        raise NotInTime(f"not in {self._patience_seconds:g} s: {what}")


def _slowly(body: bytes, pieces: int) -> Iterator[bytes]:
    step = len(body) // pieces + 1
    for start in range(0, len(body), step):
        yield body[start : start + step]
        if pieces > 1:
            time.sleep(_PAUSE_SECONDS)
