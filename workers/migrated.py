"""A worker begins nothing before the database has the schema of its release.

SQL that does not fit the schema would break each turn, also after the claim, and a lease that nobody gives
back counts as a worker that died. Whoever starts workers and `longshore migrate` at once, as Kubernetes does,
need not keep an order. A beat sends nudges only, and need not wait.
"""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from threading import Thread

import structlog

from shared.db.database import Database
from shared.db.versions import is_migrated
from shared.errors import LongshoreError
from shared.settings import Settings

_LOOK_SECONDS = 0.5

_log = structlog.get_logger()


def wait_until_migrated(settings: Settings) -> None:
    """Return once the schema is there; a database that does not answer is waited for, too.

    To be called before the process forks: it leaves no connection and no thread behind. Raises SystemExit, at
    once, where the process is told to stop meanwhile.
    """
    seen: Future[None] = Future()
    # In a thread: one that waits for a server that does not answer would not hear of a signal.
    looking = Thread(target=_look_until_migrated, args=(settings, seen), name="migrated", daemon=True)
    with _stopping_at_once():
        looking.start()
        seen.result()
    looking.join()


def _look_until_migrated(settings: Settings, seen: Future[None]) -> None:
    try:
        with closing(Database(settings.database_url, pool_size=1, process="worker-waiting")) as database:
            _wait(database)
    except BaseException as exception:  # noqa: BLE001 - carried to the main thread, all of it
        seen.set_exception(exception)
    else:
        seen.set_result(None)


def _wait(database: Database) -> None:
    is_first_look = True
    while not _has_schema(database):
        if is_first_look:
            _log.warning(
                "waiting_for_schema", reason="The database does not answer, or needs longshore migrate."
            )
        is_first_look = False
        time.sleep(_LOOK_SECONDS)


def _has_schema(database: Database) -> bool:
    try:
        return is_migrated(database)
    except LongshoreError:  # whatever the database withholds now
        return False


@contextmanager
def _stopping_at_once() -> Iterator[None]:
    """The first process of a container hears of no signal that it has not asked for."""
    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(*_: object) -> None:
    raise SystemExit(0)
