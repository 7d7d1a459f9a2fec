"""An account on the strict Route 53, read and changed as the product does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from failberry.dns import wire
from failberry.dns.changes import Change, CreateHealthCheck, Plan
from failberry.dns.desired import Desired
from failberry.dns.plan import destroy, plan
from failberry.dns.reading import read
from failberry.dns.records import Found, Record
from tests.awskit.strict import StrictRoute53

ALARM = ("eu-central-1", "house-cellular")
ALARM_DOCUMENT: dict[str, Any] = {
    "AlarmName": ALARM[1],
    "Namespace": "Failberry",
    "MetricName": "Up",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1.0,
    "ComparisonOperator": "LessThanThreshold",
    "Dimensions": [{"Name": "Endpoint", "Value": "cellular"}],
}

LINE_ALARM: dict[str, Any] = {
    "AlarmName": "failberry-mobile",
    "Namespace": "Failberry/Ping",
    "MetricName": "Up",
    "Dimensions": [{"Name": "Endpoint", "Value": "failberry-mobile"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "LessThanThreshold",
}
"""As in lambda/template.yaml, of a stack named failberry."""


@dataclass(slots=True)
class Account:
    """One zone, one alarm, and a counter of plans for nonces."""

    api: StrictRoute53 = field(default_factory=StrictRoute53)
    plans: int = 0

    def __post_init__(self) -> None:
        self.api.alarms[ALARM] = dict(ALARM_DOCUMENT)

    def found(self, desired: Desired) -> Found:
        return read(self.api.call, self.api.describe_alarms, desired)

    def plan(self, desired: Desired, *, adopt: bool = False) -> Plan:
        self.plans += 1
        return plan(desired, self.found(desired), nonce=f"n{self.plans}", adopt=adopt)

    def plan_destruction(self, desired: Desired) -> Plan:
        return destroy(desired.owner, self.found(desired))

    def carry_out(self, changes: Iterable[Change]) -> None:
        made: dict[str, str] = {}
        for change in changes:
            request = wire.call(change, made)
            answer = self.api.call(request.operation, request.parameters)
            if isinstance(change, CreateHealthCheck):
                made[change.reference] = answer["HealthCheck"]["Id"]

    def apply(self, desired: Desired, *, adopt: bool = False) -> Plan:
        planned = self.plan(desired, adopt=adopt)
        self.carry_out(planned.changes)
        return planned

    def destroy(self, desired: Desired) -> Plan:
        planned = self.plan_destruction(desired)
        self.carry_out(planned.changes)
        return planned

    def records(self) -> list[Record]:
        """All but those of the zone itself."""
        found = (wire.record(each) for each in self.api.records.values())
        return sorted((each for each in found if each.type not in {"NS", "SOA"}), key=lambda each: each.key)


def simple(name: str, kind: str, *values: str, ttl: int = 300) -> dict[str, Any]:
    """A simple record, as the API writes it."""
    return {
        "Name": f"{name}.",
        "Type": kind,
        "TTL": ttl,
        "ResourceRecords": [{"Value": each} for each in values],
    }


def alias(name: str, kind: str, target: str, zone_id: str = "Z1") -> dict[str, Any]:
    """An alias within the zone."""
    aim = {"HostedZoneId": zone_id, "DNSName": f"{target}.", "EvaluateTargetHealth": True}
    return {"Name": f"{name}.", "Type": kind, "AliasTarget": aim}
