"""A client of the Datastore imports API, as small as a script of a data administrator."""

import time
from collections.abc import Callable
from typing import Any

import httpx

IMPORTS = "/__resources/imports"
DEADLINE_SECONDS = 30.0
# Between two looks, each of which keeps an API busy: the cores are for the work that is waited for.
LOOK_SECONDS = 0.02


class Client:
    """Speaks HTTP only."""

    def __init__(self, url: str, token: str, *, host: str | None = None) -> None:
        """`host` names the data service; without it, it is the stack's default one."""
        headers = {"Authorization": f"Bearer {token}"} | ({"Host": host} if host else {})
        self._http = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def create(self, collection: str, *strategy: str) -> int:
        """Create an import and return its id."""
        answer = self._http.post(IMPORTS, json={"strategy": list(strategy), "collection": collection})
        return int(answer.raise_for_status().json()["importid"])

    def add_block(self, importid: int, block: bytes) -> int:
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._http.post(f"{IMPORTS}/{importid}/blocks", content=block, headers=headers)
        return int(answer.raise_for_status().json()["blockid"])

    def set_status(self, importid: int, status: str) -> dict[str, Any]:
        answer = self._http.patch(f"{IMPORTS}/{importid}", json={"status": status})
        return dict(answer.raise_for_status().json())

    def get(self, importid: int) -> dict[str, Any]:
        return dict(self._http.get(f"{IMPORTS}/{importid}").raise_for_status().json())

    def delete(self, importid: int) -> None:
        self._http.delete(f"{IMPORTS}/{importid}").raise_for_status()

    def rejections(self, importid: int) -> list[dict[str, Any]]:
        return list(self._http.get(f"{IMPORTS}/{importid}/rejections").raise_for_status().json()["data"])

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """Every document of the collection by its id."""
        found: dict[str, dict[str, Any]] = {}
        path = f"{collection}?page[size]=1000"
        while path:
            page = self._http.get(path).raise_for_status().json()
            found |= {document["documentid"]: document for document in page["data"]}
            path = page["links"]["next"]
        return found

    def wait_until(
        self,
        importid: int,
        holds: Callable[[dict[str, Any]], bool],
        *,
        seconds: float = DEADLINE_SECONDS,
    ) -> dict[str, Any]:
        """The import as soon as `holds` is true of it."""
        deadline = time.monotonic() + seconds
        while not holds(resource := self.get(importid)):
            assert time.monotonic() < deadline, f"waited {seconds} s in vain: {resource}"
            time.sleep(LOOK_SECONDS)
        return resource

    def wait_for_end(self, importid: int) -> dict[str, Any]:
        return self.wait_until(importid, lambda resource: resource["endedDatetime"] is not None)


def applied_lines(resource: dict[str, Any]) -> int:
    """How many lines the import's counters account for."""
    outcomes = ("created", "updated", "deleted", "skipped", "rejected")
    return sum(resource[f"{outcome}Documents"] for outcome in outcomes)
