"""Whose request it is: where proxies that the settings name passed it on, the address that they tell.

X-Forwarded-For is believed as far as such proxies wrote it, each about who had reached it, and no further.
What anybody else says of an address is not listened to.
"""

from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from shared.addresses import Address, address_of, look_up
from shared.settings import Proxy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Names are looked up again so often: a container has another address whenever it is made anew.
_FRESH_SECONDS = 2.0
# What was found is believed for so long while the name server does not answer.
_KEPT_SECONDS = 60.0
# Requests wait for a look-up no longer than that, and then go on with what was found before.
_PATIENCE_SECONDS = 1.0


class Proxies:
    """The proxies that are trusted, by address, network or name."""

    def __init__(
        self,
        trusted: Iterable[Proxy],
        look_up: Callable[[str], frozenset[Address] | None] = look_up,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        trusted = list(trusted)
        self._networks = [each for each in trusted if not isinstance(each, str)]
        self._names = [each for each in trusted if isinstance(each, str)]
        self._look_up = look_up
        self._clock = clock
        self._looking = Lock()
        self._looked = Event()
        self._told: dict[str, tuple[frozenset[Address], float]] = {}  # by name, and when that was told
        self._found = frozenset[Address]()
        self._due_at = float("-inf")

    def include(self, address: str) -> bool:
        """Whether it is the address of one of them. May take a second where names are looked up."""
        found = address_of(address)
        if found is None:
            return False
        return any(found in network for network in self._networks) or found in self._named()

    def _named(self) -> frozenset[Address]:
        if self._names and self._clock() >= self._due_at:
            self._look_again()
        return self._found

    def _look_again(self) -> None:
        """In a thread: a name server that does not answer may take twenty seconds."""
        if self._looking.acquire(blocking=False):
            looker = Thread(target=self._look, name="names", daemon=True)
            looker.start()
            looker.join(_PATIENCE_SECONDS)
        else:
            # Beside a later look, what was found before will do.
            self._looked.wait(_PATIENCE_SECONDS)

    def _look(self) -> None:
        try:
            if self._clock() >= self._due_at:
                for name in self._names:
                    self._ask(name)
                self._take()
                self._due_at = self._clock() + _FRESH_SECONDS
        finally:
            self._looking.release()
            self._looked.set()

    def _ask(self, name: str) -> None:
        """A name that is not found is nobody's: its last address may be another's by now."""
        told = self._look_up(name)
        if told is not None:
            self._told[name] = (told, self._clock())

    def _take(self) -> None:
        kept_since = self._clock() - _KEPT_SECONDS
        told = {name: addresses for name, (addresses, at) in self._told.items() if at > kept_since}
        found = frozenset[Address]().union(*told.values())
        if found != self._found or not self._looked.is_set():
            addresses = {name: sorted(map(str, told.get(name, ()))) for name in self._names}
            structlog.get_logger().info("proxies_looked_up", addresses=addresses)
        self._found = found


class Callers:
    """WSGI middleware that makes REMOTE_ADDR the address of the caller."""

    def __init__(self, app: "WSGIApplication", proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        peer, forwarded = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = find_caller(peer, forwarded, self._proxies.include)
        return self._app(environ, start_response)


def find_caller(peer: str, forwarded: str, is_proxy: Callable[[str], bool]) -> str:
    """The first address, going back from the peer, that is no proxy's, or that nothing is told beyond.

    `forwarded` is X-Forwarded-For: addresses with commas between, each told by who is at the next one.
    """
    found = peer
    for claimed in map(str.strip, reversed(forwarded.split(","))):
        if address_of(claimed) is None or not is_proxy(found):
            break
        found = claimed
    return found
