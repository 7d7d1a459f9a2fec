"""From the configuration to the wish."""

from __future__ import annotations

from ipaddress import ip_address

from failberry.config import HEALTH_PORT, Config, Health
from failberry.core.snapshot import UplinkName
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck, Insufficient, Line, Source
from failberry.naming import Ask, By, Dns, Publisher

ALARMS = {UplinkName.WIRED: "wired", UplinkName.CELLULAR: "mobile"}
"""What lambda/template.yaml names the lines' alarms, behind the stack's own name and a dash."""
ALARM_PERIODS = 3
"""Minutes without an answer until the alarm: the template's default of AlarmPeriods."""

_SOURCES = {
    Publisher.ROUTE53: Source.DAEMON,
    Publisher.LAMBDA: Source.DAEMON,
    Publisher.FIXED: Source.FIXED,
    Publisher.ELSEWHERE: Source.ELSEWHERE,
}


def wished(config: Config) -> Desired | None:
    """What the owner wants of Route 53; None: nothing."""
    return None if config.dns is None else wish_of(config.dns, config.health)


def wish_of(dns: Dns, health: Health) -> Desired:
    """The wish of one ``[dns]``, be it possible or not (:func:`failberry.dns.checks.wish_problems`)."""
    return Desired(
        zone=dns.zone,
        zone_id=dns.zone_id,
        name=dns.name,
        owner=dns.owner,
        pair=dns.pair,
        ttl=dns.ttl,
        wired=Line(
            name=dns.wired_name,
            source=_SOURCES[dns.wired_source],
            addresses=tuple(map(ip_address, dns.wired_address)),
            check=_http(dns, dns.wired_by, dns.wired_port, health.wired_path)
            if dns.wired_check is Ask.HTTP
            # Of a primary without figures nothing is known: neither a failover nor a return is justified.
            else _alarm(dns, UplinkName.WIRED, Insufficient.LAST_KNOWN),
        ),
        cellular=Line(
            name=dns.cellular_name,
            source=_SOURCES[dns.cellular_source],
            addresses=tuple(map(ip_address, dns.cellular_address)),
            check=_http(dns, dns.cellular_by, HEALTH_PORT, health.cellular_path)
            if dns.cellular_check is Ask.HTTP
            else _alarm(dns, UplinkName.CELLULAR, Insufficient.HEALTHY),
        ),
    )


def alarm_name(stack: str, line: UplinkName) -> str:
    """The alarm on what our function at AWS hears of the line."""
    return f"{stack}-{ALARMS[line]}"


def _http(dns: Dns, by: By, port: int, path: str) -> HttpCheck:
    return HttpCheck(
        by=by,
        port=port,
        path=path or "/",
        interval=dns.interval,
        threshold=dns.threshold,
        regions=dns.regions,
    )


def _alarm(dns: Dns, line: UplinkName, insufficient: Insufficient) -> AlarmCheck:
    return AlarmCheck(
        alarm=alarm_name(dns.stack, line),
        region=dns.region,
        insufficient=insufficient,
        evaluations=ALARM_PERIODS,
    )
