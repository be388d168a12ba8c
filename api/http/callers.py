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
        # By name, and when that was told. No name comes or goes: it is read while another thread looks up.
        self._told = dict.fromkeys(self._names, (frozenset[Address](), float("-inf")))
        self._noted: dict[str, list[str]] = {}
        self._due_at = float("-inf")

    def include(self, address: str) -> bool:
        """Whether it is the address of one of them. May take a second where names are looked up."""
        found = address_of(address)
        if found is None:
            return False
        return any(found in network for network in self._networks) or self._is_named(found)

    def _is_named(self, address: Address) -> bool:
        if self._names and self._clock() >= self._due_at:
            self._look_again()
        return any(address in addresses for addresses in self._believed().values())

    def _believed(self) -> dict[str, frozenset[Address]]:
        kept_since = self._clock() - _KEPT_SECONDS
        return {name: addresses for name, (addresses, at) in self._told.items() if at > kept_since}

    def _look_again(self) -> None:
        """In a thread: a name server that does not answer may take twenty seconds."""
        if self._looking.acquire(blocking=False):
            looker = Thread(target=self._look, name="names", daemon=True)
            try:
                looker.start()
            except RuntimeError:
                # There are no more threads to be had. The next request asks again.
                self._looking.release()
                return
            looker.join(_PATIENCE_SECONDS)
        else:
            # Beside a later look, what was found before will do.
            self._looked.wait(_PATIENCE_SECONDS)

    def _look(self) -> None:
        try:
            if self._clock() >= self._due_at:
                for name in self._names:
                    self._ask(name)
                self._note()
                self._due_at = self._clock() + _FRESH_SECONDS
        finally:
            self._looking.release()
            self._looked.set()

    def _ask(self, name: str) -> None:
        """A name that is not found is nobody's: its last address may be another's by now."""
        told = self._look_up(name)
        if told is not None:
            self._told[name] = (told, self._clock())

    def _note(self) -> None:
        believed = self._believed()
        addresses = {name: sorted(map(str, believed.get(name, ()))) for name in self._names}
        if addresses != self._noted:
            structlog.get_logger().info("proxies_looked_up", addresses=addresses)
        self._noted = addresses


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
