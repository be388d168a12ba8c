"""What processes count, for Prometheus: the names, and how the counts of several processes become one.

A server and its children write into one folder and any of them tells the sum. What the rows say is not
counted but asked for (`shared.db.standing`). No label names a data service, nor anything that clients choose.
"""

import fcntl
import hmac
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from shared.instructions import Tally
from shared.lifecycle import Status
from shared.settings import Settings

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "longshore-metrics-"
_NEW_SECONDS = 60.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - counting must not wait for a disk

_REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_BATCH_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)

OUTCOMES = ("created", "updated", "deleted", "skipped", "rejected")
_UPLOADS = ("block", "file")
_ENDS_OF_EXPORTS = ("completed", "rejected", "canceled", "failed")


class Metrics:
    """The metrics of one process, each with the words of its help."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter(
            "longshore_requests", "Requests answered.", ["method", "route", "status"], registry=own
        )
        self.request_seconds = Histogram(
            "longshore_request_seconds",
            "Seconds from a request's head to its answer's.",
            ["method", "route"],
            buckets=_REQUEST_BUCKETS,
            registry=own,
        )
        self.uploads = self._counter("uploads", "Blocks and files stored.", "kind", _UPLOADS)
        self.uploaded_bytes = self._counter("uploaded_bytes", "Their bytes, decompressed.", "kind", _UPLOADS)
        self.documents = self._counter("documents", "Lines of imports by their outcome.", "outcome", OUTCOMES)
        self.batch_seconds = Histogram(
            "longshore_batch_seconds",
            "Seconds that a batch and its COMMIT took.",
            buckets=_BATCH_BUCKETS,
            registry=own,
        )
        self.imports = self._counter("imports", "Moves of imports to another status.", "status", Status)
        self.exports = self._counter(
            "exports", "Exports that ended, by their status.", "status", _ENDS_OF_EXPORTS
        )
        self.leases_lost = Counter(
            "longshore_leases_lost", "Blocks whose worker was silent for longer than its lease.", registry=own
        )
        self.retries = self._counter(
            "retries",
            "Attempts that broke, whether or not they are made again.",
            "kind",
            ("block", "export", "mail"),
        )
        self.mails = self._counter("mails", "Mails sent and given up.", "outcome", ("sent", "given_up"))
        self.sweeps = Counter("longshore_sweeps", "Sweeps that workers made.", registry=own)
        self.beats = Counter("longshore_beats", "Times that a sweep was due, by beat's clock.", registry=own)
        self.database_connections = Gauge(
            "longshore_database_connections_in_use",
            "Connections to the database that a transaction has now.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.database_pool = Gauge(
            "longshore_database_pool_connections",
            "Connections to the database that processes may have open.",
            multiprocess_mode="livesum",
            registry=own,
        )

    def _counter(self, name: str, meaning: str, label: str, known: Iterable[str]) -> Counter:
        """With each of its series at zero: Prometheus sees no increase in the first sample of a new one."""
        counter = Counter(f"longshore_{name}", meaning, [label], registry=self.registry)
        for value in known:
            counter.labels(value)
        return counter

    def count_batch(self, tally: Tally, seconds: float) -> None:
        """A batch that was committed."""
        self.batch_seconds.observe(seconds)
        for outcome in OUTCOMES:
            self.documents.labels(outcome).inc(getattr(tally, outcome))

    def count_upload(self, kind: str, size_bytes: int) -> None:
        """A `block` or a `file` that was stored."""
        self.uploads.labels(kind).inc()
        self.uploaded_bytes.labels(kind).inc(size_bytes)


@cache
def metrics() -> Metrics:
    """Those of this process."""
    return Metrics()


@contextmanager
def gathered(settings: Settings) -> Iterator[None]:
    """While the body runs, this process and those that it starts count into one folder, if anybody may ask.

    To be entered before anything is counted.
    """
    if settings.metrics_token is None:
        yield
        return
    parent = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    _remove_orphans(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    os.environ[_FOLDER] = str(folder)
    # Only processes that import the library from now on find the folder by themselves.
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    # Held until the last of our processes has ended, however it does.
    held = _lock(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def begin_in_child() -> None:
    """Have the folder for a new child to count into, whoever removed it: without one its work would break."""
    if folder := os.environ.get(_FOLDER):
        Path(folder).mkdir(exist_ok=True)


def _remove_orphans(parent: Path) -> None:
    """What processes left that were killed: folders that nobody holds, and not just because they are new."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _NEW_SECONDS and (held := _lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)


def _lock(folder: Path) -> int | None:
    """The descriptor that holds the folder; None where another process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def exposed(*asked: Collector) -> bytes:
    """All counts of processes that count together, and what is `asked` for now, as Prometheus reads it."""
    folder = os.environ.get(_FOLDER)
    registry = CollectorRegistry() if folder else metrics().registry
    if folder:
        _forget_dead(Path(folder))
        registry.register(_Gathered(Path(folder)))
    parts = [registry]
    for collector in asked:
        parts.append(CollectorRegistry())
        parts[-1].register(collector)
    return b"".join(generate_latest(part) for part in parts)


def is_admitted(authorization: str | None, token: str) -> bool:
    """Whether whoever sends this header may read them."""
    given = (authorization or "").encode()
    return hmac.compare_digest(given, f"Bearer {token}".encode())


class _Gathered(Collector):
    """What all processes of a folder have counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        # A file is empty until its process has written its first count, and the library cannot read it then.
        files = [str(file) for file in self._folder.glob("*.db") if _has_counts(file)]
        gathered: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return gathered


def _has_counts(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _forget_dead(folder: Path) -> None:
    """What dead processes had counted stays; what they had in use is free."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*.db")}:
        if not psutil.pid_exists(pid):
            with suppress(FileNotFoundError):  # another one who asks was first
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
