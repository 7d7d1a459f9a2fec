"""Whether one value of ``[system]`` or ``[lan]`` is possible; as :mod:`failberry.checks`, which see."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface

from failberry.tomltext import shown

MOST_KEYS = 16
MOST_HOSTS = 64
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ZONE = r"[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z0-9_+-]{1,30}){0,2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_MAC = r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}"


def host_label(value: str) -> str | None:
    """One label of a host name (RFC 1123 section 2.1)."""
    if "." in value:
        return f"{shown(value)} has a dot in it; give the first part only, without the domain"
    if len(value) > 63 or not re.fullmatch(_LABEL, value) or value.isdecimal():
        return (
            f"{shown(value)} is not a name for a host; write up to 63 letters, digits and dashes, such as "
            "failberry"
        )
    if value.lower() == "localhost":
        return "localhost is every machine's name for itself; choose another one"
    return None


def zone_name(value: str) -> str | None:
    """The shape of a time zone's name (theory.html of the tz database); whether it exists is for others."""
    if not re.fullmatch(_ZONE, value):
        return f"{shown(value)} is not a time zone; write continent and city, such as Europe/Berlin"
    return None


def few_keys(value: tuple[str, ...]) -> str | None:
    """How many; what they are is for :mod:`failberry.loginkeys`."""
    if len(value) > MOST_KEYS:
        return f"has {len(value)} keys; {MOST_KEYS} is the most"
    return None


def wired_address(value: str) -> str | None:
    """A host's address with its prefix length, or empty."""
    return _address(value, "192.168.1.2/24") if value else None


def lan_address(value: str) -> str | None:
    """A host's address with its prefix length."""
    return _address(value, "192.168.7.1/24")


def _address(value: str, example: str) -> str | None:
    try:
        interface = IPv4Interface(value)
    except ValueError:
        return f"{shown(value)} is not an IPv4 address with a prefix length; write it as {example}"
    network = interface.network
    if "/" not in value:
        return f"{shown(value)} does not say how large the network is; write it as {example}"
    if not re.fullmatch(r"[0-9]{1,2}", value.partition("/")[2]):
        return f"{shown(value)} has no prefix length; write {interface.with_prefixlen}"
    if not 8 <= network.prefixlen <= 30:
        return f"{shown(value)} is in a network of an odd size; the prefix length goes from 8 to 30"
    if interface.ip == network.network_address:
        return f"{shown(value)} is the network itself; give the Pi an address in it, as {example}"
    if interface.ip == network.broadcast_address:
        return f"{shown(value)} is the network's address for everybody; give the Pi one of its own"
    if _nowhere(interface.ip):
        return f"{shown(value)} cannot be a host's address; write it as {example}"
    return None


def _nowhere(address: IPv4Address) -> bool:
    return (
        address.is_loopback
        or address.is_multicast
        or address.is_reserved
        or address.is_link_local
        or address.packed[0] == 0
    )


def gateway(value: str) -> str | None:
    """One IPv4 address, or empty."""
    if not value:
        return None
    try:
        address = IPv4Address(value)
    except ValueError:
        return f"{shown(value)} is not an IPv4 address; write the router's, such as 192.168.1.1"
    if _nowhere(address):
        return f"{shown(value)} cannot be a router's address; write it as 192.168.1.1"
    return None


def address_range(value: str) -> str | None:
    """``first-last``, or empty."""
    if not value:
        return None
    parts = [each.strip() for each in value.split("-")]
    try:
        first, last = map(IPv4Address, parts)
    except ValueError:
        return f'{shown(value)} is not a range; write it as "192.168.7.100-192.168.7.249", or "" for none'
    if first > last:
        return f'{shown(value)} runs backwards; write "{last}-{first}"'
    return None


def both_ends(value: str) -> tuple[IPv4Address, IPv4Address]:
    """Of a range that is well."""
    first, last = (IPv4Address(each.strip()) for each in value.split("-"))
    return first, last


def hosts(value: tuple[str, ...]) -> str | None:
    """Hardware address, address, perhaps a name."""
    if len(value) > MOST_HOSTS:
        return f"has {len(value)} hosts; {MOST_HOSTS} is the most"
    for each in value:
        mac, address, *names = each.split() if len(each.split()) in {2, 3} else ("", "")
        if not re.fullmatch(_MAC, mac):
            return (
                f"{shown(each)} does not begin with a hardware address; "
                'write it as "02:00:00:aa:bb:cc 192.168.7.20 camera"'
            )
        if int(mac[:2], 16) & 1:
            return f"{shown(each)} has a group address, which no host has; copy the host's own"
        try:
            IPv4Address(address)
        except ValueError:
            return (
                f"{shown(each)} has no IPv4 address in its middle; "
                'write it as "02:00:00:aa:bb:cc 192.168.7.20 camera"'
            )
        if names and host_label(names[0]):
            return f"{shown(each)} ends in what is no name; write letters, digits and dashes, or leave it out"
    return None


def window(value: str) -> str | None:
    """``HH:MM-HH:MM``, at least half an hour."""
    if not re.fullmatch(rf"{_CLOCK}-{_CLOCK}", value):
        return f'{shown(value)} is not a span of the day; write it as "03:00-05:00"'
    first, last = map(minutes, value.split("-"))
    if (last - first) % (24 * 60) < 30:
        return f"{shown(value)} is shorter than an update takes; give it half an hour at least"
    return None


def minutes(clock: str) -> int:
    """Of the day, from 0."""
    return int(clock[:2]) * 60 + int(clock[3:])
