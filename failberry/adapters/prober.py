"""Looks whether traffic passes on a line: questions that leave by one interface and no other.

*Pinned.*  A socket is bound to the interface (SO_BINDTODEVICE, socket(7)) and carries the line's mark
(SO_MARK), so neither the main table's default route nor a route for the target that somebody wrote takes
the question elsewhere, and only what comes in on that interface is read.  The kernel takes the source from
that interface's addresses; where there is none it would lend another's, so that is looked at.

*Not to be fooled.*  Sockets are connected: the kernel passes on only what the peer sent.  An answer counts
if it repeats the random bits of its question, 96 of an echo, 16 of a DNS query besides its random port.

*Raw sockets, not ping sockets.*  ``SOCK_DGRAM`` with ICMP needs no right, but only for groups in
net.ipv4.ping_group_range, root or not; the kernel's default is nobody, and not every Debian changes it.
The service has CAP_NET_RAW, which raw(7) asks for, so that one way works everywhere.

*Bytes*, as IP counts them: an echo that is answered is 72 (IPv6: 112), a query for the root with an
ordinary answer some 165 (IPv6: 205).  A look at three targets and two name servers is 550; unanswered, 200.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from failberry.config import MOBILE_INTERFACE
from failberry.core.actions import ProbeLine, ReadCounters
from failberry.core.events import CountersRead, LineProbed
from failberry.core.facts import Address
from failberry.core.intent import CELLULAR_MARK, WIRED_MARK

_AF = {4: socket.AF_INET, 6: socket.AF_INET6}
_LARGEST = 2048
"""Bytes read of one packet; more than any answer that could count."""

# RFC 792, RFC 4443 section 4.
_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_ECHO_REQUEST_6, _ECHO_REPLY_6 = 128, 129
# linux/icmp.h, linux/icmpv6.h: a raw socket is woken for the types whose bit is not set.
_SOL_RAW, _ICMP_FILTER = 255, 1
_ICMPV6_FILTER = 1
_ECHO_DATA = 8
"""Bytes of random payload."""

_DNS_PORT = 53
_DNS_HEADER = struct.Struct("!6H")
# RFC 1035 section 4.1.
_DNS_RESPONSE, _DNS_OPCODE, _DNS_RECURSE = 0x8000, 0x7800, 0x0100
_DNS_ROOT_A = b"\0" + struct.pack("!2H", 1, 1)
"""The addresses of the root, which has none: every resolver knows that by heart, and no name is told."""

_SIOCGIFADDR = 0x8915
_IFNAMSIZ = 16
_IF_INET6 = Path("/proc/thread-self/net/if_inet6")
_STATISTICS = Path("/sys/class/net")


# --- a line --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, as far as a socket must know it."""

    interface: str

    @property
    def mark(self) -> int:
        """What the routing rules know its probes by (:mod:`failberry.core.intent`)."""
        return CELLULAR_MARK if self.interface == MOBILE_INTERFACE else WIRED_MARK

    def connect(self, peer: Address, port: int, kind: socket.SocketKind, protocol: int) -> socket.socket:
        """Open a non-blocking datagram or raw socket that reaches this peer over this line alone.

        Raises OSError: there is no such interface, it is down, or it has no address or route to offer.
        """
        ours = socket.socket(_AF[peer.version], kind | socket.SOCK_NONBLOCK, protocol)
        try:
            self._pin(ours, peer, port)
        except OSError:
            ours.close()
            raise
        return ours

    def _pin(self, ours: socket.socket, peer: Address, port: int) -> None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode())
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
        if peer.version == 4:
            ours.connect((str(peer), port))
        else:
            scope = socket.if_nametoindex(self.interface) if peer.is_link_local else 0
            ours.connect((str(peer), port, 0, scope))
        if not self._owns(ours.getsockname()[0], peer.version):
            raise OSError(f"{self.interface} has no IPv{peer.version} address")

    def _owns(self, source: str, version: int) -> bool:
        """Whether the kernel found an address on this interface, and did not lend another's."""
        if version == 4:
            # It prefers the interface's own as long as there is one, whichever suits the route.
            return _has_ipv4(self.interface)
        wanted = socket.inet_pton(socket.AF_INET6, source.partition("%")[0]).hex()
        lines = (line.split() for line in _IF_INET6.read_text(encoding="ascii").splitlines())
        return any(line[0] == wanted and line[-1] == self.interface for line in lines)


def _has_ipv4(interface: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            # struct ifreq (netdevice(7)): the name, then room for the answer.
            fcntl.ioctl(any_socket, _SIOCGIFADDR, struct.pack("16s24x", interface.encode()[: _IFNAMSIZ - 1]))
        except OSError:
            return False
    return True


# --- questions -----------------------------------------------------------------------------------


class Probe(Protocol):
    """One question to one peer."""

    async def ask(self, line: Line) -> None:
        """Return when the peer has answered, else never.  Raises OSError if it could not be asked."""


@dataclass(frozen=True, slots=True)
class Echo:
    """An ICMP or ICMPv6 echo (RFC 792, RFC 4443)."""

    peer: Address

    async def ask(self, line: Line) -> None:
        """Return when the echo has come back."""
        six = self.peer.version == 6
        protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
        with line.connect(self.peer, 0, socket.SOCK_RAW, protocol) as ours:
            unique = os.urandom(4 + _ECHO_DATA)  # identifier, sequence number, payload
            if six:
                words = [0xFFFFFFFF] * 8
                words[_ECHO_REPLY_6 // 32] ^= 1 << _ECHO_REPLY_6 % 32
                ours.setsockopt(socket.IPPROTO_ICMPV6, _ICMPV6_FILTER, struct.pack("=8I", *words))
                # The kernel puts the checksum in (RFC 3542 section 3.1).
                question = bytes((_ECHO_REQUEST_6, 0, 0, 0)) + unique
                answer = bytes((_ECHO_REPLY_6, 0))
            else:
                ours.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF ^ 1 << _ECHO_REPLY))
                bare = bytes((_ECHO_REQUEST, 0, 0, 0)) + unique
                question = bare[:2] + _checksum(bare) + bare[4:]
                answer = bytes((_ECHO_REPLY, 0))

            def answers(packet: bytes) -> bool:
                # A raw IPv4 socket shows the IP header, too (raw(7)).
                message = packet if six else packet[(packet[0] & 0xF) * 4 :]
                return message[:2] == answer and message[4:] == unique

            await _exchange(ours, question, answers)


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """A DNS query over UDP (RFC 1035); any answer proves that the server was reached, a refusal, too."""

    server: Address

    async def ask(self, line: Line) -> None:
        """Return when the server has answered."""
        with line.connect(self.server, _DNS_PORT, socket.SOCK_DGRAM, socket.IPPROTO_UDP) as ours:
            number = int.from_bytes(os.urandom(2), "big")
            question = _DNS_HEADER.pack(number, _DNS_RECURSE, 1, 0, 0, 0) + _DNS_ROOT_A

            def answers(packet: bytes) -> bool:
                if len(packet) < _DNS_HEADER.size:
                    return False
                echoed, flags, questions, *_ = _DNS_HEADER.unpack_from(packet)
                if echoed != number or not flags & _DNS_RESPONSE or flags & _DNS_OPCODE:
                    return False
                # Whoever could not or would not read the question may leave it out.
                return questions == 0 or packet[_DNS_HEADER.size :].startswith(_DNS_ROOT_A)

            await _exchange(ours, question, answers)


def _checksum(message: bytes) -> bytes:
    """RFC 1071, for a message of even length."""
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


async def _exchange(ours: socket.socket, question: bytes, answers: Callable[[bytes], bool]) -> None:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        # One packet for each turn of the loop: no flood keeps us here.
        try:
            packet = ours.recv(_LARGEST)
        except OSError:
            # An ICMP error is no answer, can be forged, and may speak of somebody else's packet: wait on.
            return
        if packet and answers(packet) and not answered.done():
            answered.set_result(None)

    ours.send(question)
    loop.add_reader(ours, read)
    try:
        await answered
    finally:
        loop.remove_reader(ours)


# --- a look --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one probe."""

    answered: bool = False
    unsent: str | None = None
    """Why it could not even be asked."""


async def run(line: Line, probes: Sequence[Probe], seconds: float) -> tuple[Outcome, ...]:
    """Ask all at once; return when all are done, after so many seconds at the latest.

    The outcomes are in the order of the probes.  Never raises for a failure of the world.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_outcome(line, probe, seconds)) for probe in probes]
    return tuple(task.result() for task in tasks)


async def _outcome(line: Line, probe: Probe, seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            await probe.ask(line)
    except TimeoutError:
        return Outcome()
    except OSError as failure:
        return Outcome(unsent=failure.strerror or str(failure))
    return Outcome(answered=True)


async def probe_line(action: ProbeLine) -> LineProbed:
    """Echo to each target and a query to each name server; never raises."""
    probes: tuple[Probe, ...] = (*map(Echo, action.targets), *map(DnsQuery, action.servers))
    outcomes = await run(Line(interface=action.interface), probes, action.timeout)
    targets, servers = outcomes[: len(action.targets)], outcomes[len(action.targets) :]
    return LineProbed(
        deed=action.deed,
        targets_answered=sum(each.answered for each in targets),
        servers_answered=sum(each.answered for each in servers),
        problem=_problem(action.interface, outcomes),
    )


def _problem(interface: str, outcomes: Sequence[Outcome]) -> str | None:
    """Why nothing could be sent at all, if so."""
    reasons = [each.unsent for each in outcomes if each.unsent is not None]
    if len(reasons) < len(outcomes):
        return None
    if not _exists(interface):
        return f"there is no interface {interface}"
    why = ", ".join(dict.fromkeys(reasons)) or "there was nobody to ask"
    return f"nothing could be sent over {interface}: {why}"


def _exists(interface: str) -> bool:
    return any(name == interface for _, name in socket.if_nameindex())


# --- counters ------------------------------------------------------------------------------------


def read_counters(action: ReadCounters, root: Path = _STATISTICS) -> CountersRead:
    """Read what the interface has carried (Documentation/ABI/testing/sysfs-class-net-statistics)."""
    statistics = root / action.interface / "statistics"
    try:
        received = int((statistics / "rx_bytes").read_text(encoding="ascii"))
        sent = int((statistics / "tx_bytes").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return CountersRead(deed=action.deed, received=None, sent=None)
    return CountersRead(deed=action.deed, received=received, sent=sent)
