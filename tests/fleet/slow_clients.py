"""Clients that take their time: single ones, and crowds of them at an address of their own."""

import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from select import select
from socket import create_connection
from urllib.parse import urlsplit

from tests.fleet.containers import Fleet

# Opens so many connections to the balancer and says the same on each, then a few bytes again and again. In
# the end it tells on how many of them it was told that there are too many.
CROWD = """
import socket, sys, threading
count, said = int(sys.argv[1]), sys.argv[2].encode()
opened, is_over = [], threading.Event()

def on_each(act):
    done = 0
    for connection in opened:
        try:
            done += bool(act(connection))
        except OSError:
            pass
    return done

def go_on():
    while not is_over.wait(0.5):
        on_each(lambda connection: connection.send(b"x" * 500))

for _ in range(count):
    try:
        opened.append(socket.create_connection(("balancer", 8080), timeout=5))
    except ConnectionResetError:
        pass
on_each(lambda connection: connection.sendall(said))
if said:
    threading.Thread(target=go_on).start()
print("there", flush=True)
sys.stdin.read()
is_over.set()
print(on_each(lambda connection: connection.recv(12, socket.MSG_DONTWAIT) == b"HTTP/1.1 429"))
"""


@dataclass(frozen=True)
class Told:
    """What a client was told before it was let go, and how many seconds after it began it was told."""

    answer: str
    seconds: float

    @property
    def status(self) -> int:
        return int(self.answer.split()[1])


def head_of_upload(path: str, token: str, length: int) -> bytes:
    """For a block of so many bytes."""
    lines = (
        f"POST {path}/blocks HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Authorization: Bearer {token}",
        "Content-Type: application/x-ndjson",
        f"Content-Length: {length}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def send_slowly(fleet: Fleet, pieces: Iterable[bytes]) -> Told:
    """One piece a second, until something is answered."""
    url, began = urlsplit(fleet.url), time.monotonic()
    with create_connection((url.hostname or "", url.port or 0), timeout=60) as client:
        for piece in pieces:
            client.sendall(piece)
            if select([client], [], [], 1)[0]:
                break
        answer = client.makefile("rb")
        first, seconds = answer.read(1), time.monotonic() - began
        return Told((first + answer.read()).decode(), seconds)


class Crowd:
    """Connections that are held open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def disperse(self) -> int:
        """How many of them had been told that they are too many."""
        out, _ = self._process.communicate(timeout=60)
        return int(out)


@contextmanager
def crowded(container: str, count: int, said: bytes = b"") -> Iterator[Crowd]:
    """So many clients in this container."""
    command = [
        "docker",
        "exec",
        "--interactive",
        container,
        "python3",
        "-c",
        CROWD,
        str(count),
        said.decode(),
    ]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        yield Crowd(process)
