"""The carrier's end of a PPP session, and an Internet behind it that answers pings: without a kernel's PPP.

RFC 1662 (framing), 1661 (LCP), 1332 and 1877 (IPCP). It agrees to whatever costs nothing, refuses compression
and whatever it does not know, and answers every ICMP echo, from whichever address was asked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

IP, LCP, IPCP = 0x0021, 0xC021, 0x8021
REQUEST, ACK, NAK, REJECT, TERMINATE, TERMINATED, PROTOCOL_REJECT = 1, 2, 3, 4, 5, 6, 8
ECHO, ECHOED = 9, 10
FLAG, ESCAPE = 0x7E, 0x7D
TCP, SYN, ACKNOWLEDGED = 6, 0x02, 0x12
"""A protocol of IP; flags of a request for a connection, and of the yes to it."""
REFUSED = {LCP: {7, 8, 13, 23}, IPCP: {2}}
"""Compressed fields, callback and bundles; compressed headers."""
LARGEST = 4096
STRANGER = 40_000
"""The port that somebody on the Internet knocks from."""


def checksum(octets: bytes) -> int:
    """FCS-16 of RFC 1662, appendix C."""
    fcs = 0xFFFF
    for octet in octets:
        fcs ^= octet
        for _ in range(8):
            fcs = (fcs >> 1) ^ 0x8408 if fcs & 1 else fcs >> 1
    return fcs ^ 0xFFFF


def internet_checksum(octets: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f">{(len(octets) + 1) // 2}H", octets + b"\0" * (len(octets) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclass(slots=True, kw_only=True)
class PppPeer:
    """Octets in, octets out. ``pings`` counts the echoes answered, by the address that was asked."""

    address: IPv4Address
    """Given to the caller."""
    own: IPv4Address
    dns: tuple[IPv4Address, ...] = ()
    swallow: bool = False
    """The session stays up, and nothing comes back through it."""
    opened: bool = False
    """The caller has its address."""
    ended: bool = False
    pings: dict[IPv4Address, int] = field(default_factory=dict)
    doors: dict[int, int] = field(default_factory=dict)
    """Flags of TCP with which a port of the caller answered."""
    _agreed: set[int] = field(default_factory=set)
    """Protocols of which the caller has taken our request."""
    _frame: bytearray = field(default_factory=bytearray)
    _escaped: bool = False
    _out: bytearray = field(default_factory=bytearray)

    def start(self) -> bytes:
        """What it says first."""
        self._ask(LCP)
        return self._drain()

    def _ask(self, protocol: int) -> None:
        """Its own request, until the caller has agreed: what was said before pppd began to listen is lost."""
        if protocol not in self._agreed:
            wish = b"\x05\x06\x0f\xa1\xbe\x44" if protocol == LCP else b"\x03\x06" + self.own.packed
            self._send(protocol, self._control(REQUEST, 1, wish))

    def feed(self, octets: bytes) -> bytes:
        """What it answers."""
        for octet in octets:
            if octet == FLAG:
                frame, self._frame, self._escaped = bytes(self._frame), bytearray(), False
                if len(frame) >= 6 and checksum(frame[:-2]) == int.from_bytes(frame[-2:], "little"):
                    self._take(frame[:-2])
            elif octet == ESCAPE:
                self._escaped = True
            elif len(self._frame) < LARGEST:
                self._frame.append(octet ^ 0x20 if self._escaped else octet)
                self._escaped = False
        return self._drain()

    def knock(self, ports: Iterable[int]) -> bytes:
        """Ask ports of the caller for a connection (a SYN, RFC 9293), as somebody on the Internet does."""
        stranger = IPv4Address("203.0.113.66").packed
        for port in ports:
            segment = struct.pack(">HHIIBBHHH", STRANGER, port, 1, 0, 5 << 4, SYN, 1024, 0, 0)
            pseudo = stranger + self.address.packed + struct.pack(">BBH", 0, TCP, len(segment))
            segment = segment[:16] + struct.pack(">H", internet_checksum(pseudo + segment)) + segment[18:]
            header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 60, TCP, 0)
            header += stranger + self.address.packed
            header = header[:10] + struct.pack(">H", internet_checksum(header)) + header[12:]
            self._send(IP, header + segment)
        return self._drain()

    def _take(self, frame: bytes) -> None:
        if frame[:2] != b"\xff\x03":
            return
        protocol, packet = int.from_bytes(frame[2:4], "big"), frame[4:]
        if protocol == IP:
            self._packet(packet)
        elif protocol in (LCP, IPCP) and len(packet) >= 4:
            code, number, length = struct.unpack(">BBH", packet[:4])
            self._negotiate(protocol, code, number, packet[4:length])
        else:
            self._send(LCP, self._control(PROTOCOL_REJECT, 1, frame[2:]))

    def _negotiate(self, protocol: int, code: int, number: int, body: bytes) -> None:
        if code == REQUEST:
            verdict, options = self._judge(protocol, body)
            self._send(protocol, self._control(verdict, number, options))
            self._ask(protocol)
            self.opened |= protocol == IPCP and verdict == ACK
        elif code == ACK:
            self._agreed.add(protocol)
            if protocol == LCP:
                self._ask(IPCP)
        elif code == ECHO and protocol == LCP:
            self._send(LCP, self._control(ECHOED, number, b"\x0f\xa1\xbe\x44" + body[4:]))
        elif code == TERMINATE:
            self._send(protocol, self._control(TERMINATED, number, b""))
            self.ended |= protocol == LCP

    def _judge(self, protocol: int, body: bytes) -> tuple[int, bytes]:
        options = []
        while len(body) >= 2 and 2 <= body[1] <= len(body):
            options.append((body[0], body[2 : body[1]]))
            body = body[body[1] :]
        servers = dict(zip((129, 131), (each.packed for each in self.dns), strict=False))
        wanted = {3: self.address.packed, **servers} if protocol == IPCP else {}
        known = {3, 129, 131} if protocol == IPCP else {1, 2, 3, 5}
        refused = [each for each in options if each[0] in REFUSED[protocol] or each[0] not in known]
        refused += [
            each for each in options if protocol == IPCP and each[0] not in wanted and each not in refused
        ]
        if refused:
            return REJECT, _encoded(refused)
        other = [(kind, wanted[kind]) for kind, value in options if wanted.get(kind, value) != value]
        return (NAK, _encoded(other)) if other else (ACK, _encoded(options))

    def _packet(self, packet: bytes) -> None:
        header = (packet[0] & 15) * 4
        if packet[9] == TCP and int.from_bytes(packet[header + 2 : header + 4], "big") == STRANGER:
            self.doors[int.from_bytes(packet[header : header + 2], "big")] = packet[header + 13]
        if self.swallow or packet[9] != 1 or packet[header] != 8:
            return
        asked = IPv4Address(packet[16:20])
        self.pings[asked] = self.pings.get(asked, 0) + 1
        echo = b"\0\0\0\0" + packet[header + 4 :]
        echo = echo[:2] + struct.pack(">H", internet_checksum(echo)) + echo[4:]
        # Addresses change places, which leaves the header's checksum as it was.
        self._send(IP, packet[:12] + packet[16:20] + packet[12:16] + packet[20:header] + echo)

    @staticmethod
    def _control(code: int, number: int, body: bytes) -> bytes:
        return struct.pack(">BBH", code, number, len(body) + 4) + body

    def _send(self, protocol: int, packet: bytes) -> None:
        frame = b"\xff\x03" + protocol.to_bytes(2, "big") + packet
        frame += checksum(frame).to_bytes(2, "little")
        self._out.append(FLAG)
        for octet in frame:
            self._out += (
                bytes((ESCAPE, octet ^ 0x20)) if octet < 0x20 or octet in (FLAG, ESCAPE) else bytes((octet,))
            )
        self._out.append(FLAG)

    def _drain(self) -> bytes:
        out, self._out = bytes(self._out), bytearray()
        return out


def _encoded(options: list[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes((kind, len(value) + 2)) + value for kind, value in options)
