"""Whom a request is counted as: what trusted proxies tell is believed, and nothing else."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from threading import Event, Thread

import pytest

from api.http.callers import Proxies, find_caller
from shared.addresses import Address, address_of
from shared.settings import Proxy

CLIENT, SPOOFED, STRANGER = "198.51.100.7", "203.0.113.1", "192.0.2.77"
OUTER, INNER, NEW_INNER = "192.0.2.1", "10.1.0.2", "10.1.0.9"


class Names:
    """A name server that tells what `found` says, and counts how often it was asked."""

    def __init__(self, *found: str) -> None:
        self.found: Sequence[str] | None = found  # None: it does not answer
        self.asked = 0
        self.seconds = 0.0

    def look_up(self, _: str) -> frozenset[Address] | None:
        self.asked += 1
        if self.found is None:
            return None
        return frozenset(address for text in self.found if (address := address_of(text)))

    def clock(self) -> float:
        return self.seconds

    def proxies(self, *trusted: Proxy) -> Proxies:
        return Proxies(trusted or ["balancer"], self.look_up, self.clock)


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        pytest.param(STRANGER, "", STRANGER, id="nobody claims anything"),
        pytest.param(STRANGER, SPOOFED, STRANGER, id="a stranger claims an address"),
        pytest.param(STRANGER, INNER, STRANGER, id="a stranger claims to be a proxy"),
        pytest.param(STRANGER, f"{SPOOFED}, {INNER}", STRANGER, id="a stranger claims to come by a proxy"),
        pytest.param(INNER, "", INNER, id="a proxy asks for itself"),
        pytest.param(INNER, CLIENT, CLIENT, id="a proxy tells its client"),
        pytest.param(INNER, f"{SPOOFED}, {CLIENT}", CLIENT, id="a client claims before the proxy tells"),
        pytest.param(INNER, f"{SPOOFED},{CLIENT},{OUTER}", CLIENT, id="two proxies"),
        pytest.param(INNER, f"{SPOOFED},{OUTER},{CLIENT}", CLIENT, id="a client claims a proxy before it"),
        pytest.param(INNER, f"{OUTER}, {OUTER}", OUTER, id="nothing but proxies"),
        pytest.param(INNER, "unknown", INNER, id="no address"),
        pytest.param(INNER, f"{SPOOFED}, unknown", INNER, id="nothing is told beyond what is no address"),
        pytest.param(INNER, f"{CLIENT}:4711", INNER, id="an address and a port"),
        pytest.param(INNER, f"{CLIENT},", INNER, id="an empty claim"),
        pytest.param(f"::ffff:{INNER}", CLIENT, CLIENT, id="IPv4 in the form of IPv6"),
        pytest.param(INNER, "2001:db8::1", "2001:db8::1", id="IPv6"),
        pytest.param("", CLIENT, "", id="a Unix socket"),
    ],
)
def test_each_proxy_is_believed_about_the_one_before_it(peer: str, forwarded: str, caller: str):
    proxies = Names().proxies(ip_network("10.1.0.0/16"), ip_network(OUTER))

    assert find_caller(peer, forwarded, proxies.include) == caller


def test_a_proxy_that_has_a_name_is_found_by_it():
    proxies = Names(INNER, "2001:db8::2").proxies()

    assert proxies.include(INNER)
    assert proxies.include("2001:db8::2")
    assert not proxies.include(STRANGER)


def test_a_proxy_that_was_made_anew_is_found_and_its_old_address_is_not_believed_any_longer():
    names = Names(INNER)
    proxies = names.proxies()
    assert proxies.include(INNER)
    names.found, names.seconds = [NEW_INNER], 2.0

    assert proxies.include(NEW_INNER)
    assert not proxies.include(INNER)


def test_a_name_that_is_not_found_any_longer_is_nobodys():
    names = Names(INNER)
    proxies = names.proxies()
    assert proxies.include(INNER)
    names.found, names.seconds = [], 2.0

    assert not proxies.include(INNER)


def test_names_are_not_looked_up_for_each_request():
    names = Names(INNER)
    proxies = names.proxies()

    for _ in range(100):
        proxies.include(INNER)
        proxies.include(STRANGER)

    assert names.asked == 1


def test_without_names_nothing_is_looked_up():
    names = Names(INNER)

    assert not names.proxies(ip_network(OUTER)).include(INNER)
    assert names.asked == 0


def test_what_was_found_is_believed_for_a_while_when_no_name_server_answers():
    names = Names(INNER)
    proxies = names.proxies()
    assert proxies.include(INNER)
    names.found, names.seconds = None, 59.0
    assert proxies.include(INNER)
    names.seconds = 61.0

    assert not proxies.include(INNER)


def answered_once(names: Names, answered: Event) -> Proxies:
    """Whose name server answers the first question at once, and others when `answered` is set."""

    def look_up(name: str) -> frozenset[Address] | None:
        if names.asked:
            assert answered.wait(30)
        return names.look_up(name)

    return Proxies(["balancer"], look_up, names.clock)


def test_what_was_found_long_ago_is_not_believed_while_it_is_looked_up_again():
    names, answered = Names(INNER), Event()
    proxies = answered_once(names, answered)
    assert proxies.include(INNER)
    names.seconds = 36_000.0
    try:
        assert not proxies.include(INNER)
    finally:
        answered.set()


def test_names_are_looked_up_again_after_there_was_no_thread_for_it(monkeypatch: pytest.MonkeyPatch):
    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    proxies = Names(INNER).proxies()
    with monkeypatch.context() as crowded:
        crowded.setattr(Thread, "start", refuse)
        assert not proxies.include(INNER)

    assert proxies.include(INNER)


def test_no_request_waits_for_a_name_server_that_does_not_answer():
    """They go on with what was found before, also the one that has it looked up again."""
    names, answered = Names(INNER), Event()
    proxies = answered_once(names, answered)
    assert proxies.include(INNER)
    names.seconds = 2.0
    try:
        assert proxies.include(INNER)
        assert proxies.include(INNER)
        assert names.asked == 1
    finally:
        answered.set()


def test_requests_wait_for_the_first_answer():
    names, begun, answered = Names(INNER), Event(), Event()

    def look_up(name: str) -> frozenset[Address] | None:
        begun.set()
        assert answered.wait(30)
        return names.look_up(name)

    proxies = Proxies(["balancer"], look_up, names.clock)
    with ThreadPoolExecutor(2) as requests:
        first = requests.submit(proxies.include, INNER)
        assert begun.wait(30)
        second = requests.submit(proxies.include, INNER)
        answered.set()
        assert first.result()
        assert second.result()
