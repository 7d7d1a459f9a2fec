"""What is done to the network interface of a stick that is a router: its name, its address, its rest.

Each function is one question to :meth:`failberry.adapters.netlink.Netlink.ask`, and raises
:class:`AdapterError`.  ``kernel`` is pyroute2's.

The address is held with a prefix of /32, whatever the stick says.  Sticks use 192.168.0.0/24, 192.168.1.0/24
or 192.168.8.0/24, which may be the house's own network: a route to that prefix in the main table, or its
broadcast address in the local one, would take the house's traffic to the stick.  Nothing needs them: the
gateway is reached by the default route in our own table, which is ``onlink``.
"""

from __future__ import annotations

import contextlib
import socket
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from failberry.errors import AdapterError, AdapterReason

_IPV6_OFF = "/proc/sys/net/ipv6/conf/{}/disable_ipv6"
_WHOLE = 32


def take(kernel: Any, old: str, new: str) -> int:
    """Rename the interface, which must be down for it, and bring it up; return its index."""
    links = _links(kernel)
    if old not in links:
        raise AdapterError(AdapterReason.GONE, f"interface {old} has vanished")
    index = links[old]
    if links.get(new, index) != index:
        evidence = (
            f"{old} cannot be named {new}: there is an interface of that name; take the other stick out"
        )
        raise AdapterError(AdapterReason.BUSY, evidence)
    kernel.link("set", index=index, state="down")
    if old != new:
        kernel.link("set", index=index, ifname=new)
    _drop_addresses(kernel, index, kept=None)
    # A router advertisement would put a default route into the main table, beside the wired line's, and no
    # table of ours knows a gateway for IPv6 behind a stick. Where the file is missing or read-only there is
    # no IPv6, or accept_ra_defrtr (etc/sysctl) has to do.
    with contextlib.suppress(OSError):
        Path(_IPV6_OFF.format(new)).write_text("1", encoding="ascii")
    kernel.link("set", index=index, state="up")
    return index


def hold(kernel: Any, name: str, address: IPv4Address) -> None:
    """Make this the only IPv4 address of the interface; it is never without one that is to stay."""
    index = _links(kernel).get(name)
    if index is None:
        raise AdapterError(AdapterReason.GONE, f"interface {name} has vanished")
    if str(address) not in (held for held, _ in _addresses(kernel, index)):
        kernel.addr("add", index=index, address=str(address), prefixlen=_WHOLE, family=socket.AF_INET)
    _drop_addresses(kernel, index, kept=str(address))


def rest(kernel: Any, name: str) -> bool:
    """Take the interface down, its addresses off; return whether it was there at all."""
    index = _links(kernel).get(name)
    if index is None:
        return False
    _drop_addresses(kernel, index, kept=None)
    kernel.link("set", index=index, state="down")
    return True


def _links(kernel: Any) -> dict[str, int]:
    return {link.get_attr("IFLA_IFNAME"): int(link["index"]) for link in kernel.get_links()}


def _addresses(kernel: Any, index: int) -> list[tuple[str, int]]:
    return [
        (message.get_attr("IFA_LOCAL"), message["prefixlen"])
        for message in kernel.get_addr(family=socket.AF_INET)
        if message["index"] == index
    ]


def _drop_addresses(kernel: Any, index: int, *, kept: str | None) -> None:
    for address, length in _addresses(kernel, index):
        if address != kept or length != _WHOLE:
            kernel.addr("del", index=index, address=address, prefixlen=length, family=socket.AF_INET)
