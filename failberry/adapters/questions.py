"""Questions to one peer over one line, and what counts as an answer.

*Not to be fooled.*  Sockets are connected: the kernel passes on only what the peer sent.  An answer counts
if it repeats the random bits of its question: 104 of an echo, 16 of a DNS query besides its random port.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from failberry.adapters import dnsmessage, icmp
from failberry.adapters.pinned import Line
from failberry.core.facts import Address

_DNS_PORT = 53
_TRIES, _TRY = 3, 2.0
"""How often name servers are asked for an address, and seconds between: a lost packet is no lost name."""

T = TypeVar("T")


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
        version = self.peer.version
        with line.connect(self.peer, 0, socket.SOCK_RAW, icmp.PROTOCOL[version]) as ours:
            identifier, sequence = (int.from_bytes(os.urandom(2), "big") for _ in range(2))
            icmp.let_in_replies(ours, version, identifier)
            payload = icmp.payload()
            wanted = icmp.Message(icmp.ECHO_REPLY[version], 0, identifier, sequence, payload)

            def read(packet: bytes) -> bool | None:
                return icmp.parse(version, packet) == wanted or None

            with _asked(ours, icmp.echo(version, identifier, sequence, payload), read) as answered:
                await answered


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """A DNS query over UDP (RFC 1035); any answer proves that the server was reached, a refusal, too.

    It asks for the addresses of the root, which has none: every resolver knows that by heart, and no name
    is told.
    """

    server: Address

    async def ask(self, line: Line) -> None:
        """Return when the server has answered."""
        with line.connect(self.server, _DNS_PORT, socket.SOCK_DGRAM, socket.IPPROTO_UDP) as ours:
            question = dnsmessage.question(_number(), ".", dnsmessage.Kind.A)
            with _asked(
                ours, question, lambda packet: dnsmessage.answers(packet, question) or None
            ) as answer:
                await answer


@dataclass(frozen=True, slots=True)
class NameAnswer:
    """What came of a query for a name."""

    addresses: tuple[Address, ...] = ()
    problem: str = ""
    """What the server said instead of an answer; empty: it has answered, be it that there is no such name."""
    names: tuple[str, ...] = ()
    """Of its name servers, if they were asked for."""
    own: bool = False
    """Whether the server answered for a zone of its own."""
    octets: int = 0
    """Bytes of question and answer, as IP counts them."""


@dataclass(frozen=True, slots=True)
class NameQuery:
    """A DNS query for the addresses of a name, which only a server that can resolve answers well."""

    server: Address
    name: str
    kind: dnsmessage.Kind = dnsmessage.Kind.A
    recurse: bool = True
    """Whether the server shall ask others; if not, only one that has the zone knows."""

    @contextlib.contextmanager
    def asked(self, line: Line) -> Iterator[asyncio.Future[NameAnswer]]:
        """Ask; the answer comes whenever it comes.  Raises OSError if it could not be asked."""
        try:
            question = dnsmessage.question(_number(), self.name, self.kind, recurse=self.recurse)
        except ValueError as problem:
            raise OSError(str(problem)) from problem
        with (
            line.connect(self.server, _DNS_PORT, socket.SOCK_DGRAM, socket.IPPROTO_UDP) as ours,
            _asked(ours, question, lambda packet: self._read(packet, question)) as answer,
        ):
            yield answer

    def _read(self, packet: bytes, question: bytes) -> NameAnswer | None:
        if not dnsmessage.answers(packet, question):
            return None
        try:
            answer = dnsmessage.parse(packet, question)
        except ValueError as problem:
            return NameAnswer(
                problem=f"{self.server} answered for {self.name} with a broken message: {problem}"
            )
        if answer.knows:
            headers = 2 * (28 if self.server.version == 4 else 48)
            octets = headers + len(question) + len(packet)
            return NameAnswer(answer.addresses, names=answer.names, own=answer.own, octets=octets)
        code = dnsmessage.RCODES.get(answer.rcode, f"error {answer.rcode}")
        return NameAnswer(problem=f"{self.server} answered {code} for {self.name}")


async def resolve(
    line: Line, servers: Sequence[Address], name: str, kind: dnsmessage.Kind | None = None
) -> tuple[Address, ...]:
    """Ask the line's own name servers, all at once and again, for the IPv4 addresses of a name.

    On a line without IPv4, unless ``kind`` says which, for those of IPv6.  The first answer that holds some
    wins; each lasts ``_TRIES`` times ``_TRY`` seconds at most.  Raises OSError, with the reason, where there
    is none.
    """
    if kind is None:
        kind = dnsmessage.Kind.A if line.has_ipv4() else dnsmessage.Kind.AAAA
    problems: dict[Address, str] = {}
    for _ in range(_TRIES if servers else 0):
        with contextlib.ExitStack() as stack:
            waiting: dict[asyncio.Future[NameAnswer], Address] = {}
            for server in servers:
                try:
                    waiting[stack.enter_context(NameQuery(server, name, kind).asked(line))] = server
                except OSError as failure:
                    problems[server] = line.unsent(failure)
            addresses = await _first(waiting, problems)
        if addresses:
            return addresses
        if len(problems) == len(servers):
            break
    said = (problems.get(server, f"{server} does not answer") for server in servers)
    why = "; ".join(dict.fromkeys(said)) or "the line has no name server"
    raise OSError(f"{name} cannot be resolved: {why}")


async def _first(
    waiting: dict[asyncio.Future[NameAnswer], Address], problems: dict[Address, str]
) -> tuple[Address, ...]:
    """The first addresses that come within a try; who has none to give is noted in ``problems``."""
    until = asyncio.get_running_loop().time() + _TRY
    pending = set(waiting)
    while pending:
        left = until - asyncio.get_running_loop().time()
        done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            break
        for answer in (each.result() for each in done):
            if answer.addresses:
                return answer.addresses
        problems |= {
            waiting[each]: each.result().problem or f"{waiting[each]} knows no address of it" for each in done
        }
    return ()


def _number() -> int:
    return int.from_bytes(os.urandom(2), "big")


@contextlib.contextmanager
def _asked(
    ours: socket.socket, question: bytes, read: Callable[[bytes], T | None]
) -> Iterator[asyncio.Future[T]]:
    """Send; the future holds the first of what comes back that ``read`` takes for an answer."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[T] = loop.create_future()

    def wake() -> None:
        # One packet for each turn of the loop: no flood keeps us here.
        try:
            packet = ours.recv(icmp.LARGEST)
        except OSError:
            # An ICMP error is no answer, can be forged, and may speak of somebody else's packet: wait on.
            return
        if answered.done():
            return
        answer = read(packet)
        if answer is not None:
            answered.set_result(answer)

    ours.send(question)
    loop.add_reader(ours, wake)
    try:
        yield answered
    finally:
        loop.remove_reader(ours)
