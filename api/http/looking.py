"""What this process finds of the services that it needs: for probes, which anybody may send, and for metrics.

However many ask, one looks, and the others take what it found within the last second.
"""

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic
from typing import cast

from flask import Flask, current_app

from api.usecases.maintenance import is_on_maintenance
from shared.db import volumes
from shared.db.versions import is_migrated
from shared.errors import DatabaseUnavailable, StorageFault
from shared.ground import Ground
from shared.storage.contract import BlockStorage

_KEY = "longshore-look"

# Without Redis, which only wakes workers, the sweep's clock stands still, but every request is answered and
# nothing is lost. Without a bucket uploads are refused, while whatever needs the database only, such as a
# pause, goes on; it is away for all APIs, or for none. Were these refusals, a load balancer would take all
# APIs out at once. A folder that is not there is missed by this process: it may be there for another API.
DISPENSABLE = ("redis", "storage")

KEPT_SECONDS = 1.0
# A bucket that is cut off may take forty seconds to be told so, and probes are given up after five.
STORAGE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How it stood when somebody looked."""

    missing: list[str]  # names of what does not work: database or migrations, redis, storage
    is_ready: bool  # requests can be answered, though maybe not all of them
    is_on_maintenance: bool


class StorageLook:
    """Asks block storage in one thread, whoever waits for it, and however long it takes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answer: Future[bool] | None = None
        self._until = 0.0

    def takes_bytes(self, storage: BlockStorage) -> bool:
        """Whether it said so within `STORAGE_SECONDS`."""
        with self._lock:
            if self._answer is None or self._answer.done():
                self._answer, self._until = Future(), monotonic() + STORAGE_SECONDS
                Thread(target=_ask, args=(storage, self._answer), name="storage-look", daemon=True).start()
            answer, left_seconds = self._answer, self._until - monotonic()
        try:
            return answer.result(max(0.0, left_seconds))
        except TimeoutError:
            return False


class Looker:
    """One for all threads of a process."""

    def __init__(self) -> None:
        self.storage = StorageLook()
        self._lock = Lock()
        self._found: Found | None = None
        self._until = 0.0

    def look(self, ground: Ground) -> Found:
        """What was found within the last `KEPT_SECONDS`. Who comes while somebody looks waits for that."""
        with self._lock:
            if self._found is None or monotonic() >= self._until:
                self._found = self._look(ground)
                self._until = monotonic() + KEPT_SECONDS
            return self._found

    def _look(self, ground: Ground) -> Found:
        rows = _look_at_rows(ground)
        missing = [rows.missing] if rows.missing else []
        if not ground.dispatcher.takes_nudges():
            missing.append("redis")
        # The database knows which storage is the right one.
        if not rows.missing and not self.storage.takes_bytes(ground.storage):
            missing.append("storage")
        dispensable = DISPENSABLE if rows.has_bucket else ("redis",)
        return Found(
            missing=missing,
            is_ready=set(dispensable).issuperset(missing),
            is_on_maintenance=rows.is_on_maintenance,
        )


def install(app: Flask) -> None:
    """Give the application a looker of its own."""
    app.extensions[_KEY] = Looker()


def current() -> Looker:
    """That of the application that answers this request."""
    return cast(Looker, current_app.extensions[_KEY])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    missing: str | None = None
    # Marked before: else migrate has not run yet, and the APIs of the release before go on.
    has_bucket: bool = False
    is_on_maintenance: bool = False


def _look_at_rows(ground: Ground) -> _Rows:
    try:
        if not is_migrated(ground.database):
            return _Rows(missing="migrations")
        with ground.database.begin() as session:
            was_marked = volumes.is_marked(session)
        return _Rows(
            has_bucket=was_marked and ground.settings.storage_url.startswith("s3:"),
            is_on_maintenance=is_on_maintenance(ground),
        )
    except DatabaseUnavailable:
        return _Rows(missing="database")


def _ask(storage: BlockStorage, answer: Future[bool]) -> None:
    takes_bytes = False
    try:
        with suppress(StorageFault, DatabaseUnavailable):
            storage.check()
            takes_bytes = True
    finally:
        answer.set_result(takes_bytes)
