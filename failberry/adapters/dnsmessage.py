"""DNS messages as bytes: a question, and what an answer to it says (RFC 1035 section 4).  Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from failberry.core.facts import Address

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_RESPONSE, _OPCODE, _OWN, _RECURSE, _RCODE = 0x8000, 0x7800, 0x0400, 0x0100, 0x000F
_POINTER = 0xC0
_IN, _CNAME = 1, 5
_MOST_RECORDS = 64
"""Read of one answer; a packet that is not cut short has room for some more, and nobody needs them."""
_LONGEST_CHAIN = 16
"""Aliases that are followed within one answer."""

Name = tuple[bytes, ...]
"""Labels, in small letters."""
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class Kind(IntEnum):
    """What is asked for."""

    A = 1
    NS = 2
    AAAA = 28


_ADDRESS: dict[int, Callable[[bytes], Address]] = {Kind.A: IPv4Address, Kind.AAAA: IPv6Address}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    rcode: int
    addresses: tuple[Address, ...] = ()
    """Of the name that was asked for, aliases followed, in the order of the answer."""
    names: tuple[str, ...] = ()
    """Those of its name servers, if they were asked for."""
    own: bool = False
    """Whether it comes from the zone's own server (AA), and not from somebody's memory."""
    aliases: tuple[str, ...] = ()
    """Names that it leads to (CNAME), one after the other."""

    @property
    def knows(self) -> bool:
        """Whether the server found out: addresses, that there are none, or that there is no such name."""
        return self.rcode in {0, 3}


def question(number: int, name: str, kind: Kind, *, recurse: bool = True) -> bytes:
    """Return a query, as a rule to be resolved recursively.  Raises ValueError: that is no name."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if name.rstrip(".")]
    if any(not 1 <= len(label) <= 63 for label in labels) or sum(map(len, labels)) + len(labels) > 254:
        raise ValueError(f"{name!r} is not a domain name")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return _HEADER.pack(number, _RECURSE if recurse else 0, 1, 0, 0, 0) + wire + struct.pack("!HH", kind, _IN)


def answers(packet: bytes, asked: bytes) -> bool:
    """Whether this is a response to that question, whatever it says.

    Whoever could not or would not read the question may leave it out.
    """
    if len(packet) < _HEADER.size:
        return False
    number, flags, questions, *_ = _HEADER.unpack_from(packet)
    if number != int.from_bytes(asked[:2], "big") or not flags & _RESPONSE or flags & _OPCODE:
        return False
    wanted = asked[_HEADER.size :]
    repeated = packet[_HEADER.size : _HEADER.size + len(wanted)]
    # Names are compared without regard to case (section 2.3.3); in type and class there are no letters.
    return questions == 0 or (questions == 1 and repeated.lower() == wanted.lower())


def parse(packet: bytes, asked: bytes) -> Answer:
    """Read a response to that question.  Raises ValueError: it is none, or is cut short or broken."""
    if not answers(packet, asked):
        raise ValueError("not an answer to the question")
    _, flags, questions, count, _, _ = _HEADER.unpack_from(packet)
    rcode, own = flags & _RCODE, bool(flags & _OWN)
    if rcode:
        return Answer(rcode, own=own)
    if not questions:
        raise ValueError("the question is missing")
    name, _ = _name(packet, _HEADER.size)
    kind, at = int.from_bytes(asked[-4:-2], "big"), len(asked)
    aliases: dict[Name, Name] = {}
    found: dict[Name, list[Address]] = {}
    servers: dict[Name, list[str]] = {}
    for _ in range(min(count, _MOST_RECORDS)):
        owner, at = _name(packet, at)
        if at + _RECORD.size > len(packet):
            raise ValueError("a record is cut short")
        what, where, _, length = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        value = packet[at : at + length]
        if len(value) < length:
            raise ValueError("a record is cut short")
        if where == _IN and what == _CNAME:
            aliases[owner], _ = _name(packet, at)
        elif where == _IN and what == kind == Kind.NS:
            servers.setdefault(owner, []).append(_written(_name(packet, at)[0]))
        elif where == _IN and what == kind:
            found.setdefault(owner, []).append(_ADDRESS[kind](value))
        at += length
    chain = _chain(name, aliases, {*found, *servers})
    return Answer(
        rcode,
        tuple(found.get(chain[-1], ())),
        names=tuple(servers.get(chain[-1], ())),
        own=own,
        aliases=tuple(map(_written, chain[1:])),
    )


def _chain(name: Name, aliases: Mapping[Name, Name], ends: AbstractSet[Name]) -> list[Name]:
    """A name, and where it leads to, until there is an end or nothing more."""
    chain = [name]
    while len(chain) < _LONGEST_CHAIN and name not in ends and aliases.get(name, name) not in chain:
        name = aliases[name]
        chain.append(name)
    return chain


def _written(name: Name) -> str:
    return ".".join(label.decode("ascii", "backslashreplace") for label in name)


def _name(packet: bytes, at: int) -> tuple[Name, int]:
    """Read a name, in small letters, and where what follows it begins."""
    labels: list[bytes] = []
    length, after = 0, 0
    while True:
        if at >= len(packet):
            raise ValueError("a name is cut short")
        size = packet[at]
        if size >= _POINTER and at + 1 < len(packet):
            after = after or at + 2
            target = (size & ~_POINTER) << 8 | packet[at + 1]
            if target >= at:
                # "A prior occurrence" (section 4.1.4); a ring of pointers can only lead to a name too long.
                raise ValueError("a name points forwards")
            at = target
        elif size > 63 or at + 1 + size > len(packet):
            raise ValueError("a name is cut short, or of an unknown kind")
        elif size == 0:
            return tuple(labels), after or at + 1
        else:
            labels.append(packet[at + 1 : at + 1 + size].lower())
            length += size + 1
            if length > 254:
                raise ValueError("a name is too long")
            at += 1 + size
