"""Desired and found in, an ordered list of changes out; empty where nothing differs.

The order is such that whoever is interrupted anywhere plans again and goes on: health checks are made,
and marked, before the records that need them; the records change in one batch; and only what no record
needs any more is deleted, after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from failberry.core.snapshot import UplinkName
from failberry.dns.changes import (
    Change,
    ChangeRecords,
    CreateHealthCheck,
    DeleteHealthCheck,
    Plan,
    TagHealthCheck,
    UpdateHealthCheck,
)
from failberry.dns.checks import address_of, problems, published, unreachable
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck, Source
from failberry.dns.records import CLOUDWATCH_METRIC, HTTP, CheckSettings, Found, HealthCheck, Record
from failberry.dns.register import (
    LINE_TAG,
    NAME_TAG,
    OWNER_TAG,
    REGISTER_TAG,
    TAG_LIMIT,
    Register,
    is_of_pair,
    is_too_long,
    line_of,
    reference,
    registered,
    tags,
)
from failberry.dns.zoneplan import ADDRESS_TYPES, ZonePlan, found_after, plan_records, plan_removal, shown
from failberry.errors import Problem
from failberry.namechecks import CHECKER_REGIONS
from failberry.naming import By

NONCE_LIMIT = 13
"""Characters of a nonce, so that a caller reference stays within 64."""
_RECOMMENDED_TTL = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A line's health check: the one there is, or the one to be made."""

    line: UplinkName
    settings: CheckSettings
    check: HealthCheck | None
    reference: str

    @property
    def handle(self) -> str:
        return self.reference if self.check is None else self.check.id


def plan(
    desired: Desired, found: Found, *, nonce: str, adopt: bool = False, kept: tuple[Record, ...] = ()
) -> Plan:
    """Plan the way from what was found to what is desired.

    ``nonce`` are up to 13 characters of a-z and 0-9, never used before: Route 53 remembers the caller
    references of deleted health checks for days.  Without ``adopt``, records of others that are in the
    way are problems; with it they are replaced and remembered.  ``kept`` are records that the daemon says to
    keep: what stands at a line's own name and is none of them was there before us, and is remembered.
    """
    wrong = problems(desired, found)
    if wrong:
        return Plan(problems=wrong)
    register = registered(found, desired.owner)
    wanted = {line: _choose(line, desired, found, nonce) for line in UplinkName}
    handles = {line: each.handle for line, each in wanted.items()}
    zone = plan_records(desired, found, register, checks=handles, adopt=adopt, kept=kept)
    wrong = (*zone.problems, *_room(desired, wanted, zone.until_then))
    # What comes back may be in the way as well as what stands there now.
    wrong = wrong or problems(desired, found_after(found, zone.edits))
    if wrong:
        return Plan(problems=wrong)
    chosen = {each.check.id for each in wanted.values() if each.check is not None}
    deletions, stay = _deletions(found, desired.owner, zone.needed | chosen, chosen)
    return Plan(
        changes=(
            *_preparations(desired, wanted, zone.until_then),
            *_records(found, zone, _batch_reason(desired, found)),
            *_updates(desired, found, wanted),
            *_forgetting(desired, wanted, zone),
            *deletions,
        ),
        notes=(*_notes(desired, found), *zone.notes, *stay),
    )


def destroy(
    owner: str,
    found: Found,
    *,
    restore: tuple[Record, ...] | None = None,
    kept: tuple[Record, ...] = (),
    leaves: tuple[str, ...] = (),
) -> Plan:
    """Plan to leave the zone as it was found: take back what is ours, put back what gave way to it.

    ``restore`` are records to put back instead of those that the register remembers; ``kept`` is as for
    :func:`plan`; ``leaves`` are the names that the daemon writes, of which it is said what stays there.
    """
    register = registered(found, owner)
    zone = plan_removal(owner, found, register, restore=restore, kept=kept)
    ours = [each for each in found.checks if line_of(each, owner) is not None]
    deletions, stay = _deletions(found, owner, zone.needed, set())
    notes = [*zone.notes, *stay]
    if any(is_of_pair(each.record, owner) for each in zone.edits) and not ours and restore is None:
        notes.append("our health checks are gone, and with them the memory of what stood there before")
    for record in found_after(found, zone.edits).records:
        known = (record.name, record.type) in register.simple
        if record.name in leaves and record.type in ADDRESS_TYPES and not known and restore is None:
            what = "nothing tells that it is ours; if the daemon wrote it, delete it by hand"
            notes.append(f"{shown(record)} stays: {what}")
    return Plan(
        changes=(*_records(found, zone, "gives the zone back as it was found"), *deletions),
        notes=tuple(notes),
    )


def forced_line(found: Found, owner: str) -> UplinkName | None:
    """The line to which DNS is forced now; None: the health checks decide."""
    for check in found.checks:
        if line_of(check, owner) is UplinkName.WIRED and check.settings.disabled:
            return UplinkName.CELLULAR if check.settings.inverted else UplinkName.WIRED
    return None


def settings_of(line: UplinkName, desired: Desired, found: Found) -> CheckSettings:
    """What the line's health check shall ask."""
    wish = desired.line(line)
    # Disabled counts as healthy, and inverted makes the opposite of it (Developer Guide, "Disabled").
    disabled, inverted = desired.forced is not None, desired.forced not in {None, line}
    match wish.check:
        case AlarmCheck(region=region, alarm=alarm, insufficient=insufficient):
            return CheckSettings(
                type=CLOUDWATCH_METRIC,
                alarm=(region, alarm),
                insufficient=insufficient,
                disabled=disabled,
                inverted=inverted,
            )
        case HttpCheck(by=by, port=port, path=path, interval=interval, threshold=threshold, regions=regions):
            address: IPv4Address | IPv6Address | None = address_of(wish, found) if by is By.IP else None
            return CheckSettings(
                type=HTTP,
                ip=address,
                name=wish.name if by is By.NAME else "",
                port=port,
                path=path,
                interval=interval,
                threshold=threshold,
                regions=() if set(regions) == set(CHECKER_REGIONS) else tuple(sorted(set(regions))),
                disabled=disabled,
                inverted=inverted,
            )


def _choose(line: UplinkName, desired: Desired, found: Found, nonce: str) -> _Wanted:
    settings = settings_of(line, desired, found)
    used = {each.check for each in found.records if is_of_pair(each, desired.owner)}
    fitting = [
        each
        for each in found.checks
        if line_of(each, desired.owner) is line and each.settings.fixed == settings.fixed
    ]
    return _Wanted(
        line=line,
        settings=settings,
        check=min(fitting, key=lambda each: (each.id not in used, each.id), default=None),
        reference=reference(desired.owner, line, nonce),
    )


def _room(desired: Desired, wanted: Mapping[UplinkName, _Wanted], register: Register) -> Iterator[Problem]:
    if is_too_long(register):
        yield Problem(
            key="dns.name",
            line=None,
            problem="the records that have to give way are too long to be remembered in tags",
            hint="note them down and delete the longest by hand",
        )
        return
    for each in wanted.values():
        if each.check is None:
            continue
        told = tags(desired.owner, each.line, desired.name, register)
        others = [key for key, _ in each.check.tags if not _is_our_tag(key)]
        if len(others) + len(told) > TAG_LIMIT:
            yield Problem(
                key=f"dns.{each.line}_check",
                line=None,
                problem=f"the health check {each.check.id} would have more than {TAG_LIMIT} tags",
                hint="remove some of your own from it",
            )


def _is_our_tag(key: str) -> bool:
    return key in {NAME_TAG, OWNER_TAG, LINE_TAG} or key.startswith(REGISTER_TAG)


def _preparations(
    desired: Desired, wanted: Mapping[UplinkName, _Wanted], register: Register
) -> Iterator[Change]:
    for each in wanted.values():
        if each.check is None:
            yield CreateHealthCheck(
                line=each.line,
                reference=each.reference,
                settings=each.settings,
                reason=f"the {each.line} line has no health check of this kind",
            )
        there = {} if each.check is None else dict(each.check.tags)
        what = "marks it as ours" if each.check is None else "its marks differ"
        if register.before:
            what += ", and remembers what gives way"
        yield from _tag(each, there, tags(desired.owner, each.line, desired.name, register), what)


def _forgetting(desired: Desired, wanted: Mapping[UplinkName, _Wanted], zone: ZonePlan) -> Iterator[Change]:
    for each in wanted.values():
        then = tags(desired.owner, each.line, desired.name, zone.until_then)
        now = tags(desired.owner, each.line, desired.name, zone.register)
        yield from _tag(each, then, now, "forgets what was given back")


def _tag(wanted: _Wanted, there: Mapping[str, str], told: Mapping[str, str], reason: str) -> Iterator[Change]:
    add = tuple((key, value) for key, value in told.items() if there.get(key) != value)
    remove = tuple(sorted(key for key in there if _is_our_tag(key) and key not in told))
    if add or remove:
        yield TagHealthCheck(line=wanted.line, check=wanted.handle, add=add, remove=remove, reason=reason)


def _batch_reason(desired: Desired, found: Found) -> str:
    if any(is_of_pair(each, desired.owner) for each in found.at(desired.name)):
        return "the zone differs from the configuration"
    return f"from now on {desired.name} follows the living line"


def _records(found: Found, zone: ZonePlan, reason: str) -> Iterator[Change]:
    if zone.edits:
        yield ChangeRecords(zone_id=found.zone_id, zone=found.zone, edits=zone.edits, reason=reason)


def _updates(desired: Desired, found: Found, wanted: Mapping[UplinkName, _Wanted]) -> Iterator[Change]:
    # A line is let in before the other is shut out.
    for each in sorted(wanted.values(), key=lambda each: each.settings.inverted):
        check, after = each.check, each.settings
        if check is None:
            continue
        before = check.settings
        switched = (before.disabled, before.inverted) != (after.disabled, after.inverted)
        if before == after:
            alarm = next((its for its in found.alarms if (its.region, its.name) == after.alarm), None)
            if alarm is None or check.copied in {None, alarm.settings}:
                continue
            reason = "the alarm was edited since the check read it"
        elif switched and desired.forced is None:
            reason = "the health checks decide again"
        elif switched:
            reason = f"DNS is forced to the {desired.forced} line"
        else:
            reason = "it differs from the configuration"
        yield UpdateHealthCheck(
            line=each.line, check=check.id, version=check.version, before=before, after=after, reason=reason
        )


def _deletions(
    found: Found, owner: str, needed: frozenset[str] | set[str], chosen: set[str]
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Our health checks that nobody needs, and a note on each that somebody else does."""
    changes: list[Change] = []
    notes = []
    for check in sorted(found.checks, key=lambda each: each.id):
        line = line_of(check, owner)
        if line is None or check.id in chosen:
            continue
        if check.id in needed:
            notes.append(f"the health check {check.id} stays: a record that is not ours uses it")
            continue
        changes.append(
            DeleteHealthCheck(
                line=line, check=check.id, settings=check.settings, reason="no record needs it any more"
            )
        )
    return tuple(changes), tuple(notes)


def _notes(desired: Desired, found: Found) -> Iterator[str]:
    if desired.ttl > _RECOMMENDED_TTL:
        yield (
            f"dns.ttl is {desired.ttl}: so many seconds a client may stay on a dead line; "
            f"{_RECOMMENDED_TTL} or less is better"
        )
    for line in UplinkName:
        wish = desired.line(line)
        if isinstance(wish.check, HttpCheck) and wish.check.path == "/":
            yield (
                f"the health check of the {line} line asks for /, which answers on both lines; "
                f"set health.{line}_path, so that it proves this one"
            )
        if wish.source is Source.FIXED:
            continue
        for address in published(wish.name, found):
            why = unreachable(address)
            if why is not None:
                yield f"{wish.name} leads nowhere: {why}; ask the carrier for a public address"
