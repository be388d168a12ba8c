"""Clients that take their time: single ones, and crowds of them at an address of their own."""

import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from select import select
from socket import create_connection
from urllib.parse import urlsplit

from tests.fleet.containers import Fleet

# Opens so many connections to the balancer and says the same on each, then a few bytes again and again. For
# each line that it reads it tells on how many of them it was told so far that there are too many.
CROWD = """
import socket, sys, threading
count, said = int(sys.argv[1]), sys.argv[2].encode()
opened, refused, is_over = [], set(), threading.Event()

def on_each(act):
    for connection in opened:
        try:
            act(connection)
        except OSError:
            pass

def look(connection):
    if connection.recv(12) == b"HTTP/1.1 429":
        refused.add(connection)

def go_on():
    while not is_over.wait(0.5):
        on_each(lambda connection: connection.send(b"x" * 500))

for _ in range(count):
    try:
        connection = socket.create_connection(("balancer", 8080), timeout=30)
        connection.setblocking(False)
        opened.append(connection)
    except ConnectionResetError:
        pass
on_each(lambda connection: connection.sendall(said))
if said:
    threading.Thread(target=go_on).start()
print("there", flush=True)
for _ in sys.stdin:
    on_each(look)
    print(len(refused), flush=True)
is_over.set()
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
            # Who is let go just then is told still.
            with suppress(ConnectionError):
                client.sendall(piece)
            if select([client], [], [], 1)[0]:
                break
        answer, seconds = client.recv(1), time.monotonic() - began
        with suppress(ConnectionError):
            while piece := client.recv(65536):
                answer += piece
        return Told(answer.decode(), seconds)


class Crowd:
    """Connections that are held open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def refused(self) -> int:
        """How many of them have been told so far that they are too many."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


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
