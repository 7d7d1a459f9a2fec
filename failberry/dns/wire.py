"""The documents of the Route 53 and CloudWatch APIs (2013-04-01 and 2010-08-01), as in boto3. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, assert_never

from failberry.dns.changes import (
    Change,
    ChangeRecords,
    CreateHealthCheck,
    DeleteHealthCheck,
    Edit,
    TagHealthCheck,
    UpdateHealthCheck,
)
from failberry.dns.records import (
    CLOUDWATCH_METRIC,
    Alarm,
    AlarmSettings,
    Alias,
    CheckSettings,
    HealthCheck,
    Record,
    Role,
    canonical,
)
from failberry.namechecks import CHECKER_REGIONS

Document = dict[str, Any]

_KNOWN_OF_RECORDS = {
    "Name", "Type", "TTL", "ResourceRecords", "AliasTarget", "SetIdentifier", "Failover", "HealthCheckId",
}  # fmt: skip
_STRANGE_IN_CHECKS = (
    "SearchString", "MeasureLatency", "HealthThreshold", "ChildHealthChecks", "RoutingControlArn",
)  # fmt: skip
"""What ours never have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: a method of boto3's Route 53 client, and its parameters."""

    operation: str
    parameters: Document = field(repr=False)


def call(change: Change, made: Mapping[str, str]) -> Call:
    """The request for a change; ``made`` leads from caller references to the ids of checks made so far."""
    match change:
        case CreateHealthCheck(reference=reference, settings=settings):
            return Call(
                operation="create_health_check",
                parameters={"CallerReference": reference, "HealthCheckConfig": _config(settings)},
            )
        case TagHealthCheck(check=check, add=add, remove=remove):
            tagging: Document = {"ResourceType": "healthcheck", "ResourceId": made.get(check, check)}
            if add:
                tagging["AddTags"] = [{"Key": key, "Value": value} for key, value in add]
            if remove:
                tagging["RemoveTagKeys"] = list(remove)
            return Call(operation="change_tags_for_resource", parameters=tagging)
        case ChangeRecords(zone_id=zone_id, edits=edits):
            batch = {"Comment": "failberry", "Changes": [_edit(each, made) for each in edits]}
            return Call(
                operation="change_resource_record_sets",
                parameters={"HostedZoneId": zone_id, "ChangeBatch": batch},
            )
        case UpdateHealthCheck():
            return Call(operation="update_health_check", parameters=_update(change))
        case DeleteHealthCheck(check=check):
            return Call(operation="delete_health_check", parameters={"HealthCheckId": check})
        case _:
            assert_never(change)


def _edit(edit: Edit, made: Mapping[str, str]) -> Document:
    return {"Action": str(edit.act), "ResourceRecordSet": record_document(edit.record, made)}


def record_document(record: Record, made: Mapping[str, str] | None = None) -> Document:
    """A ResourceRecordSet."""
    document: Document = {"Name": f"{record.name}.", "Type": record.type}
    if record.identifier:
        document["SetIdentifier"] = record.identifier
    if record.role is not None:
        document["Failover"] = str(record.role)
    if record.ttl is not None:
        document["TTL"] = record.ttl
    if record.values:
        document["ResourceRecords"] = [{"Value": each} for each in record.values]
    if record.alias is not None:
        document["AliasTarget"] = {
            "HostedZoneId": record.alias.zone_id,
            "DNSName": f"{record.alias.name}.",
            "EvaluateTargetHealth": record.alias.evaluate,
        }
    if record.check:
        document["HealthCheckId"] = (made or {}).get(record.check, record.check)
    return document | (json.loads(record.more) if record.more else {})


def record(document: Mapping[str, Any]) -> Record:
    """Read a ResourceRecordSet."""
    alias = document.get("AliasTarget")
    return Record(
        name=canonical(document["Name"]),
        type=document["Type"],
        ttl=document.get("TTL"),
        values=tuple(each["Value"] for each in document.get("ResourceRecords", ())),
        alias=None
        if alias is None
        else Alias(
            zone_id=alias["HostedZoneId"],
            name=canonical(alias["DNSName"]),
            evaluate=alias["EvaluateTargetHealth"],
        ),
        identifier=document.get("SetIdentifier", ""),
        role=Role(document["Failover"]) if "Failover" in document else None,
        check=document.get("HealthCheckId", ""),
        more=_json({key: value for key, value in document.items() if key not in _KNOWN_OF_RECORDS}),
    )


def _config(settings: CheckSettings) -> Document:
    config: Document = {"Type": settings.type, "Disabled": settings.disabled, "Inverted": settings.inverted}
    config |= _target(settings)
    if settings.interval is not None:
        config["RequestInterval"] = settings.interval
    if settings.regions:
        config["Regions"] = list(settings.regions)
    return config


def _target(settings: CheckSettings) -> Document:
    """What can be changed as well as made."""
    target: Document = {}
    if settings.alarm is not None:
        region, name = settings.alarm
        target["AlarmIdentifier"] = {"Region": region, "Name": name}
        target["InsufficientDataHealthStatus"] = settings.insufficient
    if settings.ip is not None:
        target["IPAddress"] = str(settings.ip)
    if settings.name:
        target["FullyQualifiedDomainName"] = settings.name
    if settings.port is not None:
        target["Port"] = settings.port
    if settings.path:
        target["ResourcePath"] = settings.path
    if settings.threshold is not None:
        target["FailureThreshold"] = settings.threshold
    return target


def _update(change: UpdateHealthCheck) -> Document:
    before, after = _target(change.before), _target(change.after)
    update: Document = {"HealthCheckId": change.check, "HealthCheckVersion": change.version}
    update |= {key: value for key, value in after.items() if before.get(key) != value}
    if "AlarmIdentifier" in after and change.reread:
        # The alarm's settings are copied anew by every request that names it.
        update["AlarmIdentifier"] = after["AlarmIdentifier"]
    if change.before.disabled is not change.after.disabled:
        update["Disabled"] = change.after.disabled
    if change.before.inverted is not change.after.inverted:
        update["Inverted"] = change.after.inverted
    reset = [] if change.after.name or not change.before.name else ["FullyQualifiedDomainName"]
    if change.before.regions != change.after.regions:
        if change.after.regions:
            update["Regions"] = list(change.after.regions)
        else:
            reset.append("Regions")
    if reset:
        update["ResetElements"] = reset
    return update


def health_check(document: Mapping[str, Any], tags: Mapping[str, str]) -> HealthCheck:
    """Read a HealthCheck, with its tags."""
    copied = document.get("CloudWatchAlarmConfiguration")
    return HealthCheck(
        id=document["Id"],
        reference=document["CallerReference"],
        version=document["HealthCheckVersion"],
        settings=_settings(document["HealthCheckConfig"]),
        tags=tuple(sorted(tags.items())),
        copied=None if copied is None else _alarm_settings(copied),
        linked="LinkedService" in document,
    )


def _settings(config: Mapping[str, Any]) -> CheckSettings:
    alarm = config.get("AlarmIdentifier")
    switches = {"inverted": config.get("Inverted", False), "disabled": config.get("Disabled", False)}
    more = _json({key: config[key] for key in _STRANGE_IN_CHECKS if config.get(key)})
    if config["Type"] == CLOUDWATCH_METRIC:
        return CheckSettings(
            type=CLOUDWATCH_METRIC,
            alarm=None if alarm is None else (alarm["Region"], alarm["Name"]),
            insufficient=config.get("InsufficientDataHealthStatus", ""),
            more=more,
            **switches,
        )
    regions = set(config.get("Regions", ()))
    return CheckSettings(
        type=config["Type"],
        ip=ip_address(config["IPAddress"]) if config.get("IPAddress") else None,
        name=canonical(config.get("FullyQualifiedDomainName", "")),
        port=config.get("Port"),
        path=config.get("ResourcePath", ""),
        interval=config.get("RequestInterval"),
        threshold=config.get("FailureThreshold"),
        regions=() if regions == set(CHECKER_REGIONS) else tuple(sorted(regions)),
        more=more,
        **switches,
    )


def alarm(region: str, document: Mapping[str, Any]) -> Alarm:
    """Read a MetricAlarm of CloudWatch's DescribeAlarms."""
    plain = not document.get("Metrics") and not document.get("ExtendedStatistic") and "Statistic" in document
    return Alarm(
        region=region,
        name=document["AlarmName"],
        settings=_alarm_settings(document) if plain else None,
        datapoints=document.get("DatapointsToAlarm"),
    )


def _alarm_settings(document: Mapping[str, Any]) -> AlarmSettings:
    return AlarmSettings(
        namespace=document["Namespace"],
        metric=document["MetricName"],
        statistic=document["Statistic"],
        period=document["Period"],
        evaluations=document["EvaluationPeriods"],
        threshold=float(document["Threshold"]),
        comparison=document["ComparisonOperator"],
        dimensions=tuple(sorted((each["Name"], each["Value"]) for each in document.get("Dimensions", ()))),
    )


def _json(document: Document) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":")) if document else ""
