"""Zones, wishes and what befalls them, drawn from a seeded random generator."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from typing import Any

from failberry.core.snapshot import UplinkName
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck, Insufficient, Line, Source
from failberry.dns.register import line_of
from failberry.naming import By, Pair
from tests.awskit.account import ALARM, Account, alias, simple

NAMES = tuple(f"{each}example.com" for each in ("home.", "vpn.", "wired.", "dsl.", "cellular.", "", "www."))
TARGETS = ("dyn.example.net.", "Other.Example.org", "home.example.com")
V4, V6 = ("1.2.3.4", "9.8.7.6"), ("2a00::1", "2a00::2")
FOREIGN = {"FullyQualifiedDomainName": "www.example.com", "Type": "HTTP", "Port": 80}
FEW_REGIONS = ("eu-west-1", "us-east-1", "us-west-2")


def dice_of(seed: int) -> Random:
    """The same seed draws the same life."""
    return Random(seed)  # noqa: S311 -- no secret


def account(dice: Random) -> Account:
    """One in which somebody else has a health check and a few records."""
    made = Account()
    made.api.create_health_check(CallerReference="somebody", HealthCheckConfig=FOREIGN)
    for _ in range(dice.randrange(7)):
        made.api.put(document(dice))
    return made


def document(dice: Random) -> dict[str, Any]:
    """A record as somebody else may have written it."""
    name, ttl = dice.choice(NAMES), dice.choice((60, 300))
    match kind := dice.choice(("A", "A", "AAAA", "CNAME", "TXT", "alias")):
        case "alias":
            record = alias(name, dice.choice(("A", "AAAA")), dice.choice(NAMES))
        case "A":
            record = simple(name, "A", *dice.sample(V4, dice.choice((1, 2))), ttl=ttl)
        case "AAAA":
            record = simple(name, "AAAA", dice.choice(V6), ttl=ttl)
        case "CNAME":
            record = simple(name, "CNAME", dice.choice(TARGETS), ttl=ttl)
        case _:
            return simple(name, "TXT", '"v=1/2+3=4"', ttl=ttl)
    routed = dice.choice((None, None, "Weight", "PRIMARY", "SECONDARY"))
    if routed is not None:
        record["SetIdentifier"] = dice.choice(("one", "two", f"failberry-barn-wired-{kind.lower()}"))
        record |= {"Weight": 10} if routed == "Weight" else {"Failover": routed}
        if dice.choice((False, True)):
            record["HealthCheckId"] = f"{0:08x}-0000-4000-8000-000000000000"
    return record


def line(dice: Random, name: str) -> Line:
    """What may be wished of a line."""
    source = dice.choice(tuple(Source))
    addresses = dice.choice(((V4[0],), (V4[1],), (V6[0],), (V4[0], V6[0]))) if source is Source.FIXED else ()
    check: HttpCheck | AlarmCheck = AlarmCheck(
        alarm=ALARM[1], region=ALARM[0], insufficient=dice.choice(tuple(Insufficient))
    )
    if dice.choice((False, True)):
        check = HttpCheck(
            by=By.IP
            if addresses == (V6[0],)
            else By.NAME
            if source is Source.ELSEWHERE
            else dice.choice(tuple(By)),
            path=dice.choice(("/", "/w-5f0c7e")),
            interval=dice.choice((10, 30)),
            threshold=dice.choice((2, 3)),
            regions=dice.choice(((), FEW_REGIONS)),
        )
    return Line(name=name, source=source, addresses=tuple(map(ip_address, addresses)), check=check)


def wish(dice: Random) -> Desired:
    """What may be wished of the zone."""
    return Desired(
        zone="example.com",
        name=dice.choice(("home.example.com", "home.example.com", "vpn.example.com")),
        wired=line(dice, dice.choice(("wired.example.com", "dsl.example.com"))),
        cellular=line(dice, "cellular.example.com"),
        pair=dice.choice((Pair.CNAME, Pair.CNAME, Pair.ALIAS)),
        ttl=dice.choice((30, 60)),
        forced=dice.choice((None, None, *UplinkName)),
    )


def publish(there: Account, wish: Desired) -> None:
    """What the daemon does: a simple record for each of its lines, wherever Route 53 lets it."""
    for each in UplinkName:
        if wish.line(each).source is Source.DAEMON:
            there.api.put(simple(wish.line(each).name, "A", "5.6.7.8", ttl=60))


def tamper(there: Account, wish: Desired, dice: Random) -> None:
    """What somebody does to ours by hand."""
    ours = [each.id for each in there.found(wish).checks if line_of(each, wish.owner) is not None]
    pair = [key for key in there.api.records if key[2].startswith(f"failberry-{wish.owner}-")]
    match dice.choice(("nothing", "switch", "untag", "tags", "unpair", "double", "alarm", "swap")):
        case "switch" if ours:
            there.api.checks[ours[0]]["HealthCheckVersion"] += 1
            there.api.checks[ours[0]]["HealthCheckConfig"] |= {"Disabled": True, "Inverted": True}
        case "untag" if ours:
            there.api.tags[ours[-1]] = {}
        case "tags" if ours:
            there.api.tags[ours[0]] |= {"failberry-register-1": "b/x+o/=Z/+/", "mine": "yes"}
        case "unpair":
            for key in pair[:1]:
                del there.api.records[key]
        case "double":
            config = {**FOREIGN, "FullyQualifiedDomainName": wish.wired.name, "Port": 9000}
            there.api.create_health_check(
                CallerReference=f"failberry:pi:wired:z{there.plans}", HealthCheckConfig=config
            )
        case "alarm":
            there.api.alarms[ALARM] = {**there.api.alarms[ALARM], "EvaluationPeriods": 3}
        case "swap":
            for key in pair:
                record = there.api.records[key]
                role = "PRIMARY" if record["Failover"] == "SECONDARY" else "SECONDARY"
                there.api.records[key] = {**record, "Failover": role}


def life(dice: Random) -> tuple[Account, Desired]:
    """A zone in which we perhaps were before, perhaps were interrupted, and somebody perhaps tampered."""
    there = account(dice)
    for _ in range(dice.randrange(3)):
        former = wish(dice)
        changes = there.plan(former, adopt=True).changes
        there.carry_out(changes[: dice.choice((len(changes), dice.randint(0, len(changes))))])
        publish(there, former)
        tamper(there, former, dice)
    wanted = wish(dice)
    if dice.choice((False, True)):
        publish(there, wanted)
    return there, wanted
