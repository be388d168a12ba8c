"""A running stack, as `longshore up` ships it, and imports through its HTTP API."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg2

from api.cli.watching import LOOK_SECONDS
from tests.benchmarks.documents import Document, blocks_of
from tests.benchmarks.watching import watching

LONGSHORE = Path(sys.executable).with_name("longshore")
IMPORTS = "/__resources/imports"
CREATE, BOTH = ["create"], ["create", "update"]


class Stack:
    """One stack and a client of its API."""

    def __init__(self, folder: Path, description: dict[str, Any]) -> None:
        self.folder = folder
        self.description = description
        self._numbers = count(1)
        self.authorization = {"Authorization": f"Bearer {description['token']}"}
        self.client = self.another_client()

    def another_client(self) -> httpx.Client:
        """For another thread."""
        url = self.description["url"]
        return httpx.Client(base_url=url, headers=self.authorization, timeout=60, trust_env=False)

    def new_collection(self) -> str:
        """The path of a collection that has no documents."""
        path = f"/collection-{next(self._numbers)}"
        self.longshore("collections", "add", path)
        return path

    def create_documents(self, collection: str, documents: Sequence[Document]) -> None:
        """Have them there before something else is measured."""
        if documents:
            self.run_import(self.prepare_import(collection, CREATE, blocks_of(documents)))

    def settle(self) -> None:
        """What autovacuum does within a minute, which no figure waits for."""
        with closing(psycopg2.connect(self.description["database_url"])) as connection:
            connection.autocommit = True
            connection.cursor().execute("VACUUM ANALYZE documents")

    def longshore(self, *arguments: str) -> None:
        """Run the command line beside the stack."""
        command = [str(LONGSHORE), *arguments, "--data-dir", str(self.folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def prepare_import(
        self, collection: str, strategy: list[str], blocks: Iterable[bytes], *, ordered: bool = True
    ) -> str:
        """Create an import with its blocks; returns its URL path."""
        configuration = {"strategy": strategy, "collection": collection, "ordered": ordered}
        created = self.client.post(IMPORTS, json=configuration)
        path = f"{IMPORTS}/{created.raise_for_status().json()['importid']}"
        for block in blocks:
            headers = {"Content-Type": "application/x-ndjson"}
            self.client.post(f"{path}/blocks", content=block, headers=headers).raise_for_status()
        return path

    def run_import(self, path: str) -> dict[str, Any]:
        """Start the import and wait for its end."""
        self.start(path)
        return self.wait_for_end(path)

    def start(self, path: str) -> None:
        self.client.patch(path, json={"status": "started"}).raise_for_status()

    def wait_for_end(self, path: str, *, deadline_seconds: float = 600) -> dict[str, Any]:
        """Looks as often as the command line does: each look takes some 9 ms of a core from the import."""
        deadline = time.monotonic() + deadline_seconds
        while time.monotonic() < deadline:
            resource: dict[str, Any] = self.client.get(path).raise_for_status().json()
            if resource["endedDatetime"] is not None:
                return resource
            time.sleep(LOOK_SECONDS)
        raise TimeoutError(f"{path} did not end within {deadline_seconds} seconds.")

    @contextmanager
    def watching_memory(self) -> Iterator[dict[str, int]]:
        """Peak resident bytes by role, shared pages counted once, filled in while the body runs."""
        peaks = {"api": 0, "worker": 0}

        def look() -> None:
            for role, peak in peaks.items():
                peaks[role] = max(peak, self._resident_bytes(role))

        with watching(look):
            yield peaks

    def processor_seconds(self, role: str) -> float:
        """What its processes took so far, for themselves and in the kernel."""
        return sum(sum(one.cpu_times()[:2]) for one in self._processes(role))

    def _resident_bytes(self, role: str) -> int:
        return sum(one.memory_full_info().pss for one in self._processes(role))

    def _processes(self, role: str) -> list[psutil.Process]:
        processes = [psutil.Process(pid) for pid in self.description["pids"][role]]
        return [one for process in processes for one in (process, *process.children(recursive=True))]


def seconds_between(resource: dict[str, Any], first: str, last: str) -> float:
    """Seconds between two moments of an import."""
    begin, end = (datetime.fromisoformat(resource[name]) for name in (first, last))
    return (end - begin).total_seconds()


@contextmanager
def running_stack(*, workers: int, **settings: object) -> Iterator[Stack]:
    """One with a folder of its own; `settings` are named as in `shared.settings`."""
    # Counted as everywhere, and never refused: one client that does nothing else may come to the usual limit.
    settings = {"requests_a_minute": 10**9, **settings}
    given = {f"LONGSHORE_{name.upper()}": str(value) for name, value in settings.items()}
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
        command = [str(LONGSHORE), "up", "--json", "--data-dir", folder, "--workers", str(workers)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | given) as process:
            assert process.stdout is not None
            try:
                yield Stack(Path(folder), json.loads(process.stdout.readline()))
            finally:
                process.terminate()
