"""DNS messages (RFC 1035, RFC 6891) as far as a name server of the kit needs them."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

TYPES = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "ANY": 255,
}
NAMES = {number: name for name, number in TYPES.items()}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
_IN, _OPT = 1, 41
_PLAIN, _MOST = 512, 1232
"""Bytes of a datagram without EDNS, and the most with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One resource record; its value as Route 53 writes it."""

    name: str
    type: str
    ttl: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked."""

    id: int
    name: str
    """In lower case, without the final dot."""
    type: str
    raw: bytes
    """The question section, to be repeated."""
    recursion: bool
    size: int
    """Bytes that fit a datagram."""
    edns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered."""

    code: int = NOERROR
    records: list[Record] = field(default_factory=list)
    authority: list[Record] = field(default_factory=list)
    authoritative: bool = True


def read(message: bytes) -> Question | None:
    """Read a question; None for what deserves no answer."""
    if len(message) < 12 or message[2] & 0x80:
        return None
    number, flags, questions, _, _, extra = struct.unpack("!6H", message[:12])
    if questions != 1:
        return None
    try:
        name, end = _name_at(message, 12)
        kind, _ = struct.unpack("!HH", message[end : end + 4])
        size = _payload(message, end + 4) if extra else None
    except (struct.error, IndexError, ValueError):
        return None
    return Question(
        id=number,
        name=name,
        type=NAMES.get(kind, str(kind)),
        raw=message[12 : end + 4],
        recursion=bool(flags & 0x0100),
        size=_PLAIN if size is None else min(max(size, _PLAIN), _MOST),
        edns=size is not None,
    )


def write(question: Question, answer: Answer, *, recursive: bool, stream: bool) -> bytes:
    """Write the answer; cut, and marked as cut, where it does not fit a datagram."""
    flags = 0x8000 | answer.code | (0x0400 if answer.authoritative else 0)
    flags |= (0x0100 if question.recursion else 0) | (0x0080 if recursive else 0)
    records, authority = (
        [_record(each) for each in section] for section in (answer.records, answer.authority)
    )
    extra = [b"\0" + struct.pack("!HHIH", _OPT, _MOST, 0, 0)] if question.edns else []
    room = 65535 if stream else question.size
    if 12 + len(question.raw) + sum(map(len, (*records, *authority, *extra))) > room:
        flags |= 0x0200
        records, authority = [], []
    head = struct.pack("!6H", question.id, flags, 1, len(records), len(authority), len(extra))
    return head + question.raw + b"".join((*records, *authority, *extra))


def _name_at(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        if length > 63:
            raise ValueError("a question has no compressed name")
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def _payload(message: bytes, at: int) -> int | None:
    # In a question, nothing stands before it but the question itself.
    if message[at] == 0 and struct.unpack("!H", message[at + 1 : at + 3]) == (_OPT,):
        size: int = struct.unpack("!H", message[at + 3 : at + 5])[0]
        return size
    return None


def _record(record: Record) -> bytes:
    rdata = _rdata(record.type, record.value)
    head = struct.pack("!HHIH", TYPES[record.type], _IN, record.ttl, len(rdata))
    return _name(record.name) + head + rdata


def _name(name: str) -> bytes:
    labels = [each.encode("ascii") for each in name.removesuffix(".").split(".") if each]
    return b"".join(bytes((len(each),)) + each for each in labels) + b"\0"


def _rdata(kind: str, value: str) -> bytes:
    match kind:
        case "A":
            return IPv4Address(value).packed
        case "AAAA":
            return IPv6Address(value).packed
        case "CNAME" | "NS" | "PTR":
            return _name(value)
        case "SOA":
            server, mail, *numbers = value.split()
            return _name(server) + _name(mail) + struct.pack("!5I", *map(int, numbers))
        case "MX":
            preference, server = value.split()
            return struct.pack("!H", int(preference)) + _name(server)
        case "TXT":
            texts = [each.encode() for each in re.findall(r'"([^"]*)"', value)]
            return b"".join(bytes((len(each),)) + each for each in texts)
        case _:
            raise ValueError(f"no records of type {kind} here")
