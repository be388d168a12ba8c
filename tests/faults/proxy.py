"""A network between the fleet and a service: TCP in front of its Unix socket, with faults on demand."""

import ctypes
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

_PIECE_BYTES = 1 << 16
# How a client of libpq ends a transaction.
_COMMIT = b"COMMIT\x00"
_CHECKPOINT = b"checkpoint_offset = "  # what a batch writes
_TOO_MANY = b"C53300\0"  # SQLSTATE of an error: there is no room for a connection

# A connection in repair is disconnected without a word to its peer (tcp(7); linux/tcp.h).
_TCP_REPAIR = 19
_NO_ADDRESS = bytes(16)
_libc = ctypes.CDLL(None)


def forget(connection: socket.socket) -> None:
    """Disconnect; the peer learns of it when it sends something next."""
    with suppress(OSError):  # it has just ended by itself
        connection.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        _libc.connect(connection.fileno(), _NO_ADDRESS, len(_NO_ADDRESS))


def can_forget() -> bool:
    """Whether this machine lets us, which takes Linux and its administrator."""
    with socket.socket() as connection:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        except OSError:
            return False
    return True


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes each connection on, until closed."""

    def __init__(self, target: Path) -> None:
        self.delay_seconds = 0.0  # of each piece, either way
        self.held_up = 0  # pieces that came late
        self.passed_on = 0  # pieces on their way to the service
        self.turned_away = 0  # connections, for no service was there
        self.crowded_out = 0  # connections for which Postgres had no room
        self._target = target
        self._commits_to_cut = 0
        self._was_anybody_cut = False
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Nothing passes any longer, and nobody is told."""
        self._flows.clear()

    def flow(self) -> None:
        """Everything passes again."""
        self._flows.set()

    def forget(self) -> None:
        """End every connection there is, and tell no client, as where a host is replaced."""
        with self._lock:
            links = list(self._links)
        for link in links:
            forget(link.client)
            link.close()

    def cut(self) -> None:
        """End every connection there is."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()

    def cut_commits(self, count: int) -> None:
        """Let so many COMMITs through, and cut their connections instead of bringing the answer.

        The first one may be anybody's; the others are those of batches.
        """
        with self._lock:
            self._commits_to_cut = count
            self._was_anybody_cut = False

    @property
    def commits_to_cut(self) -> int:
        """How many of them have not come yet."""
        return self._commits_to_cut

    @property
    def is_used(self) -> bool:
        """Whether there is a connection."""
        return bool(self._links)

    def close(self) -> None:
        self.flow()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        link = _Link(client, server)
        try:
            server.connect(str(self._target))
        except OSError:
            self.turned_away += 1
            link.close()
            return
        with self._lock:
            self._links.add(link)
        back = threading.Thread(target=self._pass_back, args=[link], daemon=True)
        back.start()
        self._pass_on(link)
        back.join()
        with self._lock:
            self._links.discard(link)

    def _pass_on(self, link: "_Link") -> None:
        for piece in link.pieces(link.client):
            self._hold_up()
            link.holds_batch |= _CHECKPOINT in piece
            if _COMMIT in piece:
                link.is_doomed = self._takes_commit(link)
                link.holds_batch = False
            link.send(link.server, piece)
            self.passed_on += 1

    def _pass_back(self, link: "_Link") -> None:
        for piece in link.pieces(link.server):
            self._hold_up()
            self.crowded_out += _TOO_MANY in piece
            if link.is_doomed:
                break
            link.send(link.client, piece)
        link.close()

    def _hold_up(self) -> None:
        self.held_up += bool(self.delay_seconds) or not self._flows.is_set()
        self._flows.wait()
        if self.delay_seconds:
            time.sleep(self.delay_seconds)

    def _takes_commit(self, link: "_Link") -> bool:
        with self._lock:
            if not self._commits_to_cut or (self._was_anybody_cut and not link.holds_batch):
                return False
            self._was_anybody_cut = True
            self._commits_to_cut -= 1
            return True


class _Link:
    """One connection of a client, and ours to the server for it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.is_doomed = False
        self.holds_batch = False  # in its transaction

    def pieces(self, source: socket.socket):
        """What arrives; at the end of it both sides are told."""
        with suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                yield piece
        self.close()

    def send(self, sink: socket.socket, piece: bytes) -> None:
        with suppress(OSError):
            sink.sendall(piece)

    def close(self) -> None:
        for side in (self.client, self.server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
