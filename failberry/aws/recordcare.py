"""Whether the records of the house fit their health checks, and both the configuration.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address

from failberry.aws.doctor import Finding, Level
from failberry.aws.evidence import Reflection, Silence
from failberry.core.snapshot import UplinkName
from failberry.dns.checks import published
from failberry.dns.costs import costs
from failberry.dns.desired import AlarmCheck, Desired, Source
from failberry.dns.plan import forced_line, plan
from failberry.dns.records import Found, HealthCheck, Record, Role
from failberry.dns.register import is_of_pair, line_of

_APPLY = "run `failberryctl dns apply`, which shows the changes first"
_LONGEST_TTL = 60
"""Seconds; more, and clients stay on a dead line for longer (Developer Guide, "Best practices")."""
_ROLES = {Role.PRIMARY: UplinkName.WIRED, Role.SECONDARY: UplinkName.CELLULAR}
_NONCE = "doctor"


def look_at_records(desired: Desired, found: Found | Silence) -> Iterator[Finding]:
    """Everything about zone, records, health checks and the alarms behind them."""
    if isinstance(found, Silence):
        yield Finding(level=Level.UNKNOWN, what="records", words=found.why, cure=found.cure)
        return
    planned = plan(desired, found, nonce=_NONCE)
    faults = [*_pair(desired, found), *_ttls(desired, found)]
    yield from faults
    for problem in planned.problems:
        yield Finding(level=Level.BAD, what=problem.key, words=problem.problem, cure=problem.hint)
    if planned.changes:
        words = f"{len(planned.changes)} steps away from the configuration"
        yield Finding(level=Level.ATTENTION, what="records", words=words, cure=_APPLY)
    if (forced := forced_line(found, desired.owner)) is not None:
        words = f"DNS is forced to the {forced} line, whatever the health checks say"
        cure = "run `failberryctl failover force auto --dns` to let them decide again"
        yield Finding(level=Level.ATTENTION, what="records", words=words, cure=cure)
    if not faults and not planned.problems and not planned.changes:
        words = f"{desired.name} follows the living line; each check asks the line that its record names"
        yield Finding(level=Level.GOOD, what="records", words=words)


def _pair(desired: Desired, found: Found) -> Iterator[Finding]:
    ours = [each for each in found.at(desired.name) if is_of_pair(each, desired.owner)]
    if not ours:
        words = f"{desired.name} does not lead to the lines yet"
        yield Finding(level=Level.BAD, what="records", words=words, cure=_APPLY)
        return
    checks = {each.id: each for each in found.checks}
    for record in ours:
        if not record.check:
            words = (
                f"the {record.role} record of {desired.name} has no health check: "
                "Route 53 would answer with it even if its line is dead"
            )
            yield Finding(level=Level.BAD, what="records", words=words, cure=_APPLY)
        elif (check := checks.get(record.check)) is None:
            words = f"the health check {record.check} of the {record.role} record does not exist"
            yield Finding(level=Level.BAD, what="records", words=words, cure=_APPLY)
        elif why := _mistaken(record, check, desired, found):
            words = f"the health check {check.id} of the {record.role} record {why}"
            yield Finding(level=Level.BAD, what="records", words=words, cure=_APPLY)


def _mistaken(record: Record, check: HealthCheck, desired: Desired, found: Found) -> str:
    """What the check of a record asks instead of its line; empty: it asks the line."""
    line = _ROLES[record.role or Role.PRIMARY]
    wish, settings = desired.line(line), check.settings
    if settings.name == desired.name:
        return f"asks {desired.name} itself, which leads to whichever line is alive"
    owned = line_of(check, desired.owner)
    if owned is not None and owned is not line:
        return f"watches the {owned} line"
    if settings.alarm is not None:
        right = isinstance(wish.check, AlarmCheck) and settings.alarm == (wish.check.region, wish.check.alarm)
        return "" if right else f"follows the alarm {settings.alarm[1]}, which is not that of the line"
    if settings.name and settings.name != wish.name:
        return f"asks {settings.name}, and not {wish.name}"
    known: tuple[IPv4Address | IPv6Address, ...] = wish.addresses
    if wish.source is not Source.FIXED:
        known = published(wish.name, found)
    if settings.ip is not None and settings.ip not in known:
        return f"asks {settings.ip}, which is not an address of {wish.name}"
    return ""


def _ttls(desired: Desired, found: Found) -> Iterator[Finding]:
    for name in dict.fromkeys((desired.name, desired.wired.name, desired.cellular.name)):
        longest = max((each.ttl or 0 for each in found.at(name)), default=0)
        if longest > _LONGEST_TTL:
            words = f"others may remember {name} for {longest} s, and stay on a dead line so much longer"
            cure = f"set dns.ttl to {_LONGEST_TTL} or less, and {_APPLY}"
            yield Finding(level=Level.ATTENTION, what="TTL", words=words, cure=cure)


def look_at_addresses(
    desired: Desired, found: Found | Silence, reflections: Mapping[UplinkName, Reflection | Silence]
) -> Iterator[Finding]:
    """Whether each line's name has the address that the Internet sees."""
    if isinstance(found, Silence):
        return
    for line, told in reflections.items():
        wish = desired.line(line)
        if isinstance(told, Silence) or wish.source is Source.ELSEWHERE:
            continue
        family = [each for each in published(wish.name, found) if each.version == told.seen.version]
        if family and told.seen not in family:
            words = f"{wish.name} is {family[0]}, and the Internet sees the {line} line at {told.seen}"
            cure = "see the names in `failberryctl status`: the daemon mends it, or says why not"
            if wish.source is Source.FIXED:
                cure = f"correct dns.{line}_address, or let another source write it"
            yield Finding(level=Level.ATTENTION, what=f"{line} line", words=words, cure=cure)


def look_at_costs(desired: Desired) -> Iterator[Finding]:
    """What a month takes, in dollars and in megabytes of each line."""
    told = costs(desired)
    low, high = told.total.low, told.total.high
    dollars = f"${low:.2f}" if low == high else f"${low:.2f} to ${high:.2f}"
    yield Finding(level=Level.GOOD, what="a month", words=f"costs {dollars} at AWS, {told.total.words}")
    for line, figure in told.megabytes.items():
        words = f"{figure.low:.0f} MB of health checks on the {line} line: {figure.words}"
        yield Finding(level=Level.GOOD, what="a month", words=f"takes {words}")
