"""A worker takes a nudge, and Redis is away when it would say so."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from redis.connection import parse_url

from api.usecases.collections import add_collection
from api.usecases.imports import get_import
from api.usecases.services import add_service
from shared.dispatch import IMPORTS_QUEUE
from shared.ground import Ground
from shared.lifecycle import Status
from tests.acceptance.waiting import wait_for
from tests.integration.builders import an_import, numbered, take_nudges
from tests.integration.programs import program
from tests.tls import front


class Way:
    """To Redis, as long as it is open."""

    def __init__(self, url: str) -> None:
        self.place: dict[str, Any] = dict(parse_url(url))
        self._is_open = True
        self._gone: list[socket.socket] = []

    def connect(self) -> socket.socket:
        if not self._is_open:
            raise ConnectionRefusedError
        path = self.place.get("path")
        family = socket.AF_UNIX if path else socket.AF_INET
        connection = socket.socket(family)
        connection.connect(path or (self.place["host"], self.place.get("port", 6379)))
        self._gone.append(connection)
        return connection

    def bar(self) -> None:
        """End every connection there is, and let none through."""
        self._is_open = False
        for connection in self._gone:
            with suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self._is_open = True

    def url(self, port: int) -> str:
        login = f"{self.place.get('username', '')}:{self.place.get('password', '')}@"
        return f"redis://{login}127.0.0.1:{port}/{self.place.get('db', 0)}"


def test_a_worker_goes_on_when_redis_is_back(apart: Ground, environment: Mapping[str, str], tmp_path: Path):
    """It took no more nudges for as long as it lived, and looked well: each that it could not acknowledge
    kept a place.
    """
    service, _ = add_service(apart, "tenant")
    add_collection(apart, service, "/contacts")
    take_nudges(apart)
    way, log = Way(apart.settings.redis_url), tmp_path / "log"

    def is_complete(import_id: int) -> bool:
        return get_import(apart, service, import_id).status == Status.COMPLETE

    def take_while_frozen(child: psutil.Process) -> int:
        """The id of an import whose nudge the worker has, but not yet its child."""
        child.suspend()
        import_id = an_import(apart, service, numbered(1))
        with suppress(AssertionError):
            wait_for(lambda: apart.dispatcher.waiting() == 0, seconds=1.0)
            return import_id
        # It had not ended yet what it was at.
        child.resume()
        wait_for(lambda: is_complete(import_id))
        return take_while_frozen(child)

    with front(way.connect) as port, log.open("wb") as written:
        own = {
            "DATABASE_URL": apart.settings.database_url,
            "STORAGE_URL": apart.settings.storage_url,
            "REDIS_URL": way.url(port),
            "LONGSHORE_WORKER_PROCESSES": "1",
        }
        with program("worker", environment | own, "--queues", IMPORTS_QUEUE, log=written) as worker:
            first = an_import(apart, service, numbered(1))
            wait_for(lambda: is_complete(first))
            [child] = worker.children()
            with resumed_at_last(child):
                taken = take_while_frozen(child)
                way.bar()
            wait_for(lambda: is_complete(taken))
            said = (b"Couldn't ack", b"Connection to broker lost")
            wait_for(lambda: any(words in log.read_bytes() for words in said))
            way.open()

            last = an_import(apart, service, numbered(1))
            wait_for(lambda: is_complete(last))


@contextmanager
def resumed_at_last(child: psutil.Process) -> Iterator[None]:
    """A worker waits for ever for a child that stands still."""
    try:
        yield
    finally:
        child.resume()
