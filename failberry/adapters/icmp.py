"""Echo messages as bytes, and raw sockets for them (RFC 792, RFC 4443, raw(7)).

*Signature.*  Our echoes are IP packets of exactly :data:`SIZE` bytes, whoever sends them and for whatever
purpose, so that the packet filter can know them by their length when a router hands them back to us.

*Raw sockets, not ping sockets.*  ``SOCK_DGRAM`` with ICMP needs no right, but only for groups in
net.ipv4.ping_group_range, root or not; the kernel's default is nobody, and not every Debian changes it.
The service has CAP_NET_RAW, which raw(7) asks for, so that one way works everywhere.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from failberry.core.facts import Address

SIZE = {4: 37, 6: 57}
"""Bytes of an echo of ours, by IP version: header, 8 bytes of ICMP, and the payload."""
PAYLOAD = 9
PROTOCOL = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
LARGEST = 2048
"""Bytes read of one packet; more than any message that could count."""

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
UNREACHABLE = {4: 3, 6: 1}
TIME_EXCEEDED = {4: 11, 6: 3}

_HEADER = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence number."""
_FIXED_HEADER_6 = 40

# linux/icmp.h, linux/icmpv6.h: a raw socket is woken for the types whose bit is not set.
_SOL_RAW, _ICMP_FILTER = 255, 1
_ICMPV6_FILTER = 1
# asm-generic/socket.h, linux/in.h
_SO_ATTACH_FILTER = 26
_IP_PKTINFO = 8
# linux/bpf_common.h: load from the packet, with IPv4 from X on; X = length of the IP header; compare; end.
_LOAD_BYTE, _LOAD_HALF = {4: 0x50, 6: 0x30}, {4: 0x48, 6: 0x28}
_X_IS_HEADER_LENGTH, _EQUAL, _RETURN = 0xB1, 0x15, 0x06


@dataclass(frozen=True, slots=True)
class Message:
    """An ICMP message that came in."""

    kind: int
    code: int
    identifier: int
    sequence: int
    rest: bytes
    """What follows the first eight bytes: an echo's payload, or the packet that an error speaks of."""


def echo(version: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """Return an echo request; its checksum is the kernel's to fill in with IPv6 (RFC 3542 section 3.1)."""
    message = _HEADER.pack(ECHO_REQUEST[version], 0, 0, identifier, sequence) + payload
    return message if version == 6 else message[:2] + checksum(message) + message[4:]


def payload() -> bytes:
    """Return what only we can know, as much as the signature has room for."""
    return os.urandom(PAYLOAD)


def checksum(message: bytes) -> bytes:
    """RFC 1071; a message of odd length counts as if a zero followed."""
    even = message + b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(even) // 2}H", even))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def parse(version: int, packet: bytes) -> Message | None:
    """Read what a raw socket gave; ``None``: too short for any message that could count."""
    if version == 4:
        # A raw IPv4 socket shows the IP header, too (raw(7)).
        packet = packet[(packet[0] & 0xF) * 4 :] if packet else b""
    if len(packet) < _HEADER.size:
        return None
    kind, code, _, identifier, sequence = _HEADER.unpack_from(packet)
    return Message(kind, code, identifier, sequence, packet[_HEADER.size :])


def quoted(version: int, packet: bytes) -> tuple[bytes, Message] | None:
    """Read the echo that an error speaks of: where it was to go, and its first bytes; ``None``: none."""
    if version == 4:
        if len(packet) < 20 or packet[9] != PROTOCOL[4]:
            return None
        target, message = packet[16:20], parse(4, packet)
    else:
        if len(packet) < _FIXED_HEADER_6 or packet[6] != PROTOCOL[6]:
            return None
        target, message = packet[24:40], parse(6, packet[_FIXED_HEADER_6:])
    return None if message is None or message.kind != ECHO_REQUEST[version] else (target, message)


def let_in(ours: socket.socket, kinds: Iterable[int]) -> None:
    """Have a raw socket hear messages of these types alone."""
    if ours.family == socket.AF_INET6:
        words = [0xFFFFFFFF] * 8
        for kind in kinds:
            words[kind // 32] ^= 1 << kind % 32
        ours.setsockopt(socket.IPPROTO_ICMPV6, _ICMPV6_FILTER, struct.pack("=8I", *words))
    else:
        closed = 0xFFFFFFFF ^ sum(1 << kind for kind in kinds)
        ours.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", closed))


def let_in_replies(ours: socket.socket, version: int, identifier: int) -> None:
    """Have a raw socket hear replies to echoes of this identifier alone.

    By a filter in the kernel (Documentation/networking/filter.rst): whatever else pours in does not even
    wake us.
    """
    program = [(_X_IS_HEADER_LENGTH, 0, 0, 0)] if version == 4 else []
    program += [
        (_LOAD_BYTE[version], 0, 0, 0),
        (_EQUAL, 0, 3, ECHO_REPLY[version]),
        (_LOAD_HALF[version], 0, 0, 4),
        (_EQUAL, 0, 1, identifier),
        (_RETURN, 0, 0, LARGEST),
        (_RETURN, 0, 0, 0),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
    ours.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code))
    )


def source_is(source: Address) -> tuple[int, int, bytes]:
    """Return the ancillary message that has a packet sent from this address (ip(7), ipv6(7))."""
    if source.version == 4:
        return socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=i4s4x", 0, source.packed)
    return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16si", source.packed, 0)


def hops_are(version: int, count: int) -> tuple[int, int, bytes]:
    """Return the ancillary message that has a packet live for so many hops."""
    if version == 4:
        return socket.IPPROTO_IP, socket.IP_TTL, struct.pack("=i", count)
    return socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, struct.pack("=i", count)
