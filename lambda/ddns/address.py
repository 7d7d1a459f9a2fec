"""Which addresses may be published, and how the platform spells the caller's.  Pure.

The networks are written out, from IANA's registries of special-purpose addresses (RFC 6890), because
``ipaddress.is_global`` differs between versions of Python and lets multicast pass.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_UNICAST6 = IPv6Network("2000::/3")
_REFUSED4 = {
    "0.0.0.0/8": "means this network (RFC 791)",
    "10.0.0.0/8": "is private (RFC 1918)",
    "100.64.0.0/10": "is shared by the carrier's customers (CGNAT, RFC 6598)",
    "127.0.0.0/8": "is loopback (RFC 1122)",
    "169.254.0.0/16": "is link-local (RFC 3927)",
    "172.16.0.0/12": "is private (RFC 1918)",
    "192.0.0.0/24": "is reserved for protocols (RFC 6890)",
    "192.0.2.0/24": "is for documentation (RFC 5737)",
    "192.88.99.0/24": "is reserved (6to4 relays, RFC 7526)",
    "192.168.0.0/16": "is private (RFC 1918)",
    "198.18.0.0/15": "is for benchmarks (RFC 2544)",
    "198.51.100.0/24": "is for documentation (RFC 5737)",
    "203.0.113.0/24": "is for documentation (RFC 5737)",
    "224.0.0.0/4": "is multicast (RFC 5771)",
    "240.0.0.0/4": "is reserved (RFC 1112)",
}
_REFUSED6 = {
    "2001::/23": "is reserved for protocols (Teredo, ORCHID; RFC 2928)",
    "2001:db8::/32": "is for documentation (RFC 3849)",
    "2002::/16": "is 6to4 (RFC 3056)",
    "3fff::/20": "is for documentation (RFC 9637)",
}
_NETWORKS4 = [(IPv4Network(network), why) for network, why in _REFUSED4.items()]
_NETWORKS6 = [(IPv6Network(network), why) for network, why in _REFUSED6.items()]
_IPV4_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?")
_LONGEST = 80


def record_type(address: Address) -> str:
    """``A`` or ``AAAA``."""
    return "A" if address.version == 4 else "AAAA"


def unpublishable(address: Address) -> str:
    """Why the Internet at large cannot reach this address, as words to put after it; empty if it can."""
    if isinstance(address, IPv4Address):
        return next((why for network, why in _NETWORKS4 if address in network), "")
    if address not in _UNICAST6:
        return "is not global unicast (RFC 4291)"
    return next((why for network, why in _NETWORKS6 if address in network), "")


def parse(text: str) -> Address | None:
    """Read an address without zone; None if it is none."""
    if len(text) > _LONGEST or "%" in text or not text.isascii():
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def source(text: str) -> Address | None:
    """Read ``requestContext.http.sourceIp``; None if it is no address.

    Besides plain addresses, ``1.2.3.4:5``, ``[v6]``, ``[v6]:5``, IPv4 mapped into IPv6 (RFC 4291 2.5.5.2) and
    zones have been seen in this field.
    """
    if len(text) > _LONGEST:
        return None
    if found := _BRACKETED.fullmatch(text) or _IPV4_PORT.fullmatch(text):
        text = found[1]
    address = parse(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
