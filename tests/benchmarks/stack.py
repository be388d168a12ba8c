"""A running stack, as `longshore up` ships it, and imports through its HTTP API."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import psutil

LONGSHORE = Path(sys.executable).with_name("longshore")
WATCH_SECONDS = 0.02
IMPORTS = "/__resources/imports"


class Stack:
    """One stack and a client of its API."""

    def __init__(self, folder: Path, description: dict[str, Any]) -> None:
        self._folder = folder
        self.description = description
        self.client = httpx.Client(
            base_url=description["url"],
            headers={"Authorization": f"Bearer {description['token']}"},
            timeout=60,
            trust_env=False,
        )

    def add_collection(self, path: str) -> None:
        self.longshore("collections", "add", path)

    def longshore(self, *arguments: str) -> None:
        """Run the command line beside the stack."""
        command = [LONGSHORE, *arguments, "--data-dir", str(self._folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def prepare_import(self, collection: str, strategy: list[str], blocks: Iterable[bytes]) -> str:
        """Create an import with its blocks; returns its URL path."""
        created = self.client.post(IMPORTS, json={"strategy": strategy, "collection": collection})
        path = f"{IMPORTS}/{created.raise_for_status().json()['importid']}"
        for block in blocks:
            headers = {"Content-Type": "application/x-ndjson"}
            self.client.post(f"{path}/blocks", content=block, headers=headers).raise_for_status()
        return path

    def run_import(self, path: str, *, deadline_seconds: float = 300) -> dict[str, Any]:
        """Start the import and wait for its end."""
        self.client.patch(path, json={"status": "started"}).raise_for_status()
        deadline = time.monotonic() + deadline_seconds
        while time.monotonic() < deadline:
            resource: dict[str, Any] = self.client.get(path).raise_for_status().json()
            if resource["endedDatetime"] is not None:
                return resource
            time.sleep(0.02)
        raise TimeoutError(f"{path} did not end within {deadline_seconds} seconds.")

    @contextmanager
    def watching_memory(self) -> Iterator[dict[str, int]]:
        """Peak resident bytes by role, filled in while the body runs."""
        peaks = {"api": 0, "worker": 0}
        done = Event()

        def watch() -> None:
            while not done.wait(WATCH_SECONDS):
                for role, peak in peaks.items():
                    peaks[role] = max(peak, self._resident_bytes(role))

        watcher = Thread(target=watch)
        watcher.start()
        try:
            yield peaks
        finally:
            done.set()
            watcher.join()

    def _resident_bytes(self, role: str) -> int:
        processes = [psutil.Process(pid) for pid in self.description["pids"][role]]
        families = [one for process in processes for one in (process, *process.children(recursive=True))]
        return sum(one.memory_info().rss for one in families)


def seconds_between(resource: dict[str, Any], first: str, last: str) -> float:
    """Seconds between two moments of an import."""
    begin, end = (datetime.fromisoformat(resource[name]) for name in (first, last))
    return (end - begin).total_seconds()


@contextmanager
def running_stack(folder: Path, *, workers: int) -> Iterator[Stack]:
    command = [LONGSHORE, "up", "--json", "--data-dir", str(folder), "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield Stack(folder, json.loads(process.stdout.readline()))
        finally:
            process.terminate()
