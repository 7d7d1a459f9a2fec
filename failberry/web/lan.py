"""Who is in the house: our addresses on the LAN, and whose connections are taken.

The LAN is one interface.  Of its addresses only private and link-local ones count, in either mode: where the
LAN is the wired line's interface too, a public prefix on it may be the provider's, with strangers in it.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))
"""For this machine itself: a tunnel by SSH, a reverse proxy, Prometheus.  The kernel drops what claims to
come from there (martians)."""
_OF_HOUSES = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
    )
)
"""RFC 1918, RFC 3927, RFC 4193, RFC 4291: addresses that nobody on the Internet has."""

# linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_DADFAILED, _IFA_F_TENTATIVE = 0x08, 0x40
_HEADER = struct.Struct("=LHHLL")
_ADDRESS = struct.Struct("=BBBBL")
_ATTRIBUTE = struct.Struct("=HH")
_ANSWER_TIME = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """One address of this machine."""

    address: Address
    network: Network
    """Its on-link prefix."""
    index: int
    """Of its interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lan:
    """The LAN as it is now."""

    own: tuple[Own, ...] = ()
    """Where we may be reached."""
    networks: tuple[Network, ...] = ()
    """Further ones, behind the LAN."""

    def admits(self, local: str, peer: str) -> bool:
        """Whether a connection between these addresses (as sockets tell them) comes from the house."""
        try:
            here, there = _plain(local), _plain(peer)
        except ValueError:
            return False
        if here.is_loopback or there.is_loopback:
            return here.is_loopback and there.is_loopback
        ours = [each for each in self.own if each.address == here]
        if not ours:
            return False
        near = [each.network for each in ours]
        return any(there.version == each.version and there in each for each in (*near, *self.networks))


def lan(found: Iterable[Own], *, wanted: str = "", networks: Iterable[str] = ()) -> Lan:
    """Choose where to be: every private address found, or only the ``wanted`` one if it is among them."""
    only = ip_address(wanted) if wanted else None
    if only is not None and only.is_unspecified:
        only = None
    own = tuple(
        each
        for each in found
        if any(each.address.version == house.version and each.address in house for house in _OF_HOUSES)
        and only in (None, each.address)
    )
    return Lan(own=own, networks=tuple(map(ip_network, networks)))


def _plain(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def look(interface: str) -> tuple[Own, ...]:
    """Ask the kernel for the addresses of an interface (rtnetlink(7)); none where there is no such one."""
    try:
        index = socket.if_nametoindex(interface)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(_ANSWER_TIME)
            size = _HEADER.size + _ADDRESS.size
            kernel.send(
                _HEADER.pack(size, _RTM_GETADDR, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
                + _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
            )
            told: list[Own] = []
            while True:
                part, done = addresses(kernel.recv(1 << 16))
                told += part
                if done:
                    return tuple(each for each in told if each.index == index)
    except OSError:
        return ()


def addresses(received: bytes) -> tuple[list[Own], bool]:
    """Read RTM_NEWADDR messages; and whether they were the last.  Pure."""
    found: list[Own] = []
    place = 0
    while place + _HEADER.size <= len(received):
        length, kind, _flags, _number, _port = _HEADER.unpack_from(received, place)
        if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < _HEADER.size:
            return found, True
        if (
            kind == _RTM_NEWADDR
            and (own := _own(received[place + _HEADER.size : place + length])) is not None
        ):
            found.append(own)
        place += -(-length // 4) * 4
    return found, False


def _own(message: bytes) -> Own | None:
    family, prefix, flags, _scope, index = _ADDRESS.unpack_from(message)
    told = dict(_attributes(message[_ADDRESS.size :]))
    # On a point-to-point link IFA_ADDRESS is the peer's (linux/if_addr.h).
    packed = told.get(_IFA_LOCAL) or told.get(_IFA_ADDRESS)
    if packed is None or len(packed) not in (4, 16):
        return None
    if family == socket.AF_INET6 and flags & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED):
        return None
    address = ip_address(packed)
    return Own(address=address, network=ip_interface((address, prefix)).network, index=index)


def _attributes(rest: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + _ATTRIBUTE.size <= len(rest):
        length, kind = _ATTRIBUTE.unpack_from(rest, place)
        if length < _ATTRIBUTE.size:
            return
        yield kind, rest[place + _ATTRIBUTE.size : place + length]
        place += -(-length // 4) * 4
