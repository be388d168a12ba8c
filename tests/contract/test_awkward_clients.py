"""Clients that stall, dawdle or do not hang up keep nobody else waiting."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from select import select

import pytest

from api.http.gunicorn import threads
from shared.ground import Ground
from tests.serving import Served, gunicorn

DEADLINE_SECONDS = 30.0
SLOW_SECONDS = 8.0  # in which 64 KiB do not come at 2 kB a second
HANGS_UP = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LOGIN = (
    b"POST /ls/api/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)
STALLED = {
    "before the first byte": b"",
    "in the first line": b"GET /health",
    "in the headers": b"GET /health/live HTTP/1.1\r\nHost: x\r\n",
    "in a form": LOGIN + b"Content-Length: 9000\r\n\r\ngrant",
    "in a chunk": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n9\r\ngrant",
    "in a body that nobody reads": b"POST /docs HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{}",
}


@pytest.fixture(scope="module")
def hasty(environment: dict[str, str], ground: Ground) -> Iterator[Served]:
    """A server that waits for a moment where others wait for 15 seconds."""
    with gunicorn(environment, "python:tests.hasty_server") as running:
        yield running


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as connections:
        yield connections


def send(server: Served, opened: ExitStack, request: bytes, times: int) -> list[socket.socket]:
    """Connections that have sent so much and stay open."""
    made = [
        opened.enter_context(socket.create_connection(("127.0.0.1", server.port), DEADLINE_SECONDS))
        for _ in range(times)
    ]
    for connection in made:
        connection.sendall(request)
    return made


def ends(connection: socket.socket) -> bool:
    """Whether the server hangs up, after an answer or without one."""
    with suppress(ConnectionResetError):
        while connection.recv(8192):
            pass
    return True


def is_live(server: Served) -> bool:
    client = HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_SECONDS)
    client.request("GET", "/health/live")
    answered = client.getresponse().status
    client.close()
    return answered == 200


def test_stalled_clients_are_given_up_and_keep_nobody_waiting(hasty: Served, opened: ExitStack):
    """One that sent half of its headers held a thread for as long as it liked."""
    of_each_kind = threads // len(STALLED) + 1

    stalled = {name: send(hasty, opened, request, of_each_kind) for name, request in STALLED.items()}

    assert is_live(hasty)
    for name, connections in stalled.items():
        assert all(ends(connection) for connection in connections), name


def test_clients_that_do_not_hang_up(hasty: Served, opened: ExitStack):
    """For each of them nobody else was let in for two seconds."""
    connections = send(hasty, opened, HANGS_UP, 40)
    for connection in connections:
        assert connection.recv(8192).startswith(b"HTTP/1.1 200 ")

    assert is_live(hasty)


@pytest.mark.parametrize("framing", [b"Content-Length: 9000000", b"Transfer-Encoding: chunked"])
def test_a_refused_body_that_comes_slowly_is_read_no_longer_than_that(
    hasty: Served, opened: ExitStack, framing: bytes
):
    """It was, for as long as 64 KiB took: two minutes at the least pace, and without any token."""
    [connection] = send(hasty, opened, b"POST /docs HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n", 1)
    piece = b"x" * 100 if b"Length" in framing else b"64\r\n" + b"x" * 100 + b"\r\n"

    waited_seconds = trickle(connection, piece)

    assert waited_seconds < SLOW_SECONDS
    assert connection.recv(8192).startswith(b"HTTP/1.1 405 ")


def trickle(connection: socket.socket, piece: bytes) -> float:
    """How long it took until something came back, or whoever sends has had enough."""
    began = time.monotonic()
    while time.monotonic() - began < SLOW_SECONDS and not select([connection], [], [], 0.05)[0]:
        connection.sendall(piece)
    return time.monotonic() - began
