"""Which records come and go: one batch, and what it must remember.

A name is *held* while a record of ours stands there.  What had to give way to it is kept in the register
until nothing of ours is in its way any more, and is then written back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from failberry.core.snapshot import UplinkName
from failberry.dns.changes import Act, Edit
from failberry.dns.desired import Desired, Line, Source
from failberry.dns.records import Alias, Found, Key, Record, Role, listed, within
from failberry.dns.register import Register, identifier, is_of_pair
from failberry.errors import Problem
from failberry.naming import Pair

_ROLES = {UplinkName.WIRED: Role.PRIMARY, UplinkName.CELLULAR: Role.SECONDARY}
ADDRESS_TYPES = ("A", "AAAA")
_REPLACEABLE = ("A", "AAAA", "CNAME")
"""What can lead to a house.  Anything else at its name is not for us to remove."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePlan:
    """The batch, and what the register says of the time after it and of the time until then."""

    edits: tuple[Edit, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    register: Register
    until_then: Register
    """With what the batch gives back: without it, whoever is interrupted before the batch could not."""
    needed: frozenset[str]
    """Ids of health checks that records still mean afterwards, or that the register remembers."""


@dataclass(slots=True)
class _Target:
    """What shall be, as it is put together."""

    wanted: list[Record] = field(default_factory=list)
    pair: set[tuple[str, str]] = field(default_factory=set)
    """Name and type that the pair takes."""
    simple: set[tuple[str, str]] = field(default_factory=set)
    """Name and type of simple records that are ours."""
    left: set[tuple[str, str]] = field(default_factory=set)
    """Those of them that the daemon writes."""
    foreign: list[tuple[Record, str]] = field(default_factory=list)
    """Records of others that are in the way, and the setting that leads there."""
    adopted: list[Record] = field(default_factory=list)
    """Records of others that may stay until the daemon overwrites them."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Zone:
    """What was found, seen by its owner."""

    def __init__(self, found: Found, owner: str, register: Register, kept: tuple[Record, ...]) -> None:
        self.found = found
        self.owner = owner
        self.register = register
        self.kept = kept

    def is_ours(self, record: Record) -> bool:
        if is_of_pair(record, self.owner):
            return True
        if record.identifier or any(record.same(each) for each in self.register.before):
            return False
        return (record.name, record.type) in self.register.simple or self.is_kept(record)

    def is_kept(self, record: Record) -> bool:
        """Whether the daemon says that it keeps just this there."""
        return any(record.same(each) for each in self.kept)

    def foreign(self, name: str, *types: str) -> list[Record]:
        return [each for each in self.found.at(name) if each.type in types and not self.is_ours(each)]

    def is_held(self, name: str) -> bool:
        return any(name == each for each, _ in self.register.simple) or any(
            is_of_pair(each, self.owner) for each in self.found.at(name)
        )


def plan_records(
    desired: Desired,
    found: Found,
    register: Register,
    *,
    checks: Mapping[UplinkName, str],
    adopt: bool,
    kept: tuple[Record, ...],
) -> ZonePlan:
    """Compare; ``checks`` are the lines' health checks: ids, or the references they will be made with."""
    zone, target = _Zone(found, desired.owner, register, kept), _Target()
    types = [_leaf(zone, target, desired, line) for line in UplinkName]
    _pair(
        zone,
        target,
        desired,
        [each for each in ADDRESS_TYPES if all(each in there for there in types)],
        checks,
    )
    if not adopt:
        target.problems += [_not_ours(record, key) for record, key in target.foreign]
    return _batch(zone, target, restore=None)


def found_after(found: Found, edits: Iterable[Edit]) -> Found:
    """What will be found when the batch was carried out."""
    records = {each.key: each for each in found.records}
    for edit in edits:
        if edit.act is Act.DELETE:
            del records[edit.record.key]
        else:
            records[edit.record.key] = edit.record
    return replace(found, records=tuple(records.values()))


def plan_removal(
    owner: str,
    found: Found,
    register: Register,
    *,
    restore: tuple[Record, ...] | None,
    kept: tuple[Record, ...],
) -> ZonePlan:
    """Take back all that is ours; what is put there instead is what the register knows, or ``restore``."""
    return _batch(_Zone(found, owner, register, kept), _Target(), restore=restore)


def shown(record: Record) -> str:
    """A record in a sentence."""
    what = record.alias.name if record.alias else ", ".join(record.values)
    return f"{record.type} {what} of {record.name}"


def _leaf(zone: _Zone, target: _Target, desired: Desired, line: UplinkName) -> list[str]:
    """Plan a line's own name; answers with the address types that it will have."""
    wish, key = desired.line(line), f"dns.{line}_name"
    match wish.source:
        case Source.ELSEWHERE:
            # If it was ours until now, what stood there before comes back first.
            others = [*zone.foreign(wish.name, *ADDRESS_TYPES), *zone.register.before]
            return [kind for kind in ADDRESS_TYPES if (wish.name, kind) in {each.key[:2] for each in others}]
        case Source.FIXED:
            return _fixed(zone, target, desired, wish, key)
        case Source.DAEMON:
            in_the_way = [each for each in zone.foreign(wish.name, *_REPLACEABLE) if _unfit(each)]
            target.foreign += [(each, key) for each in in_the_way]
            simple = [each for each in zone.found.at(wish.name) if not each.identifier]
            for kind in ADDRESS_TYPES:
                # From now on it is the daemon's, whatever stands there yet.
                target.simple.add((wish.name, kind))
                target.left.add((wish.name, kind))
                if (wish.name, kind) not in zone.register.simple:
                    _claim(zone, target, [each for each in simple if each.type == kind])
            return [kind for kind in ADDRESS_TYPES if kind in {each.type for each in simple}]


def _claim(zone: _Zone, target: _Target, there: Iterable[Record]) -> None:
    """Tell of each record at a name that becomes the daemon's whether it is already; remember it else."""
    for record in there:
        if zone.is_kept(record) and zone.is_ours(record):
            what = "is what the daemon keeps there: it counts as ours, and `dns destroy` deletes it"
        else:
            target.adopted.append(record)
            what = (
                "is not known to be the daemon's: it is remembered, and `dns destroy` brings it back; "
                "if you know that it is ours, delete it first"
            )
        target.notes.append(f"{shown(record)} {what}")


def _unfit(record: Record) -> bool:
    """Whether the daemon could not overwrite it with a simple record."""
    return record.type == "CNAME" or bool(record.identifier)


def _fixed(zone: _Zone, target: _Target, desired: Desired, wish: Line, key: str) -> list[str]:
    types = []
    for address in wish.addresses:
        kind = "A" if address.version == 4 else "AAAA"
        types.append(kind)
        record = Record(name=wish.name, type=kind, ttl=desired.ttl, values=(str(address),))
        others = zone.foreign(wish.name, kind)
        if len(others) == 1 and others[0].answers_like(record):
            # As wished already, and somebody else's: it is left alone.
            continue
        if zone.is_held(wish.name) and any(record.same(each) for each in zone.register.before):
            # It stood there before us, and comes back as theirs.
            continue
        target.wanted.append(record)
        target.simple.add((wish.name, kind))
        target.foreign += [(each, key) for each in others]
    if any(name == wish.name for name, _ in target.simple):
        target.foreign += [(each, key) for each in zone.foreign(wish.name, "CNAME")]
    return types


def _pair(
    zone: _Zone, target: _Target, desired: Desired, common: list[str], checks: Mapping[UplinkName, str]
) -> None:
    name, here = desired.name, [each for each in zone.found.at(desired.name) if not zone.is_ours(each)]
    if desired.pair is Pair.CNAME:
        target.wanted += [_member(desired, line, "CNAME", check) for line, check in checks.items()]
        target.pair.add((name, "CNAME"))
        beside = sorted({each.type for each in here if each.type not in _REPLACEABLE})
        if beside:
            problem = f"{name} has records of type {listed(beside)}, and DNS allows nothing beside a CNAME"
            hint = 'choose a name of its own for this, or set dns.pair to "alias"'
            target.problems.append(Problem(key="dns.name", line=None, problem=problem, hint=hint))
    else:
        target.wanted += [
            _member(desired, line, kind, check) for kind in common for line, check in checks.items()
        ]
        target.pair |= {(name, kind) for kind in ADDRESS_TYPES}
        if not common:
            both = f"{desired.wired.name} and {desired.cellular.name}"
            problem = f"an alias must lead to addresses, and {both} share none"
            hint = 'let the daemon publish them first, or set dns.pair to "cname"'
            target.problems.append(Problem(key="dns.pair", line=None, problem=problem, hint=hint))
        elif len(common) == 1:
            target.notes.append(
                f"{name} will have only {common[0]} records: an alias needs the same type on both lines"
            )
    target.foreign += [(each, "dns.name") for each in here if each.type in _REPLACEABLE]


def _member(desired: Desired, line: UplinkName, kind: str, check: str) -> Record:
    leaf, mark = desired.line(line).name, identifier(desired.owner, line, kind)
    record = Record(name=desired.name, type=kind, identifier=mark, role=_ROLES[line], check=check)
    if kind == "CNAME":
        return replace(record, ttl=desired.ttl, values=(leaf,))
    # The zone's own id is filled in with the batch.  Required true by the API reference (Failover).
    return replace(record, alias=Alias(zone_id="", name=leaf, evaluate=True))


def _not_ours(record: Record, key: str) -> Problem:
    what = record.alias.name if record.alias else ", ".join(record.values)
    return Problem(
        key=key,
        line=None,
        problem=f"{record.name} has a record that is not ours: {record.type} {what}",
        hint="look whether it may go, then plan with --adopt: `failberryctl dns destroy` brings it back",
    )


def _batch(zone: _Zone, target: _Target, *, restore: tuple[Record, ...] | None) -> ZonePlan:
    old = [each for each in zone.register.before if zone.is_held(each.name)]
    taken = target.pair | target.simple
    gone = [record for record, _ in target.foreign]
    for record in gone:
        if "TrafficPolicyInstanceId" in record.more:
            problem = (
                f"{record.type} of {record.name} belongs to a traffic policy, and only that can change it"
            )
            hint = "delete the policy record in the console first"
            target.problems.append(Problem(key="dns.name", line=None, problem=problem, hint=hint))
    keep = {each.key: each for each in old if _displaced(each, taken)}
    keep |= {each.key: each for each in (*target.adopted, *gone)}
    wanted = {each.key: _in_zone(each, zone.found) for each in target.wanted}
    lost = [
        each
        for each in zone.found.records
        if zone.is_ours(each) and each.key not in wanted and (each.name, each.type) not in target.left
    ]
    remaining = [
        each
        for each in zone.found.records
        if each not in gone and each not in lost and each.key not in wanted
    ]
    back = [each for each in old if not _displaced(each, taken)] if restore is None else list(restore)
    given_back = list(_given_back(zone.found, back, [*remaining, *wanted.values()], target.notes))
    edits = [Edit(act=Act.DELETE, record=each) for each in (*gone, *lost)]
    there = {each.key: each for each in zone.found.records if each not in gone and each not in lost}
    for record in (*wanted.values(), *given_back):
        edits += _edits(there.get(record.key), record)
    register = Register(simple=frozenset(target.simple), before=tuple(keep.values()))
    freed = {each.name for each in given_back}
    released = {(each.name, each.type) for each in lost if not each.identifier}
    released |= {each for each in zone.register.simple if each[0] in freed}
    return ZonePlan(
        edits=tuple(sorted(edits, key=_rank)),
        problems=tuple(target.problems),
        notes=tuple(target.notes),
        register=register,
        until_then=Register(
            simple=register.simple | released,
            # All of it: what stands there again, or never gave way, would else be taken for ours.
            before=(*keep.values(), *(each for each in old if each.key not in keep)),
        ),
        needed=frozenset(each.check for each in (*remaining, *given_back, *keep.values()) if each.check),
    )


def _displaced(record: Record, taken: Iterable[tuple[str, str]]) -> bool:
    return any(
        name == record.name and (kind == record.type or "CNAME" in {kind, record.type})
        for name, kind in taken
    )


def _in_zone(record: Record, found: Found) -> Record:
    if record.alias is None or record.alias.zone_id:
        return record
    return replace(record, alias=replace(record.alias, zone_id=found.zone_id))


def _given_back(
    found: Found, records: Iterable[Record], others: list[Record], notes: list[str]
) -> Iterator[Record]:
    """What of the former records can come back beside what will be there."""
    ids = {each.id for each in found.checks}
    there = list(others)
    aliases_last = sorted(records, key=lambda each: each.alias is not None)
    for former in aliases_last:
        record, place = former, f"{former.type} {former.name}"
        if any(record.same(each) for each in there):
            continue
        if any(_clash(record, each) for each in there):
            notes.append(f"{place} does not come back: something else stands there now")
            continue
        if record.alias is not None and not _leads_somewhere(record.alias, record.type, found, there):
            notes.append(f"{place} does not come back: what it led to, {record.alias.name}, is gone")
            continue
        if record.check and record.check not in ids:
            notes.append(f"{place} comes back without its health check, which is gone")
            record = replace(record, check="")
        there.append(record)
        yield record


def _clash(one: Record, other: Record) -> bool:
    """Whether DNS or Route 53 forbids the two beside each other."""
    if one.name != other.name:
        return False
    if one.type != other.type:
        return "CNAME" in {one.type, other.type}
    return (
        not (one.identifier and other.identifier) or one.key == other.key or _routing(one) != _routing(other)
    )


def _routing(record: Record) -> tuple[object, ...]:
    """What all records of one name and type must have in common: which policy chooses between them."""
    names = [
        each
        for each in ("Weight", "Region", "GeoLocation", "MultiValueAnswer", "Cidr")
        if f'"{each}' in record.more
    ]
    return record.role is not None, *names


def _leads_somewhere(alias: Alias, kind: str, found: Found, there: list[Record]) -> bool:
    if alias.zone_id != found.zone_id or not within(alias.name, found.zone):
        return True
    return any((each.name, each.type) == (alias.name, kind) for each in there)


def _edits(there: Record | None, record: Record) -> Iterator[Edit]:
    if there is None:
        yield Edit(act=Act.CREATE, record=record)
    elif not there.same(record):
        if there.role is record.role and there.more == record.more:
            yield Edit(act=Act.UPSERT, record=record, was=there)
        else:
            # Two primaries, even for the blink of a batch, are refused.
            yield Edit(act=Act.DELETE, record=there)
            yield Edit(act=Act.CREATE, record=record)


def _rank(edit: Edit) -> tuple[bool, bool, str, str, Key]:
    """Deletions first; an alias after what it leads to; the primary before the secondary."""
    gone, alias, record = edit.act is Act.DELETE, edit.record.alias is not None, edit.record
    return not gone, alias is not gone, record.name, record.role or "", record.key
