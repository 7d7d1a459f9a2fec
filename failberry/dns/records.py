r"""What Route 53 holds: records, health checks and the alarms behind them, as values.

Names are in lower case, without the final dot, with ``*`` for ``\052``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

HTTP = "HTTP"
CLOUDWATCH_METRIC = "CLOUDWATCH_METRIC"
Key = tuple[str, str, str]
"""Name, type and set identifier: what makes a record one of its own."""


class Role(StrEnum):
    """A record's place in its failover pair, in Route 53's words."""

    PRIMARY = "PRIMARY"
    SECONDARY = "SECONDARY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """The record whose answer an alias record gives."""

    zone_id: str
    name: str
    evaluate: bool
    """Whether the health of that record counts (EvaluateTargetHealth)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One resource record set."""

    name: str
    type: str
    ttl: int | None = None
    """Seconds; an alias record has none."""
    values: tuple[str, ...] = ()
    """As Route 53 wrote them, because a deletion must repeat them."""
    alias: Alias | None = None
    identifier: str = ""
    """Empty: a simple record, alone with its name and type."""
    role: Role | None = None
    check: str = ""
    """Id of a health check; in a plan perhaps the caller reference of one that is made first."""
    more: str = ""
    """Whatever else it has (weights, regions, …): JSON, so that nothing of it is lost."""

    @property
    def key(self) -> Key:
        """What makes it one of its own."""
        return self.name, self.type, self.identifier

    def same(self, other: Record) -> bool:
        """Whether both answer alike, however their values are ordered and names are written."""
        return self._essence() == other._essence()

    def answers_like(self, other: Record) -> bool:
        """Whether both are simple and hold the same values, whatever their TTL."""
        mine, others = self._essence(), other._essence()
        return not self.identifier and mine[0] == others[0] and mine[2:] == others[2:]

    def _essence(self) -> tuple[object, ...]:
        named = self.type in {"CNAME", "NS", "MX", "SRV", "PTR"}
        values = sorted(canonical(each) if named else each for each in self.values)
        return self.key, self.ttl, tuple(values), self.alias, self.role, self.check, self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """What a health check copies of an alarm (API reference, CloudWatchAlarmConfiguration)."""

    namespace: str
    metric: str
    statistic: str
    period: int
    evaluations: int
    threshold: float
    comparison: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A CloudWatch alarm."""

    region: str
    name: str
    settings: AlarmSettings | None
    """None for one on a formula or a percentile, which no health check can read."""
    datapoints: int | None = None
    """How many of the evaluated periods must be bad; None: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """What a health check asks, and what it makes of the answers."""

    type: str
    ip: IPv4Address | IPv6Address | None = None
    name: str = ""
    port: int | None = None
    path: str = field(default="", repr=False)
    interval: int | None = None
    threshold: int | None = None
    regions: tuple[str, ...] = ()
    """Empty: all."""
    alarm: tuple[str, str] | None = None
    """Region and name."""
    insufficient: str = ""
    inverted: bool = False
    disabled: bool = False
    more: str = field(default="", repr=False)
    """What ours never have (a search string, children, …): JSON."""

    @property
    def fixed(self) -> tuple[object, ...]:
        """What Route 53 never changes in a check that exists."""
        return self.type, self.interval, self.ip is None, self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """A health check of the account, ours or not."""

    id: str
    reference: str
    """The caller reference it was made with; never changes."""
    version: int
    settings: CheckSettings
    tags: tuple[tuple[str, str], ...] = ()
    copied: AlarmSettings | None = None
    """What it knows of its alarm."""
    linked: bool = False
    """Whether another AWS service made it for itself."""

    def tag(self, key: str) -> str:
        """The tag's value; empty without it."""
        return dict(self.tags).get(key, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that was read before a plan is made."""

    zone_id: str
    zone: str
    private: bool = False
    records: tuple[Record, ...] = ()
    """Every record of the zone."""
    checks: tuple[HealthCheck, ...] = ()
    """Every health check of the account."""
    alarms: tuple[Alarm, ...] = ()
    """The wanted ones that exist."""

    def at(self, name: str) -> tuple[Record, ...]:
        """The records of that name."""
        return tuple(each for each in self.records if each.name == name)


def canonical(name: str) -> str:
    """A name as all names are written here."""
    return name.lower().removesuffix(".").replace("\\052", "*")


def within(name: str, zone: str) -> bool:
    """Whether a zone holds the name, or is it."""
    return name == zone or name.endswith(f".{zone}")


def listed(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last
