"""How long a client is waited for while it holds a thread: a worker of gunicorn's, and its sockets.

gunicorn's own waits for ever for the rest of a request's headers. And it hangs up in its main loop, two
seconds for each client that does not hang up as well, while nobody else is let in.
"""

import errno
from socket import AF_INET, AF_INET6, IPPROTO_TCP, TCP_NODELAY, socket
from time import monotonic
from typing import ClassVar, Self

from gunicorn.util import close_graceful
from gunicorn.workers.gthread import TConn, ThreadWorker

_TCP = frozenset({AF_INET, AF_INET6})


class PatientSocket(socket):
    """A connection that breaks where its client sends or takes nothing for long, or sends next to nothing."""

    silence_seconds: ClassVar[float] = 15.0
    # Of waiting, each time: what a thread did with the bytes does not count.
    window_seconds: ClassVar[float] = 15.0
    least_bytes_per_second: ClassVar[int] = 500

    _waited_seconds = 0.0
    _received_bytes = 0

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
        try:
            piece = super().recv(size, flags)
        except TimeoutError as error:
            raise _given_up() from error
        self._waited_seconds += monotonic() - began
        self._received_bytes += len(piece)
        if self._waited_seconds >= self.window_seconds:
            self._check_pace()
        return piece

    def _check_pace(self) -> None:
        if self._received_bytes < self._waited_seconds * self.least_bytes_per_second:
            raise _given_up()
        self.begin_request()


class PatientWorker(ThreadWorker):
    """gunicorn's worker of threads, with patient sockets. It hangs up in the thread that has answered."""

    socket_class: ClassVar[type[PatientSocket]] = PatientSocket

    def enqueue_req(self, conn: TConn) -> None:
        """Let a thread take the next request of a connection."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = self.socket_class.of(conn.sock)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        """Answer a request; returns whether the connection is kept, or what else is to be done with it."""
        conn.sock.begin_request()
        kept = super().handle(conn)
        if kept is False:
            close_graceful(conn.sock)
        return kept


def _given_up() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "The client sends too slowly, or nothing at all")
