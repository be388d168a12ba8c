"""Something in front of a service: TLS, as a provider's servers have it, or a way that a test may bar."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial

_PIECE_BYTES = 1 << 16

_Connect = Callable[[], socket.socket]
_Wrap = Callable[[socket.socket], AbstractContextManager[socket.socket]]


def tls_front(context: ssl.SSLContext, connect: _Connect) -> AbstractContextManager[int]:
    """`front` that speaks TLS."""
    return front(connect, partial(context.wrap_socket, server_side=True))


@contextmanager
def front(connect: _Connect, wrap: _Wrap = nullcontext) -> Iterator[int]:
    """The port of 127.0.0.1 whose connections are passed on to what `connect` gives, until the body ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, wrap, connect), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _accept(listener: socket.socket, wrap: _Wrap, connect: _Connect) -> None:
    with suppress(OSError):  # the listener was shut down
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, wrap, connect), daemon=True).start()


def _serve(client: socket.socket, wrap: _Wrap, connect: _Connect) -> None:
    with (
        client,
        suppress(OSError),
        wrap(client) as outer,
        connect() as server,
    ):
        back = threading.Thread(target=_pass_on, args=(server, outer), daemon=True)
        back.start()
        _pass_on(outer, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
