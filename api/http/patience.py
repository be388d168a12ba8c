"""How long a client is waited for while it holds a thread: a worker of gunicorn's, and its sockets.

gunicorn's own waits for ever for the rest of a request's headers, and five seconds for its first byte. And it
hangs up in its main loop, two seconds for each client that does not hang up as well, while it lets nobody in.
"""

import errno
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from functools import partial
from selectors import EVENT_READ
from socket import AF_INET, AF_INET6, IPPROTO_TCP, TCP_NODELAY, socket
from termios import TIOCOUTQ
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Self

from gunicorn.util import close_graceful
from gunicorn.workers.gthread import TConn, ThreadWorker

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# The server asks for up to a MiB, and copies what it holds of it for each piece that is read.
_MOST_BYTES = 256 * 1024

_TCP = frozenset({AF_INET, AF_INET6})


class PatientSocket(socket):
    """A connection that breaks where its client sends or takes nothing for long, or next to nothing."""

    silence_seconds: ClassVar[float] = 15.0
    # Of waiting, each time: what a thread did with the bytes does not count.
    window_seconds: ClassVar[float] = 15.0
    least_bytes_per_second: ClassVar[int] = 500
    # For what comes after a request was refused.
    refused_seconds: ClassVar[float] = 10.0

    _waited_seconds = 0.0
    _received_bytes = 0
    _until: float | None = None

    @classmethod
    def of(cls, accepted: socket) -> Self:
        """The same connection; `accepted` is of no use any longer."""
        made = cls(accepted.family, accepted.type, accepted.proto, accepted.detach())
        made.setblocking(False)
        if made.family in _TCP:
            # Else what follows the headers waits for the client to acknowledge them, which takes it 40 ms.
            made.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        return made

    def begin_request(self) -> None:
        """Forget how slow the request before was."""
        self._waited_seconds, self._received_bytes = 0.0, 0

    def setblocking(self, flag: bool, /) -> None:
        """Blocking means for so long, and no longer. Of a closed connection it means nothing."""
        if self.fileno() >= 0:
            self.settimeout(self.silence_seconds if flag else 0.0)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Raises ConnectionResetError for a client that is given up: to the server it is gone."""
        began = monotonic()
        if self._until is not None:
            self._hurry(self._until - began)
        try:
            piece = super().recv(min(size, _MOST_BYTES), flags)
        except TimeoutError as error:
            raise _given_up() from error
        waited_seconds = monotonic() - began
        # Nobody is waited for so long: this process was frozen, or the machine was.
        if waited_seconds < self.silence_seconds:
            self._waited_seconds += waited_seconds
        self._received_bytes += len(piece)
        if self._waited_seconds >= self.window_seconds:
            self._check_pace()
        return piece

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Raises TimeoutError for a client that is given up."""
        left = memoryview(data).cast("B")
        while left:
            left = left[self._send_some(left, flags) :]

    def _send_some(self, left: memoryview, flags: int) -> int:
        """Wait for room as long as the client takes something.

        The kernel says that there is room when a third of megabytes has been taken, which may take minutes.
        That of the client takes more once a sixteenth of its own buffer was read: no less is seen here.
        """
        untaken_bytes = self._untaken_bytes()
        while True:
            try:
                return self.send(left, flags)
            except TimeoutError:
                before, untaken_bytes = untaken_bytes, self._untaken_bytes()
                if before - untaken_bytes < self.silence_seconds * self.least_bytes_per_second:
                    raise

    def _untaken_bytes(self) -> int:
        """Sent bytes that have not arrived at the client; 0 where the system does not tell."""
        found = array("i", [0])
        with suppress(OSError):
            ioctl(self, TIOCOUTQ, found)  # of a socket it is SIOCOUTQ
        return found[0]

    @contextmanager
    def refused(self) -> Iterator[None]:
        """All that the body receives has to come within `refused_seconds`, at whatever pace.

        The server receives until it has as much as it was asked for: who asks cannot look at the time.
        """
        self._until = monotonic() + self.refused_seconds
        try:
            yield
        finally:
            self._until = None
            self.setblocking(True)

    def _hurry(self, left_seconds: float) -> None:
        if left_seconds <= 0:
            raise _given_up()
        self.settimeout(min(left_seconds, self.silence_seconds))

    def _check_pace(self) -> None:
        if self._received_bytes < self._waited_seconds * self.least_bytes_per_second:
            raise _given_up()
        self.begin_request()


class PatientWorker(ThreadWorker):
    """gunicorn's worker of threads, with patient sockets. It hangs up in the thread that has answered."""

    socket_class: ClassVar[type[PatientSocket]] = PatientSocket

    def enqueue_req(self, conn: TConn) -> None:
        """Let a thread take the next request of a connection; of a new one, when it has come."""
        if isinstance(conn.sock, PatientSocket):
            super().enqueue_req(conn)
        else:
            conn.sock = self.socket_class.of(conn.sock)
            self._wait_for_first_bytes(conn)

    def _wait_for_first_bytes(self, conn: TConn) -> None:
        """In the main loop: gunicorn would have a thread wait for five seconds."""
        conn.timeout = monotonic() + self.socket_class.silence_seconds
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _cap_keepalive(self, deadline: float) -> None:
        """A worker that stops waits no longer for first bytes than for further requests."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def handle(self, conn: TConn) -> object:
        """Answer a request; returns whether the connection is kept, or what else is to be done with it."""
        conn.sock.begin_request()
        kept = super().handle(conn)
        if kept is False:
            close_graceful(conn.sock)
        return kept


def _given_up() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "The client sends too slowly, or nothing at all")
