"""What this process finds of the services that it needs: for probes, which anybody may send, and for metrics.

However many ask, one thread looks, and the others take what it found within the last second. Nobody waits
for longer than probes are waited for: a server that hangs would keep one thread after the other.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Lock, Thread
from time import monotonic
from typing import Generic, TypeVar, cast

from flask import Flask, current_app

from api.usecases.maintenance import is_on_maintenance
from shared.db.versions import is_migrated
from shared.errors import DatabaseUnavailable, StorageFault
from shared.ground import Ground

_KEY = "longshore-look"

# Without Redis, which only wakes workers, the sweep's clock stands still, but every request is answered and
# nothing is lost. Without a bucket uploads are refused, while whatever needs the database only, such as a
# pause, goes on; it is away for all APIs, or for none. Were these refusals, a load balancer would take all
# APIs out at once. A folder that is not there is missed by this process: it may be there for another API.
DISPENSABLE = ("redis", "storage")

KEPT_SECONDS = 1.0
# Where an answer is late, the one before stands for so long: a stall of some seconds, which all processes see
# at the same time, is no reason to take all of them out.
STANDS_SECONDS = 8.0
# Rows and storage, which is asked where these were found, are together less than the five seconds after which
# probes are given up. Redis is asked meanwhile.
ROWS_SECONDS, REDIS_SECONDS, STORAGE_SECONDS = 2.5, 2.5, 2.0

T = TypeVar("T")


class Look(Generic[T]):
    """Asks in one thread, whoever waits for it, and however long it takes."""

    def __init__(self, late: T, wait_seconds: float) -> None:
        self._late, self._wait_seconds = late, wait_seconds
        self._lock = Lock()
        self._answer: Future[T] | None = None
        self._began = self._came = 0.0
        self._last = late

    def found(self, ask: Callable[[], T]) -> T:
        """What was found within the last `KEPT_SECONDS`, or else is now. Where that takes long: what was
        found within the last `STANDS_SECONDS`, or else `late`.
        """
        return self.begun(ask)()

    def begun(self, ask: Callable[[], T]) -> Callable[[], T]:
        """The same, without waiting for it: that is done by who calls what is returned."""
        with self._lock:
            if self._is_over():
                self._answer, self._began = self._begin(ask), monotonic()
            answer, until = cast("Future[T]", self._answer), self._began + self._wait_seconds
        return partial(self._wait, answer, until)

    def _wait(self, answer: "Future[T]", until: float) -> T:
        try:
            return answer.result(max(0.0, until - monotonic()))
        except TimeoutError:
            return self._last if monotonic() < self._came + STANDS_SECONDS else self._late

    def _is_over(self) -> bool:
        if self._answer is None:
            return True
        return self._answer.done() and monotonic() >= self._came + KEPT_SECONDS

    def _begin(self, ask: Callable[[], T]) -> "Future[T]":
        answer: Future[T] = Future()
        try:
            Thread(target=self._tell, args=(ask, answer), name="look", daemon=True).start()
        except RuntimeError:  # no more threads
            answer.set_result(self._late)
        return answer

    def _tell(self, ask: Callable[[], T], answer: "Future[T]") -> None:
        try:
            found = ask()
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who asked are told
            self._last, self._came = self._late, monotonic()
            answer.set_exception(error)
        else:
            self._last, self._came = found, monotonic()
            answer.set_result(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How it stood when somebody looked."""

    missing: list[str]  # names of what does not work: database or migrations, redis, storage
    is_ready: bool  # requests can be answered, though maybe not all of them
    is_on_maintenance: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    missing: str | None = None
    is_on_maintenance: bool = False


class Looker:
    """One for all threads of a process."""

    def __init__(self) -> None:
        self._rows = Look(_Rows(missing="database"), ROWS_SECONDS)
        self._redis = Look(False, REDIS_SECONDS)
        self._storage = Look(False, STORAGE_SECONDS)
        self._had_storage = False

    def look(self, ground: Ground) -> Found:
        """How it stands now, or stood a second ago."""
        redis = self._redis.begun(ground.dispatcher.takes_nudges)
        rows = self._rows.found(partial(_look_at_rows, ground))
        missing = [rows.missing] if rows.missing else []
        if not redis():
            missing.append("redis")
        # The database knows which storage is the right one.
        if not rows.missing and not self.storage_takes_bytes(ground):
            missing.append("storage")
        return Found(
            missing=missing,
            is_ready=self._dispensable(ground).issuperset(missing),
            is_on_maintenance=rows.is_on_maintenance,
        )

    def storage_takes_bytes(self, ground: Ground) -> bool:
        """Whether it said so within `STORAGE_SECONDS`."""
        takes_bytes = self._storage.found(partial(_takes_bytes, ground))
        self._had_storage = self._had_storage or takes_bytes
        return takes_bytes

    def _dispensable(self, ground: Ground) -> set[str]:
        """A bucket that this process never had may be another than that of the others, or its keys are wrong:
        a rollout has to stop at it.
        """
        is_shared = ground.settings.storage_url.startswith("s3:")
        return {*DISPENSABLE} if is_shared and self._had_storage else {"redis"}


def install(app: Flask) -> None:
    """Give the application a looker of its own."""
    app.extensions[_KEY] = Looker()


def current() -> Looker:
    """That of the application that answers this request."""
    return cast(Looker, current_app.extensions[_KEY])


def _look_at_rows(ground: Ground) -> _Rows:
    try:
        if not is_migrated(ground.database):
            return _Rows(missing="migrations")
        return _Rows(is_on_maintenance=is_on_maintenance(ground))
    except DatabaseUnavailable:
        return _Rows(missing="database")


def _takes_bytes(ground: Ground) -> bool:
    try:
        ground.storage.check()
    except (StorageFault, DatabaseUnavailable):
        return False
    return True
