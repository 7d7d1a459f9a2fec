"""What the owner wants of Route 53: one name for the house, a name and a health check for each line."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from failberry.config import HEALTH_PORT
from failberry.core.snapshot import UplinkName
from failberry.naming import By, Pair


class Source(StrEnum):
    """Who writes the addresses at a line's own name."""

    DAEMON = "daemon"
    """The daemon publishes them, as they change; the plan leaves them to it."""
    FIXED = "fixed"
    """They never change, and the plan writes them."""
    ELSEWHERE = "elsewhere"
    """Somebody else: the router's dynamic DNS, the provider.  The plan writes nothing there."""


class Insufficient(StrEnum):
    """What a health check says while its alarm has no figures, in Route 53's words."""

    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    LAST_KNOWN = "LastKnownStatus"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """Route 53 itself asks the line's health server: fast, and a gigabyte a month."""

    by: By = By.NAME
    port: int = HEALTH_PORT
    path: str = field(default="/", repr=False)
    """Secret: a path that answers on this line only."""
    interval: int = 30
    """Seconds between two questions of one checker: 10 or 30."""
    threshold: int = 3
    """Answers in a row that change the verdict."""
    regions: tuple[str, ...] = ()
    """Where to ask from, at least three; empty: from everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCheck:
    """Route 53 believes a CloudWatch alarm on what lambda-ping measures: slow, and 30 megabytes a month."""

    alarm: str
    """Name of the alarm."""
    region: str
    insufficient: Insufficient = Insufficient.HEALTHY
    """Healthy suits the secondary: a gap at AWS does not take the way out away."""
    period: int = 60
    """Seconds between two pings, and the alarm's period.  For the figures of :mod:`.costs`."""
    evaluations: int = 2
    """Periods without an answer before the alarm.  For the figures, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: its name in DNS, and how Route 53 knows whether it lives."""

    name: str
    source: Source = Source.DAEMON
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    """Those of a fixed line; at most one of each family."""
    check: HttpCheck | AlarmCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The whole wish.  The wired line is primary: with both dead, Route 53 answers with it."""

    zone: str
    """The hosted zone's name."""
    name: str
    """The house's name, the one that fails over."""
    wired: Line
    cellular: Line
    owner: str = "pi"
    """Marks what is ours in the account, so that two houses can share one."""
    pair: Pair = Pair.CNAME
    ttl: int = 60
    """Seconds for which resolvers may remember an answer."""
    zone_id: str = ""
    """Needed only where the account has several zones of that name."""
    forced: UplinkName | None = None
    """The line on which DNS shall stay whatever the health checks say."""

    def line(self, name: UplinkName) -> Line:
        """The line of that name."""
        return self.wired if name is UplinkName.WIRED else self.cellular
