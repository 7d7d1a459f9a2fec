"""One house, as most tests want it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from failberry.dns.desired import AlarmCheck, Desired, HttpCheck, Line, Source
from tests.awskit.account import ALARM

WIRED = Line(
    name="wired.example.com",
    source=Source.FIXED,
    addresses=(ip_address("1.2.3.4"),),
    check=HttpCheck(path="/w-5f0c7e"),
)
CELLULAR = Line(name="cellular.example.com", check=AlarmCheck(alarm=ALARM[1], region=ALARM[0]))
WISH = Desired(zone="example.com", name="home.example.com", wired=WIRED, cellular=CELLULAR)


def wired(**fields: Any) -> Desired:
    """The wish with another wired line."""
    return replace(WISH, wired=replace(WIRED, **fields))


def cellular(**fields: Any) -> Desired:
    """The wish with another mobile line."""
    return replace(WISH, cellular=replace(CELLULAR, **fields))


def http(**fields: Any) -> HttpCheck:
    """The wired line's health check, changed."""
    return replace(WIRED.check, **fields)


def alarm(**fields: Any) -> AlarmCheck:
    """The mobile line's health check, changed."""
    return replace(CELLULAR.check, **fields)
