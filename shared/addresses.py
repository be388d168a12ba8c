"""Addresses of machines and networks: how they are written, and how a host's name leads to them."""

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOBODY_TELLS = (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM)

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
# The last label of a name is never a number, or addresses that are not whole would be names.
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?![0-9]+\.?$){_LABEL}\.?", re.IGNORECASE)


def address_of(text: str) -> Address | None:
    """The address that is written there; of an IPv4 address in the form of IPv6, the IPv4 address."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found


def network_of(text: str) -> Network | None:
    """The network that is written there as an address, or as CIDR without bits beyond its prefix."""
    address = address_of(text)
    try:
        return ip_network(text if address is None else address)
    except ValueError:
        return None


def is_host_name(text: str) -> bool:
    """Whether it could be the name of a host, and not an address."""
    return _HOST_NAME.fullmatch(text) is not None


def look_up(name: str) -> frozenset[Address] | None:
    """The host's addresses now, empty where there is none of that name; None where nobody can tell.

    May take seconds.
    """
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return None if error.errno in _NOBODY_TELLS else frozenset()
    except (OSError, UnicodeError):
        return frozenset()
    addresses = (address_of(str(place[0])) for *_, place in found)
    return frozenset(address for address in addresses if address is not None)
