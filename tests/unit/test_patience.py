"""Which connections are given up, and when."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from api.http.patience import PatientSocket
from tests.faults.waiting import wait_until


class HastySocket(PatientSocket):
    silence_seconds = 0.05


class BriskSocket(PatientSocket):
    silence_seconds = 0.5  # a kernel tells its peer of room that there is again after 0.2


class HardlyContent(PatientSocket):
    """Looks at the pace at once, and is content with next to nothing."""

    window_seconds = 0.0
    least_bytes_per_second = 0


class NeverContent(PatientSocket):
    window_seconds = 0.0
    least_bytes_per_second = 10**12


# Reads two bytes of the socket that it is given.
READER = """
import socket, sys
from api.http.patience import PatientSocket
class HastySocket(PatientSocket):
    silence_seconds = window_seconds = 0.5
with HastySocket.of(socket.socket(fileno=int(sys.argv[1]))) as server:
    server.setblocking(True)
    for _ in range(2):
        print(server.recv(1).decode(), flush=True)
"""
FROZEN_SECONDS = 0.6

# The server's end of a new connection and the client's.
Connect = Callable[[type[PatientSocket]], tuple[PatientSocket, socket.socket]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    with ExitStack() as opened:

        def made(kind: type[PatientSocket]) -> tuple[PatientSocket, socket.socket]:
            accepted, client = socket.socketpair()
            server = kind.of(accepted)
            server.setblocking(True)
            return opened.enter_context(server), opened.enter_context(client)

        yield made


def test_what_was_sent_is_received(connect: Connect):
    server, client = connect(PatientSocket)
    client.sendall(b"GET")

    assert server.recv(8192) == b"GET"


def test_the_end_of_a_connection_is_one(connect: Connect):
    server, client = connect(PatientSocket)
    client.close()

    assert server.recv(8192) == b""


def test_a_client_that_sends_nothing_is_given_up(connect: Connect):
    server, _ = connect(HastySocket)

    with pytest.raises(ConnectionResetError):
        server.recv(8192)


def test_a_client_that_takes_nothing_is_given_up(connect: Connect):
    server, _ = connect(HastySocket)

    with pytest.raises(TimeoutError):
        server.sendall(bytes(10_000_000))


def test_a_client_that_takes_little_at_a_time_gets_all_of_a_large_piece():
    """A piece had to be taken within 15 seconds, however steadily it was."""
    piece = bytes(4 << 20)
    with ThreadPoolExecutor(1) as reader, tcp(BriskSocket) as (server, client):
        taken = reader.submit(take_slowly, client, len(piece))
        began = time.monotonic()

        server.sendall(piece)

        assert time.monotonic() - began > 2 * BriskSocket.silence_seconds
        assert taken.result() == len(piece)


@contextmanager
def tcp(kind: type[PatientSocket]) -> Iterator[tuple[PatientSocket, socket.socket]]:
    """The server's end of a new connection and the client's, who has room for little."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.settimeout(10.0)
        client.connect(listener.getsockname())
        with kind.of(listener.accept()[0]) as server:
            server.setblocking(True)
            yield server, client


def take_slowly(client: socket.socket, size_bytes: int) -> int:
    taken_bytes = 0
    while taken_bytes < size_bytes and (piece := client.recv(1 << 13)):
        taken_bytes += len(piece)
        time.sleep(0.008)
    return taken_bytes


def test_a_client_that_sends_next_to_nothing_is_given_up(connect: Connect):
    server, client = connect(NeverContent)
    client.sendall(b"G")

    with pytest.raises(ConnectionResetError):
        server.recv(8192)


def test_a_client_that_sends_enough_is_waited_for(connect: Connect):
    server, client = connect(HardlyContent)
    client.sendall(b"GET")

    assert [server.recv(1), server.recv(1), server.recv(1)] == [b"G", b"E", b"T"]


def test_the_time_that_a_server_was_frozen_is_not_the_clients():
    server, client = socket.socketpair()
    command = [sys.executable, "-c", READER, str(server.fileno())]
    with subprocess.Popen(command, pass_fds=[server.fileno()], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        client.sendall(b"1")
        assert reader.stdout.readline() == "1\n"
        wait_until(lambda: psutil.Process(reader.pid).status() == psutil.STATUS_SLEEPING, 10, "it reads on")

        reader.send_signal(signal.SIGSTOP)
        client.sendall(b"2")
        time.sleep(FROZEN_SECONDS)
        reader.send_signal(signal.SIGCONT)

        assert reader.stdout.readline() == "2\n"
    server.close()
    client.close()


def test_a_closed_connection_is_left_alone(connect: Connect):
    server, _ = connect(PatientSocket)
    server.close()

    server.setblocking(True)

    assert server.fileno() == -1


def test_answers_are_sent_at_once():
    """In two pieces they took 44 ms, the time that a client takes to acknowledge the first one."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with PatientSocket.of(accepted) as server:
            assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
