"""The data directory of a stack: where things lie in it, who holds it, and the description of what runs.

`stack.json` carries a token and is readable by its owner only.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from shared.errors import LongshoreError

DEFAULT_FOLDER = Path(".longshore")
_OWNER_ONLY = 0o600


class StackRunning(LongshoreError):
    """The data directory is in use by a stack that runs."""

    code: ClassVar[str] = "stack_running"


class StackAbsent(LongshoreError):
    """No stack runs on the data directory."""

    code: ClassVar[str] = "stack_absent"


@dataclass(frozen=True)
class RunningStack:
    """What other commands need to know of a stack that runs."""

    url: str
    service: str
    token: str = field(repr=False)
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    storage_url: str = field(repr=False)
    pids: dict[str, list[int]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class StackFolder:
    """A data directory, by its full path."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.logs = self.path / "logs"
        self.postgres = self.path / "postgres"
        self.redis = self.path / "redis"
        self.blocks = self.path / "blocks"
        self.mails = self.path / "mails"
        self.run = self.path / "run"
        self._lock = self.path / "lock"
        self._description = self.path / "stack.json"

    @property
    def mails_url(self) -> str:
        """Where a stack keeps its mails, unless it is told to send them."""
        return f"file://{quote(str(self.mails))}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Ours alone for as long as the body runs. Raises StackRunning while it is somebody else's.

        The lock ends with the process that holds it, however that ends.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            if not _try(lock.fileno(), fcntl.LOCK_EX):
                raise StackRunning(
                    f"A stack is running on {self.path} already: stop it, or choose another --data-dir."
                )
            try:
                yield
            finally:
                self._description.unlink(missing_ok=True)

    def describe(self, stack: RunningStack) -> None:
        """Write the description in one step: a reader sees the old one or the new one."""
        unfinished = self._description.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        with os.fdopen(descriptor, "w") as file:
            json.dump(stack.as_json(), file)
        unfinished.replace(self._description)

    def running(self) -> RunningStack:
        """The stack that runs here. Raises StackAbsent."""
        if self._is_free() or not self._description.exists():
            raise StackAbsent(
                f"No stack is running on {self.path}. Start one with `longshore up`, name its --data-dir,"
                " or set DATABASE_URL, REDIS_URL and STORAGE_URL."
            )
        return RunningStack(**json.loads(self._description.read_text()))

    def set_logs_aside(self) -> None:
        """Keep the previous run's logs as `*.log.old`; new ones begin empty."""
        self.logs.mkdir(exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.old"))

    def _is_free(self) -> bool:
        if not self._lock.exists():
            return True
        with self._lock.open() as lock:
            return _try(lock.fileno(), fcntl.LOCK_SH)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
