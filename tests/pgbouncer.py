"""PgBouncer in transaction mode between the service and its Postgres, set up as shared/db/GROWTH.md says."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import URL, make_url

from shared.db.queries.reader import reader_of
from shared.embedded.process import Process, Program, last_lines

PORT = 6432
CONFIGURATION = "pgbouncer.ini"
START_SECONDS = 30.0
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin"

PAGE = Path(__file__).parents[1] / "shared/db/GROWTH.md"
PLACE = "longshore = host=db.example.org dbname=longshore"  # on the page: where the database is

# What only a test needs: sockets of its own, no passwords to it, and few connections to count.
OURS = """
auth_type = trust
auth_file = {users}
admin_users = {admin}
unix_socket_dir = {sockets}
unix_socket_mode = 0777
listen_port = {port}
default_pool_size = {connections}
"""


@dataclass(frozen=True)
class Pool:
    """Where PgBouncer answers for a database, and where for itself."""

    url: str
    admin_url: str

    def clients(self) -> int:
        """How many connections to it there are, besides the one that asks."""
        connection = psycopg2.connect(self.admin_url)
        connection.autocommit = True  # it knows no transactions
        with connection.cursor() as cursor:
            cursor.execute("SHOW CLIENTS")
            found = cursor.rowcount - 1
        connection.close()
        return found


@contextmanager
def pgbouncer(database_url: str, *, connections: int) -> Iterator[Pool]:
    """One with so many connections to the database; skips the test where there is none on this machine."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}")
    if program is None:
        pytest.skip("There is no pgbouncer on PATH: install it (on Debian: apt-get install pgbouncer).")
    with tempfile.TemporaryDirectory(prefix="longshore-") as name:
        folder, owner = Path(name), make_url(database_url)
        _write_configuration(folder, owner, connections)
        user = _user_for(owner)
        for path in (folder, *folder.iterdir()) if user else ():
            shutil.chown(path, user)
        with _running(program, folder, user):
            yield Pool(_url(owner, folder), _url(owner.set(database="pgbouncer"), folder))


@contextmanager
def _running(program: str, folder: Path, user: str) -> Iterator[None]:
    process = Process(
        Program(
            role="pgbouncer",
            command=[program, str(folder / CONFIGURATION)],
            log=folder / "log",
            folder=folder,
            environment={"PATH": os.defpath},
            user=user,
        )
    )
    try:
        _wait_for_socket(folder / f".s.PGSQL.{PORT}", process)
        yield
    finally:
        process.kill()


def _wait_for_socket(socket: Path, process: Process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not socket.exists():
        assert process.exit_status() is None, last_lines(process.program.log)
        assert time.monotonic() < deadline, "pgbouncer comes up"
        time.sleep(0.02)


def _write_configuration(folder: Path, owner: URL, connections: int) -> None:
    users = folder / "users.txt"
    logins = (owner, make_url(reader_of(owner.render_as_string(hide_password=False)).url))
    users.write_text("".join(f'"{login.username}" "{login.password or ""}"\n' for login in logins))
    ours = OURS.format(users=users, admin=owner.username, sockets=folder, port=PORT, connections=connections)
    (folder / CONFIGURATION).write_text(_page_for(owner) + ours)


def _page_for(owner: URL) -> str:
    """The page's configuration, for this database."""
    [block] = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert PLACE in block
    place = {"host": owner.query.get("host") or owner.host, "port": owner.port, "dbname": owner.database}
    address = " ".join(f"{name}={value}" for name, value in place.items() if value)
    return str(block).replace(PLACE, f"{owner.database} = {address}")


def _url(owner: URL, sockets: Path) -> str:
    """The same login by way of the pool."""
    pooled = owner.set(host=None, port=None, query={"host": str(sockets), "port": str(PORT)})
    return pooled.render_as_string(hide_password=False)


def _user_for(owner: URL) -> str:
    """PgBouncer refuses root, and only its own user may open the socket of an embedded Postgres."""
    if os.geteuid() != 0:
        return ""
    host = owner.query.get("host")
    with suppress(FileNotFoundError, TypeError):
        return Path(str(host)).owner()
    return "nobody"
