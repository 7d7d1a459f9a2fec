"""Whether somebody on the LAN has an address, and telling all that it is here now (ARP: RFC 826, RFC 5227).

The kernel does neither for an IPv4 address that it is given: its ``arp_notify`` speaks when an interface
comes up or changes its hardware address (Documentation/networking/ip-sysctl.rst), and whether an address has
a second holder is left to others.

Faster than RFC 5227 section 2.1.1, which waits some five seconds: that is for links that come up at the same
moment all over the house, and here a router waits for the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from failberry.errors import AdapterError, AdapterReason

QUESTIONS = 3
"""Probes that must all stay without an answer."""
PAUSE = 0.5
"""Seconds to listen after each."""

_ETH_P_ARP, _ARPHRD_ETHER = 0x0806, 1
_REQUEST = 1
_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_NOBODY, _EVERYBODY = bytes(6), b"\xff" * 6
_UNSPECIFIED = bytes(4)


async def holder(
    interface: str, address: IPv4Address, *, questions: int = QUESTIONS, pause: float = PAUSE
) -> str | None:
    """Return the hardware address of another host that has, or is about to take, the address; or ``None``.

    Raises :class:`AdapterError`.
    """
    with _socket(interface) as asking:
        own = asking.getsockname()[4]
        for _ in range(questions):
            _send(asking, interface, _packet(own, IPv4Address(0), address))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    return await _another(asking, own, address)
    return None


def announce(interface: str, address: IPv4Address) -> None:
    """Tell everybody on the LAN that the address is here (RFC 5227 section 2.3).  Raises AdapterError."""
    with _socket(interface) as telling:
        _send(telling, interface, _packet(telling.getsockname()[4], address, address))


async def _another(asking: socket.socket, own: bytes, address: IPv4Address) -> str:
    loop = asyncio.get_running_loop()
    while True:
        packet = await loop.sock_recv(asking, 64)
        if len(packet) < _PACKET.size:
            continue
        *kind, operation, hardware, sender, _, target = _PACKET.unpack_from(packet)
        # Section 2.1.1: whoever speaks from the address has it, and whoever probes for it may get it first.
        takes = operation == _REQUEST and sender == _UNSPECIFIED and target == address.packed
        if kind == [_ARPHRD_ETHER, 0x0800, 6, 4] and hardware != own and (sender == address.packed or takes):
            return str(hardware.hex(":"))


def _packet(own: bytes, sender: IPv4Address, target: IPv4Address) -> bytes:
    return _PACKET.pack(
        _ARPHRD_ETHER, 0x0800, 6, 4, _REQUEST, own, sender.packed, _NOBODY, target.packed
    )  # fmt: skip


@contextlib.contextmanager
def _socket(interface: str) -> Iterator[socket.socket]:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ARP)) as made:
            made.setblocking(False)  # noqa: FBT003  (the standard library's signature)
            made.bind((interface, _ETH_P_ARP))
            if made.getsockname()[3] != _ARPHRD_ETHER:
                raise AdapterError(AdapterReason.UNSUPPORTED, f"{interface} is no Ethernet interface")
            yield made
    except OSError as error:
        raise AdapterError(AdapterReason.REFUSED, f"ARP on {interface}: {error.strerror}") from error


def _send(made: socket.socket, interface: str, packet: bytes) -> None:
    made.sendto(packet, (interface, _ETH_P_ARP, 0, 0, _EVERYBODY))
