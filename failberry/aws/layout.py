"""What the stack is called, and what it is told, from the configuration.  Pure.

The names here are those of lambda/template.yaml: its functions and alarms begin with the stack's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from failberry.config import HEALTH_PORT, Health
from failberry.core.snapshot import UplinkName
from failberry.dns.wish import ALARM_PERIODS, ALARMS, alarm_name
from failberry.naming import Ask, Dns, Publisher

NAMESPACE, METRIC = "Failberry/Ping", "Up"
"""Where the ping function writes its figures (lambda/template.yaml), and the one that the alarms follow."""
OPTIONS = {
    "Cooldown": "30",
    "DynDns2": "off",
    "PingCompat": "off",
    "NotifyEmail": "",
    "ReservedConcurrency": "-1",
}
"""Parameters of the template that the configuration does not know, with their defaults."""


def ddns_function(stack: str) -> str:
    """Name of the function that changes the names."""
    return f"{stack}-ddns"


def ping_function(stack: str) -> str:
    """Name of the function that asks the lines."""
    return f"{stack}-ping"


def functions(stack: str) -> tuple[str, str]:
    """Both functions, which take the same code."""
    return ddns_function(stack), ping_function(stack)


def keys_parameter(stack: str) -> str:
    """Name of the SecureString with the keys."""
    return f"/failberry/{stack}/keys"


def name_of(dns: Dns, line: UplinkName) -> str:
    """The line's own name."""
    return dns.wired_name if line is UplinkName.WIRED else dns.cellular_name


def source_of(dns: Dns, line: UplinkName) -> Publisher:
    """Who writes the line's addresses."""
    return dns.wired_source if line is UplinkName.WIRED else dns.cellular_source


def check_of(dns: Dns, line: UplinkName) -> Ask:
    """Who asks whether the line is reached."""
    return dns.wired_check if line is UplinkName.WIRED else dns.cellular_check


def port_of(dns: Dns, line: UplinkName) -> int:
    """The port at which the line's health server is reached from outside."""
    return dns.wired_port if line is UplinkName.WIRED else HEALTH_PORT


def path_of(health: Health, line: UplinkName) -> str:
    """The path that the line's checks ask for; secret, unless it is ``/``."""
    return (health.wired_path if line is UplinkName.WIRED else health.cellular_path) or "/"


def pinged(dns: Dns) -> tuple[UplinkName, ...]:
    """The lines that our function asks."""
    return tuple(line for line in UplinkName if check_of(dns, line) is Ask.PING)


def written_by(dns: Dns, source: Publisher) -> dict[UplinkName, str]:
    """The names that somebody writes, by line."""
    return {line: name_of(dns, line) for line in UplinkName if source_of(dns, line) is source}


def is_needed(dns: Dns) -> bool:
    """Whether there is anything for our functions to do."""
    return bool(pinged(dns) or written_by(dns, Publisher.LAMBDA))


def ping_event(dns: Dns, health: Health) -> str:
    """What the ping function is called with each minute; empty: not at all.  It holds the secret paths."""
    endpoints = [
        {
            "name": alarm_name(dns.stack, line),
            "url": f"http://{name_of(dns, line)}:{port_of(dns, line)}{path_of(health, line)}",
        }
        for line in pinged(dns)
    ]
    return json.dumps({"endpoints": endpoints}, separators=(",", ":")) if endpoints else ""


def parameters(
    dns: Dns, health: Health, *, zone_id: str, before: Mapping[str, str], chosen: Mapping[str, str]
) -> dict[str, str]:
    """All parameters of the template.

    ``before`` are those of the stack that exists, ``chosen`` those of :data:`OPTIONS` that are given now;
    what is not chosen stays.
    """
    lines = pinged(dns)
    own = {name: chosen.get(name, before.get(name, default)) for name, default in OPTIONS.items()}
    return own | {
        "ZoneId": zone_id,
        "RecordNames": ",".join(sorted(written_by(dns, Publisher.LAMBDA).values())),
        "KeysParameter": keys_parameter(dns.stack),
        "RecordTtl": str(dns.ttl),
        "PingEvent": ping_event(dns, health),
        "PingLines": "both" if len(lines) == 2 else "".join(ALARMS[each] for each in lines) or "none",
        "AlarmPeriods": str(ALARM_PERIODS),
    }
