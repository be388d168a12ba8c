"""Clients of the fleet: the command line, which tries again, and plain ones, which note all answers."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.fleet.containers import Fleet

LONGSHORE = str(Path(sys.executable).with_name("longshore"))
IMPORTS = "/__resources/imports"
PAUSE_SECONDS = 0.01  # of each client of the traffic: an API however fast lets in 500 requests a second


def write_lines(path: Path, count: int) -> Path:
    """So many documents of about 220 bytes."""
    text = "x" * 180
    with path.open("w") as file:
        for number in range(count):
            file.write(json.dumps({"documentid": f"d{number:07}", "number": number, "text": text}) + "\n")
    return path


class Import:
    """`longshore import` of a file, in any order and in small blocks, in a process of its own."""

    def __init__(self, fleet: Fleet, path: Path, collection: str, *, block_mib: int = 1) -> None:
        command = [LONGSHORE, "import", str(path), "--collection", collection, "--strategy", "create"]
        command += ["--unordered", "--block-mib", str(block_mib), "--json"]
        command += ["--url", fleet.url, "--token", fleet.token]
        self._process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def result(self, seconds: float = 600) -> dict[str, Any]:
        """The finished import."""
        out, errors = self._process.communicate(timeout=seconds)
        assert self._process.returncode == 0, out + errors
        found: dict[str, Any] = json.loads(out)
        return found


@dataclass(frozen=True)
class Started:
    """An import of one block, and what the balancer called the requests that made it."""

    path: str
    upload_id: str
    start_id: str


def start_import(fleet: Fleet, collection: str, lines: bytes, **headers: str) -> Started:
    """One that nobody waits for."""
    own = {"Authorization": f"Bearer {fleet.token}", **headers}
    with httpx.Client(base_url=fleet.url, headers=own, timeout=60, trust_env=False) as client:
        made = client.post(IMPORTS, json={"strategy": ["create"], "collection": collection})
        path = f"{IMPORTS}/{made.raise_for_status().json()['importid']}"
        kind = {"Content-Type": "application/x-ndjson"}
        upload = client.post(f"{path}/blocks", content=lines, headers=kind).raise_for_status()
        start = client.patch(path, json={"status": "started"}).raise_for_status()
    return Started(path, upload.headers["X-Request-Id"], start.headers["X-Request-Id"])


def run_imports(fleet: Fleet, paths: dict[str, Path]) -> list[dict[str, Any]]:
    """All of them at the same time, each into its collection."""
    running = [Import(fleet, path, collection) for collection, path in paths.items()]
    return [job.result() for job in running]


@contextmanager
def meanwhile(work: Callable[[threading.Event], None], threads: int) -> Iterator[None]:
    """So many threads work while the body runs; then the event ends them, and what they raised is raised."""
    is_over = threading.Event()
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(work, is_over) for _ in range(threads)]
        try:
            yield
        finally:
            is_over.set()
        for job in jobs:
            job.result()


class Traffic:
    """Small requests from several threads, none of which tries anything again."""

    def __init__(self, fleet: Fleet, collection: str) -> None:
        self._fleet = fleet
        self._collection = collection
        self.reads: list[int] = []
        self.writes: list[int] = []
        """Status codes, 0 where the connection broke."""
        self.retry_after: list[str | None] = []

    def going_on(self, threads: int = 3) -> AbstractContextManager[None]:
        return meanwhile(self._ask, threads)

    def _ask(self, is_over: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {self._fleet.token}"}
        with httpx.Client(base_url=self._fleet.url, headers=headers, timeout=60, trust_env=False) as client:
            while not is_over.wait(PAUSE_SECONDS):
                self.reads.append(self._status(client, "GET", self._collection))
                self._make_and_remove(client)

    def _make_and_remove(self, client: httpx.Client) -> None:
        """An import, which would be one too many if all of them stayed."""
        answers: list[httpx.Response] = []
        configuration = {"strategy": ["create"], "collection": self._collection}
        self.writes.append(self._status(client, "POST", IMPORTS, answers, json=configuration))
        if answers and answers[0].is_success:
            made = f"{IMPORTS}/{answers[0].json()['importid']}"
            self.writes.append(self._status(client, "DELETE", made))

    def _status(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        answers: list[httpx.Response] | None = None,
        **body: Any,
    ) -> int:
        try:
            answer = client.request(method, path, **body)
        except httpx.TransportError:
            return 0
        if answer.is_server_error:
            self.retry_after.append(answer.headers.get("Retry-After"))
        if answers is not None:
            answers.append(answer)
        return answer.status_code
