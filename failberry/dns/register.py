"""What is ours in Route 53, and what stood there before.

A failover record carries our mark in its set identifier, a health check in its caller reference and its
tags.  A simple record can carry none.  So the tags of both health checks also hold a register: the
simple records that are ours, and the records that had to give way and come back with ``destroy``.

The register counts only while a record of the pair exists.  It is written before the batch that takes
the names, and that batch is atomic: without a pair, nothing was taken yet, or all was given back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from failberry.core.snapshot import UplinkName
from failberry.dns.records import Alias, Found, HealthCheck, Record, Role

TAG_LIMIT = 10
"""Tags that a health check can have (API reference, ChangeTagsForResource)."""
VALUE_LIMIT = 256
OWNER_TAG, LINE_TAG, NAME_TAG = "failberry", "failberry-line", "Name"
REGISTER_TAG = "failberry-register-"
CHUNKS = 6
"""Tags for the register: leaves the owner one of their own."""

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-")
"""What a tag may hold everywhere in AWS, less ``=``, ``+`` and ``/``, which have meanings here."""
_ESCAPED = re.compile(rb"=([0-9A-F]{2})")
_TYPES = ("CNAME", "A", "AAAA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What is taken, and what gave way to it."""

    simple: frozenset[tuple[str, str]] = frozenset()
    """Name and type of each simple record that is ours, be it written by the plan or by the daemon."""
    before: tuple[Record, ...] = ()

    def text(self) -> str:
        """As the tags hold it, in one piece; :func:`_parse` reads it."""
        ours = ["/".join(("o", *map(_escaped, each))) for each in sorted(self.simple)]
        return "+".join([*ours, *(_written(each) for each in sorted(self.before, key=lambda each: each.key))])


def identifier(owner: str, line: UplinkName, kind: str) -> str:
    """The set identifier of one record of the pair."""
    return f"failberry-{owner}-{line}-{kind.lower()}"


def reference(owner: str, line: UplinkName, nonce: str) -> str:
    """The caller reference of a health check: never the same twice, for Route 53 remembers deleted ones."""
    return f"failberry:{owner}:{line}:{nonce}"


def is_of_pair(record: Record, owner: str) -> bool:
    """Whether it is one of our failover records, wherever it is."""
    return record.identifier in {
        identifier(owner, line, kind) for line in UplinkName for kind in _TYPES
    } and record.identifier.endswith(f"-{record.type.lower()}")


def line_of(check: HealthCheck, owner: str) -> UplinkName | None:
    """The line that a health check of ours watches; None for a check of somebody else."""
    if check.linked:
        return None
    told = check.reference.split(":")
    if told[:2] == ["failberry", owner] and len(told) == 4 and told[2] in set(UplinkName):
        return UplinkName(told[2])
    if check.tag(OWNER_TAG) == owner and check.tag(LINE_TAG) in set(UplinkName):
        return UplinkName(check.tag(LINE_TAG))
    return None


def registered(found: Found, owner: str) -> Register:
    """The register in the health checks of the pair; what cannot be read of it is left out.

    A health check that the pair does not use is a leftover, and its register may be out of date.
    """
    used = {each.check for each in found.records if is_of_pair(each, owner)}
    if not used:
        return Register()
    simple: set[tuple[str, str]] = set()
    before: dict[tuple[str, str, str], Record] = {}
    for check in found.checks:
        if check.id not in used or line_of(check, owner) is None:
            continue
        for entry in _entries(check):
            if isinstance(entry, Record):
                before.setdefault(entry.key, entry)
            else:
                simple.add(entry)
    return Register(simple=frozenset(simple), before=tuple(before.values()))


def tags(owner: str, line: UplinkName, name: str, register: Register) -> dict[str, str]:
    """The tags that a health check of ours shall have."""
    text = register.text()
    chunks = [text[start : start + VALUE_LIMIT] for start in range(0, len(text), VALUE_LIMIT)]
    return {
        NAME_TAG: f"Failberry {name} {line}"[:VALUE_LIMIT],
        OWNER_TAG: owner,
        LINE_TAG: str(line),
        **{f"{REGISTER_TAG}{number}": chunk for number, chunk in enumerate(chunks, 1)},
    }


def is_too_long(register: Register) -> bool:
    """Whether the tags cannot hold it."""
    return len(register.text()) > CHUNKS * VALUE_LIMIT


def _entries(check: HealthCheck) -> Iterator[Record | tuple[str, str]]:
    text = "".join(check.tag(f"{REGISTER_TAG}{number}") for number in range(1, CHUNKS + 1))
    for entry in filter(None, text.split("+")):
        kind, *fields = entry.split("/")
        parsed = _parse(kind, [_plain(each) for each in fields])
        if parsed is not None:
            yield parsed


def _parse(kind: str, fields: list[str]) -> Record | tuple[str, str] | None:
    match kind, fields:
        case "o", [name, record_type]:
            return name, record_type
        case "b", [name, record_type, ttl, mark, role, check, zone, target, evaluate, more, *values]:
            if not (ttl.isdecimal() or not ttl) or role not in {"", *Role}:
                return None
            return Record(
                name=name,
                type=record_type,
                ttl=int(ttl) if ttl else None,
                values=tuple(values),
                alias=Alias(zone_id=zone, name=target, evaluate=evaluate == "1") if zone else None,
                identifier=mark,
                role=Role(role) if role else None,
                check=check,
                more=more,
            )
        case _:
            return None


def _written(record: Record) -> str:
    alias = record.alias
    fields: Iterable[str] = (
        record.name,
        record.type,
        "" if record.ttl is None else str(record.ttl),
        record.identifier,
        record.role or "",
        record.check,
        alias.zone_id if alias else "",
        alias.name if alias else "",
        str(int(alias.evaluate)) if alias else "",
        record.more,
        *record.values,
    )
    return "/".join(("b", *map(_escaped, fields)))


def _escaped(text: str) -> str:
    return "".join(chr(each) if each in _PLAIN else f"={each:02X}" for each in text.encode())


def _plain(text: str) -> str:
    octets = _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), text.encode())
    return octets.decode(errors="replace")
