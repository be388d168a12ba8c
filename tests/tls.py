"""TLS in front of a service that speaks none, as a provider's servers have it."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_PIECE_BYTES = 1 << 16


@contextmanager
def tls_front(context: ssl.SSLContext, connect: Callable[[], socket.socket]) -> Iterator[int]:
    """The port of 127.0.0.1 whose connections are passed on to what `connect` gives, until the body ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, connect), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _accept(listener: socket.socket, context: ssl.SSLContext, connect: Callable[[], socket.socket]) -> None:
    with suppress(OSError):  # the listener was shut down
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, connect), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, connect: Callable[[], socket.socket]) -> None:
    with (
        client,
        suppress(OSError),
        context.wrap_socket(client, server_side=True) as secure,
        connect() as server,
    ):
        back = threading.Thread(target=_pass_on, args=(server, secure), daemon=True)
        back.start()
        _pass_on(secure, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
