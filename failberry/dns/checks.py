"""What is wrong with a wish, or with the zone it meets: said before Route 53 refuses it, and better."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network

from failberry.core.snapshot import UplinkName
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck, Line, Source
from failberry.dns.records import Alarm, Found, within
from failberry.errors import Problem
from failberry.namechecks import (
    CHECKER_REGIONS,
    FEWEST_REGIONS,
    INTERVALS,
    LONGEST_NAME,
    NAME,
    OWNER,
    REGION,
)
from failberry.naming import By, Pair

Address = IPv4Address | IPv6Address

_PATH = r"/[!-~]{0,254}"
_TTL_LIMIT = 2_147_483_647
"""RFC 2181 section 8; the API reference says the same."""
_SIMPLE_STATISTICS = {"Average", "Minimum", "Maximum", "Sum", "SampleCount"}
_CGNAT = ip_network("100.64.0.0/10")
_REFUSED = (
    (_CGNAT, "is shared by many customers of the carrier (CGNAT, RFC 6598)"),
    *(
        (ip_network(each), "is an example for manuals, which nobody has")
        for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    ),
    *(
        (ip_network(each), "is private")
        for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
    ),
    # What else RFC 5735 and RFC 5156 list, and the ipaddress module of some Python takes for global.
    *(
        (ip_network(each), "is for special use")
        for each in (
            "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3",
            "::/8", "2001::/23", "2002::/16", "3ffe::/16", "5f00::/8", "ff00::/8",
        )
    ),
)  # fmt: skip


def unreachable(address: Address) -> str | None:
    """Why nobody on the Internet reaches the address, and Route 53 refuses to ask it; None: it is fine."""
    for network, words in _REFUSED:
        if address.version == network.version and address in network:
            return f"{address} {words}"
    return None if address.is_global else f"{address} is not an address on the Internet"


def problems(desired: Desired, found: Found) -> tuple[Problem, ...]:
    """Everything wrong with the wish by itself; and if nothing is, with the wish in this zone."""
    alone = tuple(wish_problems(desired))
    return alone or tuple(_meeting(desired, found))


def wish_problems(desired: Desired) -> Iterator[Problem]:
    """What is wrong with the wish, whatever the zone holds."""
    if not re.fullmatch(OWNER, desired.owner):
        yield _say(
            "dns.owner",
            f"{desired.owner!r} cannot be part of a mark",
            "write up to 31 of a-z, 0-9 and dashes",
        )
    names = {"dns.zone": desired.zone, "dns.name": desired.name}
    names |= {f"dns.{line}_name": desired.line(line).name for line in UplinkName}
    bad = [_say(key, f"{name!r} {why}", cure) for key, name in names.items() for why, cure in _syntax(name)]
    yield from bad or _places(desired)
    if not 0 <= desired.ttl <= _TTL_LIMIT:
        yield _say("dns.ttl", f"{desired.ttl} is out of its limits", f"choose 0 to {_TTL_LIMIT}, best 60")
    for line in UplinkName:
        yield from _addresses(line, desired.line(line))
        yield from _check(line, desired.line(line))


def _syntax(name: str) -> Iterator[tuple[str, str]]:
    if not name.isascii():
        yield "is not plain ASCII", "write it as its registrar does, in punycode (xn--…)"
    elif len(name) > LONGEST_NAME:
        yield f"has {len(name)} characters where {LONGEST_NAME} is the most", "shorten it"
    elif not re.fullmatch(NAME, name):
        yield "is not a host name", "write it in lower case with its domain, for example home.example.com"


def _places(desired: Desired) -> Iterator[Problem]:
    zone, name = desired.zone, desired.name
    if not within(name, zone):
        yield _say("dns.name", f"{name} is not in the zone {zone}", f"choose a name that ends in .{zone}")
    elif name == zone and desired.pair is Pair.CNAME:
        yield _say(
            "dns.name",
            f"{name} is the top of its zone, where DNS allows no CNAME",
            'choose a name below it, or set dns.pair to "alias"',
        )
    for line in UplinkName:
        key, leaf, source = f"dns.{line}_name", desired.line(line).name, desired.line(line).source
        if leaf == name:
            yield _say(
                key,
                f"{leaf} is the name that fails over, and its health check would ask whichever line is up",
                f"give the {line} line a name of its own",
            )
        elif not within(leaf, zone) and (desired.pair is Pair.ALIAS or source is not Source.ELSEWHERE):
            what = "an alias leads" if source is Source.ELSEWHERE else "its addresses are written"
            yield _say(key, f"{leaf} is not in the zone {zone}, and only there {what}", f"end it in .{zone}")
    if desired.wired.name == desired.cellular.name:
        yield _say(
            "dns.cellular_name",
            f"{desired.cellular.name} is the wired line's name too",
            "give it one of its own",
        )


def _addresses(line: UplinkName, wish: Line) -> Iterator[Problem]:
    key = f"dns.{line}_address"
    by_ip = isinstance(wish.check, HttpCheck) and wish.check.by is By.IP
    if by_ip and wish.source is Source.ELSEWHERE:
        yield _say(
            f"dns.{line}_by",
            f"the address of {wish.name} is kept elsewhere, and a check by address would not follow it",
            f'set dns.{line}_by to "name"',
        )
    if wish.source is not Source.FIXED:
        if wish.addresses:
            yield _say(
                key,
                "is set, but the line is not one of fixed addresses",
                f'remove it, or set dns.{line}_source to "fixed"',
            )
        return
    versions = [each.version for each in wish.addresses]
    if not versions:
        yield _say(key, "is empty", "write the line's fixed address")
    elif len(set(versions)) != len(versions):
        yield _say(
            key, "holds two addresses of one family", "write one IPv4 address, one IPv6 address, or both"
        )
    for address in wish.addresses:
        why = unreachable(address)
        if why is not None:
            yield _say(key, why, "write the address that the line has on the Internet")
    if isinstance(wish.check, HttpCheck) and wish.check.by is By.NAME and versions == [6]:
        yield _say(
            f"dns.{line}_check",
            "by name asks over IPv4 only, and the line has IPv6 alone",
            f'set dns.{line}_by to "ip"',
        )


def _check(line: UplinkName, wish: Line) -> Iterator[Problem]:
    match wish.check:
        case HttpCheck(interval=interval, threshold=threshold, port=port, path=path, regions=regions):
            if interval not in INTERVALS:
                yield _say("dns.interval", f"{interval} seconds is none that Route 53 has", "choose 10 or 30")
            if not 1 <= threshold <= 10:
                yield _say("dns.threshold", f"{threshold} is out of its limits", "choose 1 to 10")
            if not 1 <= port <= 65535:
                yield _say(f"dns.{line}_port", f"{port} is no port", "choose 1 to 65535")
            if not re.fullmatch(_PATH, path):
                yield _say(
                    f"health.{line}_path",
                    "is not a path",
                    "write at most 255 plain characters, the first a slash",
                )
            unknown = [each for each in regions if each not in CHECKER_REGIONS]
            if unknown:
                yield _say(
                    "dns.regions",
                    f"{unknown[0]!r} has no health checkers",
                    f"choose of {', '.join(CHECKER_REGIONS)}",
                )
            elif regions and len(set(regions)) < FEWEST_REGIONS:
                yield _say(
                    "dns.regions", f"has {len(set(regions))}", "give at least 3, or none for all of them"
                )
        case AlarmCheck(alarm=alarm, region=region, period=period, evaluations=evaluations):
            if not 1 <= len(alarm) <= 255:
                yield _say("dns.stack", "is not an alarm's name", "write the one that CloudWatch shows")
            if not re.fullmatch(REGION, region):
                yield _say("dns.region", f"{region!r} is no AWS region", "write it as eu-central-1")
            if period < 60 or period % 60 or evaluations < 1:
                yield _say(
                    "dns.stack", f"looks {evaluations} times every {period} seconds",
                    "Route 53 reads alarms of whole minutes, looked at once or more",
                )  # fmt: skip


def _meeting(desired: Desired, found: Found) -> Iterator[Problem]:
    if found.private:
        yield _say(
            "dns.zone", f"{found.zone} is private: nobody on the Internet sees it", "name a public zone"
        )
    if found.zone != desired.zone:
        yield _say("dns.zone", f"the zone {found.zone_id} is {found.zone}", "correct dns.zone or dns.zone_id")
        return
    written = {desired.name: "dns.name"}
    for line in UplinkName:
        if desired.line(line).source is not Source.ELSEWHERE:
            written[desired.line(line).name] = f"dns.{line}_name"
    for name, key in written.items():
        cut = _delegation(name, found)
        if cut:
            yield _say(key, f"{cut} is delegated to other name servers, and so is {name}", "name their zone")
    for line in UplinkName:
        yield from _loop(line, desired, found)
        check = desired.line(line).check
        if isinstance(check, AlarmCheck):
            yield from _alarm(line, check, found.alarms)
        elif check.by is By.IP:
            yield from _by_ip(line, desired.line(line), found)


def _delegation(name: str, found: Found) -> str:
    cuts = [each.name for each in found.records if each.type == "NS" and each.name != found.zone]
    return next((cut for cut in cuts if within(name, cut)), "")


def _loop(line: UplinkName, desired: Desired, found: Found) -> Iterator[Problem]:
    leaf, seen = desired.line(line).name, list[str]()
    here = leaf
    while here not in seen and len(seen) < 10:
        seen.append(here)
        for record in found.at(here):
            if record.type == "CNAME" and record.values:
                here = record.values[0].lower().removesuffix(".")
            elif record.alias is not None:
                here = record.alias.name
    if desired.name in seen:
        yield _say(
            f"dns.{line}_name",
            f"{leaf} leads back to {desired.name}, and no health check may ask the name that fails over",
            f"have {leaf} lead to the {line} line itself",
        )


def address_of(wish: Line, found: Found) -> Address | None:
    """Where a direct check by address is pointed: the fixed address, or the one published now; IPv4 first."""
    known: Iterable[Address] = wish.addresses
    if wish.source is not Source.FIXED:
        known = published(wish.name, found)
    return min(known, key=lambda each: each.version, default=None)


def published(name: str, found: Found) -> tuple[Address, ...]:
    """The addresses of the simple records at a name of the zone."""
    told: list[Address] = []
    for record in found.at(name):
        if record.identifier or not record.values:
            continue
        try:
            if record.type == "A":
                told.append(IPv4Address(record.values[0]))
            elif record.type == "AAAA":
                told.append(IPv6Address(record.values[0]))
        except ValueError:
            continue
    return tuple(told)


def _by_ip(line: UplinkName, wish: Line, found: Found) -> Iterator[Problem]:
    address = address_of(wish, found)
    if address is None:
        yield _say(
            f"dns.{line}_by",
            f"no address of {wish.name} is known yet, so no check can be pointed at it",
            f'let the daemon publish it first, or set dns.{line}_by to "name"',
        )
    elif wish.source is not Source.FIXED and (why := unreachable(address)) is not None:
        yield _say(
            f"dns.{line}_by",
            f"{wish.name} has an address that Route 53 refuses to ask: {why}",
            "ask the carrier for a public address; often another APN gives one",
        )


def _alarm(line: UplinkName, wish: AlarmCheck, alarms: Iterable[Alarm]) -> Iterator[Problem]:
    key = "dns.stack"
    alarm = next((each for each in alarms if (each.region, each.name) == (wish.region, wish.alarm)), None)
    name = f"the alarm {wish.alarm} in {wish.region}"
    if alarm is None:
        yield _say(key, f"{name} does not exist", "run `failberryctl aws deploy` first")
    elif alarm.settings is None or alarm.settings.statistic not in _SIMPLE_STATISTICS:
        yield _say(
            key,
            f"{name} is on a formula or a percentile, which Route 53 cannot read",
            "put it on the Maximum of a metric",
        )
    elif alarm.datapoints not in {None, alarm.settings.evaluations}:
        yield _say(
            key,
            f"{name} wants {alarm.datapoints} bad periods of {alarm.settings.evaluations}, "
            "which Route 53 cannot read",
            "have it want all of them",
        )
    elif alarm.settings.period < 60:
        yield _say(
            key,
            f"{name} looks every {alarm.settings.period} seconds, Route 53 every minute",
            "set its period to 60",
        )


def _say(key: str, problem: str, hint: str) -> Problem:
    return Problem(key=key, line=None, problem=problem, hint=hint)
