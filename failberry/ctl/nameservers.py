"""What the zone's own name servers say of the house: where its name leads to now, and what the lines have.

Asked without memory in between, each of them, over whatever line this machine uses.  Blocking, with one
deadline for all.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from failberry.adapters import dnsmessage
from failberry.adapters.dnsmessage import Answer, Kind

Address = IPv4Address | IPv6Address

RESOLV_CONF = "/etc/resolv.conf"
PAUSE, TRIES = 2.0, 3
"""Seconds until a question is asked again, and how often it is asked."""
MOST_SERVERS = 8
_PORT = 53
_LARGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The names that are asked for."""

    zone: str
    name: str
    lines: Mapping[str, str]
    """The lines' own names."""

    def asked(self) -> Iterator[str]:
        """All names that are in the zone; what is elsewhere, its name servers do not know."""
        for each in (self.name, *self.lines.values()):
            if each == self.zone or each.endswith(f".{self.zone}"):
                yield each


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to one server."""

    server: Address
    name: str
    kind: Kind
    recurse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one name server says."""

    server: str
    """Its name."""
    address: str
    problem: str = ""
    """Why it said nothing; empty: it did."""
    leads_to: str = ""
    """The line; empty: to none of them."""
    answer: tuple[str, ...] = ()
    """What the house's name leads to: names, then addresses."""
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses at the lines' own names."""


def look(
    house: House, *, resolv_conf: str = RESOLV_CONF, port: int = _PORT, pause: float = PAUSE
) -> tuple[list[Told], str]:
    """Ask all name servers of the zone; what each says, or why nobody could be asked.  Never raises."""
    resolvers = _resolvers(resolv_conf)
    if not resolvers:
        return [], f"this machine has no name server to ask ({resolv_conf})"
    servers, problem = _servers(house.zone, resolvers, port, pause)
    if problem:
        return [], problem
    questions = [
        Question(server=address, name=each, kind=kind)
        for address in servers.values()
        for each in dict.fromkeys(house.asked())
        for kind in (Kind.A, Kind.AAAA)
    ]
    heard = ask(questions, port=port, pause=pause)
    return [_told(house, name, address, heard) for name, address in servers.items()], ""


def _resolvers(path: str) -> list[Address]:
    found: list[Address] = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as light as can be
            lines = file.read(1 << 16).splitlines()
    except OSError:
        return []
    for words in map(str.split, lines):
        if len(words) > 1 and words[0] == "nameserver":
            try:
                found.append(ip_address(words[1].partition("%")[0]))
            except ValueError:
                continue
    return found[:3]


def _servers(
    zone: str, resolvers: Sequence[Address], port: int, pause: float
) -> tuple[dict[str, Address], str]:
    """The zone's name servers and an address of each, as the resolvers of this machine know them."""
    heard = ask(
        [Question(server=each, name=zone, kind=Kind.NS, recurse=True) for each in resolvers],
        port=port,
        pause=pause,
    )
    names = next((each.names for each in heard.values() if isinstance(each, Answer) and each.names), ())
    if not names:
        said = "; ".join(dict.fromkeys(each for each in heard.values() if isinstance(each, str)))
        return {}, f"nobody tells which name servers the zone {zone} has: {said or 'there is no such zone'}"
    heard = ask(
        [
            Question(server=each, name=name, kind=kind, recurse=True)
            for each in resolvers
            for name in sorted(names)[:MOST_SERVERS]
            for kind in (Kind.A, Kind.AAAA)
        ],
        port=port,
        pause=pause,
    )
    found: dict[str, Address] = {}
    # IPv4 first: fewer houses are without it.
    for question, answer in sorted(heard.items(), key=lambda each: each[0].kind):
        if isinstance(answer, Answer) and answer.addresses:
            found.setdefault(question.name, answer.addresses[0])
    if not found:
        return {}, f"no address of the name servers of {zone} is known to this machine's resolver"
    return dict(sorted(found.items())), ""


def _told(house: House, server: str, address: Address, heard: Mapping[Question, Answer | str]) -> Told:
    mine = {(each.name, each.kind): answer for each, answer in heard.items() if each.server == address}
    for answer in mine.values():
        if isinstance(answer, str):
            return Told(server=server, address=str(address), problem=answer)
        if not answer.own:
            words = f"{address} answers from memory, or somebody between answers in its stead"
            return Told(server=server, address=str(address), problem=words)
    good = {key: each for key, each in mine.items() if isinstance(each, Answer)}

    def addresses(name: str) -> tuple[str, ...]:
        answers = (good.get((name, kind), Answer(0)) for kind in (Kind.A, Kind.AAAA))
        return tuple(str(each) for answer in answers for each in answer.addresses)

    lines = {line: addresses(name) for line, name in house.lines.items()}
    aliases = next((each.aliases for (name, _), each in good.items() if name == house.name), ())
    here = addresses(house.name)
    leads_to = next((line for line, name in house.lines.items() if name in aliases), "")
    if not leads_to and here:
        # An alias record gives the line's own answer.
        leads_to = next((line for line, each in lines.items() if set(each) & set(here)), "")
    return Told(server=server, address=str(address), leads_to=leads_to, answer=(*aliases, *here), lines=lines)


def ask(questions: Iterable[Question], *, port: int, pause: float) -> dict[Question, Answer | str]:
    """Ask all at once, and again what was not answered; the answers, or why there is none.  Never raises."""
    heard: dict[Question, Answer | str] = {}
    waiting = {each: os.urandom(2) for each in questions}
    sockets: dict[Address, socket.socket] = {}
    try:
        for each in list(waiting):
            try:
                if each.server not in sockets:
                    sockets[each.server] = _connected(each.server, port)
            except OSError as error:
                heard[each] = f"{each.server} cannot be reached: {error.strerror or error}"
                del waiting[each]
        for _ in range(TRIES):
            _send(waiting, sockets, heard)
            _receive(waiting, sockets, heard, time.monotonic() + pause)
    finally:
        for each_socket in sockets.values():
            each_socket.close()
    return heard | {each: f"{each.server} does not answer" for each in waiting}


def _connected(server: Address, port: int) -> socket.socket:
    # Connected: the kernel passes on only what this server sent.
    ours = socket.socket(socket.AF_INET if server.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        ours.settimeout(0)
        ours.connect((str(server), port))
    except OSError:
        ours.close()
        raise
    return ours


def _packet(question: Question, number: bytes) -> bytes:
    return dnsmessage.question(
        int.from_bytes(number, "big"), question.name, question.kind, recurse=question.recurse
    )


def _send(
    waiting: dict[Question, bytes],
    sockets: Mapping[Address, socket.socket],
    heard: dict[Question, Answer | str],
) -> None:
    for each, number in list(waiting.items()):
        try:
            sockets[each.server].send(_packet(each, number))
        except (OSError, ValueError) as error:
            heard[each] = f"{each.server} cannot be asked: {error}"
            del waiting[each]


def _receive(
    waiting: dict[Question, bytes],
    sockets: Mapping[Address, socket.socket],
    heard: dict[Question, Answer | str],
    until: float,
) -> None:
    while waiting and (left := until - time.monotonic()) > 0:
        servers = {each.server for each in waiting}
        ready, _, _ = select.select([sockets[each] for each in servers], [], [], left)
        for server in [each for each in servers if sockets[each] in ready]:
            try:
                packet = sockets[server].recv(_LARGEST)
            except OSError:
                # Refused for now; it is asked again.
                continue
            for each in [each for each in waiting if each.server == server]:
                if (answer := _read(packet, each, waiting[each])) is not None:
                    heard[each] = answer
                    del waiting[each]


def _read(packet: bytes, question: Question, number: bytes) -> Answer | str | None:
    asked = _packet(question, number)
    if not dnsmessage.answers(packet, asked):
        return None
    try:
        answer = dnsmessage.parse(packet, asked)
    except ValueError as problem:
        return f"{question.server} answered with a broken message: {problem}"
    if answer.knows:
        return answer
    code = dnsmessage.RCODES.get(answer.rcode, f"error {answer.rcode}")
    return f"{question.server} answered {code} for {question.name}"
