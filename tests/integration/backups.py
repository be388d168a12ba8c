"""What a backup is tried with: servers that know nothing of others, and imports that are under way."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from api.usecases.blocks import receive_block
from api.usecases.services import Service
from shared.embedded.postgres import find_programs
from shared.ground import Ground
from shared.lifecycle import Status
from shared.settings import Settings
from tests.integration.builders import (
    Counts,
    after_batches,
    an_import,
    counts,
    documents,
    ndjson,
    rejected_lines,
    tuned,
    work,
)
from tests.integration.players import Killed
from tests.services import Services

PAGE = Path(__file__).parents[2] / "docker/BACKUP.md"
BAD_LINE = 7
SMALL = 20


def a_block(number: int, lines: int) -> bytes:
    """So many documents of its own, and a line that is rejected."""
    given = [{"documentid": f"{number:04}-{n:04}", "block": number} for n in range(lines - 1)]
    return ndjson(*given[: BAD_LINE - 1], b"oops", *given[BAD_LINE - 1 :])


@dataclass(frozen=True)
class Place:
    """Servers, and a folder for blocks, that know nothing of others."""

    environment: dict[str, str]
    folder: Path
    programs: Path

    def do(self, section: str, backup: Path) -> None:
        """The commands of that section of the page."""
        [commands] = re.findall(
            rf"^## {section}\n.*?^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
        )
        path = f"{self.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"PATH": path, "BLOCKS": str(self.folder), "BACKUP": str(backup), **self._service()}
        done = subprocess.run(
            ["bash", "-euc", commands], check=False, text=True, capture_output=True,
            env=os.environ | self.environment | own,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def _service(self) -> dict[str, str]:
        """What has Postgres' own programs find the database, without its password among their arguments."""
        file = self.folder.with_name("pg_service.conf")
        told = parse_dsn(self.environment["DATABASE_URL"])
        file.write_text("[tenant]\n" + "".join(f"{name}={value}\n" for name, value in told.items()))
        return {"PGSERVICEFILE": str(file), "PGSERVICE": "tenant"}


@contextmanager
def a_place(services: Services, folder: Path) -> Iterator[Place]:
    with services.supply(folder) as urls:
        environment = {
            "DATABASE_URL": urls.database_url,
            "REDIS_URL": urls.redis_url,
            "STORAGE_URL": f"file://{folder / 'blocks'}",
            "LONGSHORE_SWEEP_SECONDS": "0.5",
            "LONGSHORE_BATCH_LINES": "20",
            "LONGSHORE_WORKER_PROCESSES": "1",
        }
        yield Place(environment, folder / "blocks", programs_for(urls.database_url))


def programs_for(database_url: str) -> Path:
    """Where pg_dump and pg_restore of the server's version are; older servers refuse newer ones."""
    with closing(psycopg2.connect(database_url)) as connection:
        major = connection.info.server_version // 10_000
    for folder in (find_programs(), Path(f"/usr/lib/postgresql/{major}/bin")):
        if (folder / "pg_restore").exists() and f" {major}." in _version(folder / "pg_restore"):
            return folder
    pytest.skip(f"There is no pg_restore {major}: install it (on Debian: postgresql-client-{major}).")


def _version(program: Path) -> str:
    return subprocess.run([program, "--version"], check=True, text=True, capture_output=True).stdout


@contextmanager
def opened(place: Place) -> Iterator[Ground]:
    with closing(Ground.open(Settings.read(place.environment))) as ground:
        yield ground


def half_applied(ground: Ground, service: Service, path: str) -> int:
    """An import of which a worker has applied some batches, and which it holds."""
    blocks = [a_block(number, SMALL * 3) for number in range(1, 4)]
    import_id = an_import(ground, service, *blocks, collection=path)

    def die() -> None:
        raise Killed

    with suppress(Killed):
        work(tuned(ground, lease_seconds=600), import_id, should_stop=after_batches(4, die))
    return import_id


class Sender:
    """A client that adds one block after the other to an import that is not started."""

    def __init__(self, ground: Ground, service: Service) -> None:
        self._ground, self._service = ground, service
        self.import_id = an_import(ground, service, collection="/coming", status=Status.CONFIGURING)
        self.acknowledged = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        is_over = threading.Event()
        thread = threading.Thread(target=self._send, args=(is_over,))
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _send(self, is_over: threading.Event) -> None:
        while not is_over.wait(0.01):
            block = a_block(self.acknowledged + 1, SMALL)
            receive_block(self._ground, self._service, self.import_id, [block])
            self.acknowledged += 1


@dataclass(frozen=True)
class Found:
    """What there was of an import."""

    counts: Counts
    documents: int
    rejections: list[tuple[int, int, str]]

    @classmethod
    def look(cls, ground: Ground, service: Service, path: str, import_id: int) -> "Found":
        return cls(
            counts(ground, service, import_id),
            len(documents(ground, service, path)),
            rejected_lines(ground, service, import_id),
        )


def expected(blocks: int, lines: int) -> Found:
    """What comes of these blocks."""
    created = blocks * (lines - 1)
    rejections = [(number, BAD_LINE, "invalid_json") for number in range(1, blocks + 1)]
    return Found(Counts(created=created, rejected=blocks), created, rejections)
