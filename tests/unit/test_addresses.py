"""How addresses, networks and names of hosts are told apart."""

import socket
from ipaddress import ip_address, ip_network

import pytest

from shared.addresses import address_of, is_host_name, look_up, network_of


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
def test_an_address_is_itself(text: str):
    assert address_of(text) == ip_address(text)


def test_an_ipv4_address_is_the_same_in_the_form_of_ipv6():
    assert address_of("::ffff:192.0.2.1") == address_of("192.0.2.1")


@pytest.mark.parametrize("text", ["", "unknown", "_hidden", "192.0.2.1:80", "[2001:db8::1]", "192.0.2", "1"])
def test_what_is_no_address_is_none(text: str):
    assert address_of(text) is None


@pytest.mark.parametrize("text", ["10.1.0.1/16", "10.1.0.0/33", "balancer", "10.1"])
def test_what_is_no_network_is_none(text: str):
    assert network_of(text) is None


@pytest.mark.parametrize("text", ["10.0.0.5", "::ffff:10.0.0.5"])
def test_an_address_is_a_network_of_its_own(text: str):
    assert network_of(text) == ip_network("10.0.0.5")


@pytest.mark.parametrize("text", ["balancer", "a-1.ingress_nginx.svc", "longshore.example.", "1und1.example"])
def test_a_host_has_a_name(text: str):
    assert is_host_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1",
        "10.1",
        "10.1.0.300",
        "10.1.0.1/16",
        "::1",
        "*",
        "a b",
        "-a",
        "a..b",
        "a" * 64,
        "a\n",
        "a.1.",
    ],
)
def test_what_is_no_name_could_not_be_one_by_mistake(text: str):
    assert not is_host_name(text)


def test_a_name_leads_to_all_addresses_of_its_host():
    assert address_of("127.0.0.1") in (look_up("localhost") or ())


@pytest.mark.parametrize("name", ["nobody.invalid", "a" * 64])
def test_a_name_that_is_not_found_leads_nowhere(name: str):
    assert not look_up(name)


@pytest.mark.parametrize(
    ("number", "told"),
    [(socket.EAI_NONAME, frozenset()), (socket.EAI_AGAIN, None), (socket.EAI_FAIL, None)],
    ids=["there is none", "no name server answers", "a name server is broken"],
)
def test_what_nobody_can_tell_is_not_the_same_as_no_address(
    number: int, told: object, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "as a resolver says it")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert look_up("balancer") == told
