"""Which DHCP servers answer in the house: one discovery, and every offer that comes (RFC 2131).

The discovery has a hardware address that nobody has, and no offer is accepted, so that nobody's lease
changes.  It goes out on a packet socket: the port is the DHCP client's, and this needs no address.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from ipaddress import IPv4Address
from pathlib import Path

from failberry.adapters.sysfs import number, text
from failberry.doctor.evidence import DhcpServer

LISTEN = 2.5
"""Seconds: a server may look by a ping whether the address is free, which takes one."""
_ETH_P_IP = 0x0800
_COOKIE = bytes((99, 130, 83, 99))
_BROADCAST_FLAG = 0x8000
_ROUTER, _TYPE, _SERVER, _WANTED, _END = 3, 53, 54, 55, 255
_DISCOVER, _OFFER = 1, 2
_LOCAL_MAC = 0x02
"""The bit of an address that no maker has given."""


def discover(interface: str, seconds: float = LISTEN) -> tuple[DhcpServer, ...]:
    """Ask, and collect who answers.  Raises OSError: not root, or no such interface."""
    if not Path("/sys/class/net", interface).exists():
        return ()
    if not (number(Path("/sys/class/net", interface, "carrier")) or 0):
        return ()
    hardware = bytes((_LOCAL_MAC, *os.urandom(5)))
    number_ = os.urandom(4)
    found: dict[IPv4Address, DhcpServer] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP)) as ours:
        ours.bind((interface, _ETH_P_IP))
        ours.setblocking(False)  # noqa: FBT003  (the standard library's signature)
        ours.send(b"\xff" * 6 + hardware + struct.pack("!H", _ETH_P_IP) + discovery(hardware, number_))
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([ours], [], [], left)[0]:
                break
            frame = ours.recv(2048)
            offer = read(frame[14:], number_)
            if offer is not None:
                server, gateway = offer
                told = str(gateway) if gateway is not None else ""
                found.setdefault(server, DhcpServer(interface=interface, address=str(server), gateway=told))
    own = (DhcpServer(interface=interface, address="this Pi", own=True),) if serves() else ()
    return (*own, *(found[each] for each in sorted(found)))


def serves(tables: Path = Path("/proc/net/udp")) -> bool:
    """Whether a server of this machine's own listens, which does not hear what its machine sends."""
    return any(
        line.split()[1].endswith(":0043") for line in text(tables).splitlines()[1:] if line.split()[1:]
    )


def discovery(hardware: bytes, number_: bytes) -> bytes:
    """The IP packet of a DHCPDISCOVER, to be answered by broadcast."""
    options = bytes((_TYPE, 1, _DISCOVER, _WANTED, 1, _ROUTER, _END))
    message = struct.pack("!BBBB4sHH16s16s", 1, 1, 6, 0, number_, 0, _BROADCAST_FLAG, b"", hardware)
    message += bytes(192) + _COOKIE + options
    datagram = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message  # no checksum: RFC 768 allows it
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 0, 0, 64, socket.IPPROTO_UDP, 0, bytes(4), b"\xff" * 4
    )
    return header[:10] + struct.pack("!H", _sum(header)) + header[12:] + datagram


def read(packet: bytes, number_: bytes) -> tuple[IPv4Address, IPv4Address | None] | None:
    """Server and gateway of an offer to us; ``None``: it is none."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
        return None
    start = 4 * (packet[0] & 15)
    message = packet[start + 8 :]
    if packet[start : start + 4] != struct.pack("!HH", 67, 68) or len(message) < 241:
        return None
    if message[0] != 2 or message[4:8] != number_ or message[236:240] != _COOKIE:
        return None
    options = _options(message[240:])
    if options.get(_TYPE) != bytes((_OFFER,)):
        return None
    server, gateway = options.get(_SERVER, b""), options.get(_ROUTER, b"")[:4]
    if len(server) != 4:
        server = packet[12:16]
    return IPv4Address(server), IPv4Address(gateway) if len(gateway) == 4 else None


def _options(octets: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at < len(octets) and octets[at] != _END:
        if octets[at] == 0:
            at += 1
            continue
        if at + 1 >= len(octets):
            break
        length = octets[at + 1]
        found[octets[at]] = octets[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def _sum(octets: bytes) -> int:
    """Checksum of the Internet (RFC 1071)."""
    whole: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while whole >> 16:
        whole = (whole & 0xFFFF) + (whole >> 16)
    return ~whole & 0xFFFF
