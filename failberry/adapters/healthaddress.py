"""The address that is on the LAN only while the mobile line is proven, as the kernel holds it.

Each function but :func:`put_on` is one question to :meth:`failberry.adapters.netlink.Netlink.ask`, and raises
:class:`AdapterError`.  ``kernel`` is pyroute2's.

*Marked by its label.*  Clean-up touches only what carries it.  (Since Linux 5.18 addresses can have a
protocol, as routes have, but pyroute2 0.7.7 cannot say it.)

*Lent, not given.*  It has a lifetime, renewed as long as the daemon lives, so that a promise of which nobody
knows any more whether it is true ends by itself.

*Of link scope*, and so never chosen as the source of what goes out to the Internet (``inet_select_addr``).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, ip_interface
from typing import Any

from failberry.adapters import arp
from failberry.adapters.netlink import Netlink
from failberry.errors import AdapterError, AdapterReason

LIFETIME = 180
"""Seconds for which the address stays without a word from us: three times the pause between two looks."""
_LABEL = ":fbproof"
_LABEL_LENGTH = 15
_WHOLE = 32
_RT_SCOPE_LINK = 253


class RefusedError(AdapterError):
    """The address cannot be ours: what is wrong, and the cure."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(AdapterReason.REFUSED, problem)
        self.cure = cure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    index: int
    address: IPv4Address
    label: str


async def put_on(netlink: Netlink, interface: str, address: IPv4Address) -> bool:
    """Put the address on the interface, unless another has it; return whether it is new there.

    A duplicate that shows up later takes it off again.  Raises :class:`AdapterError`, or its
    :class:`RefusedError` when the owner must do something.
    """
    own = await netlink.ask(lambda kernel: _own(kernel, interface))
    if address in (each.ip for each in own):
        await netlink.ask(take_off)
        raise RefusedError(
            f"standby.health_address {address} is the Pi's own address on {interface}, which always answers",
            "choose another address of the LAN, outside the range that DHCP gives out",
        )
    if not any(address in each.network for each in own):
        networks = ", ".join(str(each.network) for each in own) or "no network yet"
        await netlink.ask(take_off)
        raise RefusedError(
            f"standby.health_address {address} is not on the network of {interface} ({networks})",
            "choose an address of that network, outside the range that DHCP gives out",
        )
    present = await netlink.ask(lambda kernel: _is_on(kernel, interface, address))
    other = await arp.holder(interface, address, questions=1 if present else arp.QUESTIONS)
    if other is not None:
        await netlink.ask(take_off)
        raise RefusedError(
            f"standby.health_address {address} belongs to {other} on {interface} already",
            "choose an address that nobody has; if that is the router, see whether it answers for "
            "others (proxy ARP) and switch that off on the LAN",
        )
    await netlink.ask(lambda kernel: _hold(kernel, interface, address))
    arp.announce(interface, address)
    return not present


def take_off(kernel: Any) -> int:
    """Take every address of ours off, wherever it is; return how many there were."""
    return _drop(kernel, kept=None)


def _hold(kernel: Any, interface: str, address: IPv4Address) -> None:
    index = _index(kernel, interface)
    # The lifetimes in both of the ways that pyroute2 0.7 and 0.9 understand.
    kernel.addr(
        "replace",
        index=index,
        address=str(address),
        prefixlen=_WHOLE,
        family=socket.AF_INET,
        scope=_RT_SCOPE_LINK,
        label=_label(interface),
        preferred_lft=LIFETIME,
        valid_lft=LIFETIME,
        cacheinfo={"preferred": LIFETIME, "valid": LIFETIME},
    )
    _drop(kernel, kept=(index, address))


def _is_on(kernel: Any, interface: str, address: IPv4Address) -> bool:
    index = _index(kernel, interface)
    return any((each.index, each.address) == (index, address) for each in _ours(kernel))


def _own(kernel: Any, interface: str) -> list[IPv4Interface]:
    """The interface's addresses that are not ours."""
    index = _index(kernel, interface)
    own = [
        ip_interface((message.get_attr("IFA_LOCAL"), message["prefixlen"]))
        for message in kernel.get_addr(family=socket.AF_INET)
        if message["index"] == index and not _is_label(message)
    ]
    return [each for each in own if isinstance(each, IPv4Interface)]


def _drop(kernel: Any, *, kept: tuple[int, IPv4Address] | None) -> int:
    dropped = [each for each in _ours(kernel) if (each.index, each.address) != kept]
    for each in dropped:
        kernel.addr(
            "del",
            index=each.index,
            address=str(each.address),
            prefixlen=_WHOLE,
            family=socket.AF_INET,
            label=each.label,
        )
    return len(dropped)


def _ours(kernel: Any) -> list[_Held]:
    return [
        _Held(
            index=message["index"],
            address=IPv4Address(message.get_attr("IFA_LOCAL")),
            label=message.get_attr("IFA_LABEL"),
        )
        for message in kernel.get_addr(family=socket.AF_INET)
        if _is_label(message)
    ]


def _is_label(message: Any) -> bool:
    return str(message.get_attr("IFA_LABEL") or "").endswith(_LABEL)


def _label(interface: str) -> str:
    """``eth0:fbproof``: the interface's name before the colon (ip-address(8)), as far as there is room."""
    return interface[: _LABEL_LENGTH - len(_LABEL)] + _LABEL


def _index(kernel: Any, interface: str) -> int:
    for link in kernel.get_links():
        if link.get_attr("IFLA_IFNAME") == interface:
            return int(link["index"])
    raise AdapterError(AdapterReason.GONE, f"there is no interface {interface}")
