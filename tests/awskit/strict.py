"""Route 53 as strict as the real one, in memory: what a plan must get past.

Methods are those of boto3's client, answers are its documents.  A batch is carried out whole or not at
all, and is judged after each of its changes, which is stricter than the real one says it is.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

Document = dict[str, Any]
Key = tuple[str, str, str]

POLICIES = ("Failover", "Weight", "Region", "GeoLocation", "MultiValueAnswer")
REGIONS = {
    "us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1",
    "sa-east-1",
}  # fmt: skip
TAG_TEXT = re.compile(r"[\w .:/=+@-]*")
MUTABLE = {
    "IPAddress", "Port", "ResourcePath", "FullyQualifiedDomainName", "SearchString", "FailureThreshold",
    "Inverted", "Disabled", "Regions", "AlarmIdentifier", "InsufficientDataHealthStatus",
    "ChildHealthChecks", "HealthThreshold",
}  # fmt: skip


class RefusalError(Exception):
    """An error of the API; ``response`` as in botocore's ClientError."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


class StrictRoute53:
    """One account with one public zone."""

    def __init__(
        self,
        zone: str = "example.com",
        zone_id: str = "Z1",
        *,
        page: int = 3,
        pending: int = 1,
        refuse: Callable[[str, str], Exception] = RefusalError,
    ) -> None:
        self.zone, self.zone_id = zone, zone_id
        self.page = page
        """Entries in each answer to a listing."""
        self.pending = pending
        """How often GetChange says PENDING."""
        self.refuse = refuse
        """Makes the exception of a code and a message: ClientError for an adapter."""
        self.others: list[Document] = []
        """Further zones of the account, to be listed only."""
        self.records: dict[Key, Document] = {}
        self.checks: dict[str, Document] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.alarms: dict[tuple[str, str], Document] = {}
        self.references: dict[str, str] = {}
        """Every caller reference ever used, with the id that it made: deleted ones are remembered, too."""
        self.changes: dict[str, int] = {}
        self.faults: list[tuple[str, str]] = []
        """Operation and code of errors to come, once each; the code ``LOST`` does it and hides the answer."""
        self.calls: list[str] = []
        soa = "ns.example. admin.example. 1 7200 900 1209600 86400"
        self._put(_document(zone, "NS", 172800, "ns.example."))
        self._put(_document(zone, "SOA", 900, soa))

    def call(self, operation: str, parameters: Document) -> Document:
        """One request, with the faults that were ordered."""
        self.calls.append(operation)
        for fault in self.faults:
            if fault[0] == operation:
                self.faults.remove(fault)
                if fault[1] == "LOST":
                    getattr(self, operation)(**copy.deepcopy(parameters))
                raise self.refuse("ServiceUnavailable" if fault[1] == "LOST" else fault[1], "as ordered")
        answer: Document = copy.deepcopy(getattr(self, operation)(**copy.deepcopy(parameters)))
        return answer

    # Zones and records.

    def list_hosted_zones_by_name(self, *, DNSName: str, MaxItems: str) -> Document:  # noqa: N803
        assert int(MaxItems) >= 1
        zones = [each for each in (self._zone(), *self.others) if each["Name"] >= DNSName]
        return {"HostedZones": zones, "IsTruncated": False, "MaxItems": MaxItems}

    def get_hosted_zone(self, *, Id: str) -> Document:  # noqa: N803
        self._known_zone(Id)
        return {"HostedZone": self._zone()}

    def list_resource_record_sets(
        self,
        *,
        HostedZoneId: str,  # noqa: N803
        StartRecordName: str = "",  # noqa: N803
        StartRecordType: str = "",  # noqa: N803
        StartRecordIdentifier: str = "",  # noqa: N803
    ) -> Document:
        self._known_zone(HostedZoneId)
        start = (_order(StartRecordName), StartRecordType, StartRecordIdentifier) if StartRecordName else None
        keys = sorted(self.records, key=_place)
        keys = [each for each in keys if start is None or _place(each) >= start]
        shown, rest = keys[: self.page], keys[self.page :]
        answer: Document = {
            "ResourceRecordSets": [self.records[each] for each in shown],
            "IsTruncated": bool(rest),
        }
        if rest:
            answer["NextRecordName"], answer["NextRecordType"] = f"{rest[0][0]}.", rest[0][1]
            if rest[0][2]:
                answer["NextRecordIdentifier"] = rest[0][2]
        return answer

    def change_resource_record_sets(self, *, HostedZoneId: str, ChangeBatch: Document) -> Document:  # noqa: N803
        self._known_zone(HostedZoneId)
        before = dict(self.records)
        if not 1 <= len(ChangeBatch["Changes"]) <= 1000:
            raise self._invalid("the batch is empty or too long")
        try:
            for change in ChangeBatch["Changes"]:
                self._change(change["Action"], change["ResourceRecordSet"])
        except BaseException:
            self.records = before
            raise
        change_id = f"C{len(self.changes) + 1}"
        self.changes[change_id] = self.pending
        return {"ChangeInfo": {"Id": f"/change/{change_id}", "Status": "PENDING"}}

    def get_change(self, *, Id: str) -> Document:  # noqa: N803
        change_id = Id.rpartition("/")[2]
        if change_id not in self.changes:
            raise self.refuse("NoSuchChange", Id)
        self.changes[change_id] -= 1
        return {"ChangeInfo": {"Id": Id, "Status": "PENDING" if self.changes[change_id] >= 0 else "INSYNC"}}

    def _change(self, action: str, record: Document) -> None:
        key = _key(record)
        there = self.records.get(key)
        if action == "DELETE":
            if there is None or _essence(there) != _essence(record):
                raise self._invalid(f"tried to delete {key} but it was not found, or its values differ")
            if key[0] == self.zone and key[1] in {"NS", "SOA"}:
                raise self._invalid("a zone needs its NS and SOA")
            del self.records[key]
            return
        if action == "CREATE" and there is not None:
            raise self._invalid(f"tried to create {key} but it already exists")
        if there is not None and _policy(there) != _policy(record):
            raise self._invalid(f"cannot change the routing policy of {key}")
        self._valid(record)
        self._put(record)
        self._fit(key)

    def _valid(self, record: Document) -> None:
        name, kind, identifier = _key(record)
        if name != self.zone and not name.endswith(f".{self.zone}"):
            raise self._invalid(f"{name} is not permitted in zone {self.zone}")
        if len(_policy(record)) > 1 or bool(_policy(record)) != bool(identifier):
            raise self._invalid("one routing policy and a SetIdentifier, or none of both")
        if record.get("Failover", "PRIMARY") not in {"PRIMARY", "SECONDARY"} or len(identifier) > 128:
            raise self._invalid("Failover or SetIdentifier")
        check = record.get("HealthCheckId")
        if check is not None and check not in self.checks:
            raise self.refuse("NoSuchHealthCheck", check)
        if "AliasTarget" in record:
            if "TTL" in record or "ResourceRecords" in record or kind == "CNAME":
                raise self._invalid("an alias has neither TTL nor values")
            if "Failover" in record and record["AliasTarget"]["EvaluateTargetHealth"] is not True:
                raise self._invalid("a failover alias needs EvaluateTargetHealth")
            return
        self._valid_values(name, kind, record)

    def _valid_values(self, name: str, kind: str, record: Document) -> None:
        values = [each["Value"] for each in record.get("ResourceRecords", ())]
        if not values or not 0 <= record.get("TTL", -1) <= 2**31 - 1 or len(set(values)) != len(values):
            raise self._invalid("TTL and values")
        try:
            if kind == "A":
                [IPv4Address(each) for each in values]
            elif kind == "AAAA":
                [IPv6Address(each) for each in values]
        except ValueError as error:
            raise self._invalid(str(error)) from error
        if kind == "CNAME" and (len(values) > 1 or name == self.zone):
            raise self._invalid("a CNAME has one value, and is never at the top")

    def _fit(self, key: Key) -> None:
        name, kind, _ = key
        at_name = [each for each in self.records if each[0] == name]
        if len({each[1] for each in at_name}) > 1 and any(each[1] == "CNAME" for each in at_name):
            raise self._invalid(f"CNAME beside something else at {name}")
        set_ = [self.records[each] for each in at_name if each[1] == kind]
        if len({tuple(_policy(each)) for each in set_}) > 1:
            raise self._invalid(f"two routing policies at {name} {kind}")
        roles = [each["Failover"] for each in set_ if "Failover" in each]
        if len(set(roles)) != len(roles):
            raise self._invalid(f"two records of one failover role at {name} {kind}")
        target = self.records[key].get("AliasTarget")
        if target is not None and target["HostedZoneId"] == self.zone_id:
            aim = _name(target["DNSName"])
            if aim == name or not any(each[:2] == (aim, kind) for each in self.records):
                raise self._invalid(f"alias target {aim} {kind} was not found")

    # Health checks.

    def list_health_checks(self, *, Marker: str = "") -> Document:  # noqa: N803
        ids = [each for each in sorted(self.checks) if each >= Marker]
        answer: Document = {
            "HealthChecks": [self.checks[each] for each in ids[: self.page]],
            "IsTruncated": len(ids) > self.page,
        }
        return answer | ({"NextMarker": ids[self.page]} if len(ids) > self.page else {})

    def create_health_check(self, *, CallerReference: str, HealthCheckConfig: Document) -> Document:  # noqa: N803
        if not 1 <= len(CallerReference) <= 64:
            raise self.refuse("InvalidInput", "CallerReference")
        config = self._config(HealthCheckConfig)
        made = self.references.get(CallerReference)
        if made is not None:
            there = self.checks.get(made)
            if there is None or there["HealthCheckConfig"] != config:
                raise self.refuse("HealthCheckAlreadyExists", CallerReference)
            return {"HealthCheck": there}
        if len(self.checks) >= 200:
            raise self.refuse("TooManyHealthChecks", "200")
        check_id = f"{len(self.references):08x}-0000-4000-8000-000000000000"
        self.references[CallerReference] = check_id
        self.checks[check_id] = self._with_alarm(
            {
                "Id": check_id,
                "CallerReference": CallerReference,
                "HealthCheckConfig": config,
                "HealthCheckVersion": 1,
            }
        )
        self.tags[check_id] = {}
        return {"HealthCheck": self.checks[check_id]}

    def update_health_check(self, *, HealthCheckId: str, HealthCheckVersion: int, **fields: Any) -> Document:  # noqa: N803
        check = self._check(HealthCheckId)
        if check["HealthCheckVersion"] != HealthCheckVersion:
            raise self.refuse("HealthCheckVersionMismatch", HealthCheckId)
        old = check["HealthCheckConfig"]
        reset = fields.pop("ResetElements", [])
        if set(fields) - MUTABLE or ("IPAddress" in fields and "IPAddress" not in old):
            raise self.refuse("InvalidInput", "cannot be changed")
        new = {key: value for key, value in {**old, **fields}.items() if key not in reset}
        changed = {
            **check,
            "HealthCheckConfig": self._config(new),
            "HealthCheckVersion": HealthCheckVersion + 1,
        }
        # An alarm is read when it is named, and not again.
        self.checks[HealthCheckId] = self._with_alarm(changed) if "AlarmIdentifier" in fields else changed
        return {"HealthCheck": self.checks[HealthCheckId]}

    def delete_health_check(self, *, HealthCheckId: str) -> Document:  # noqa: N803
        self._check(HealthCheckId)
        # The real one deletes it, and then answers as it likes.
        if any(each.get("HealthCheckId") == HealthCheckId for each in self.records.values()):
            raise self.refuse("HealthCheckInUse", HealthCheckId)
        del self.checks[HealthCheckId], self.tags[HealthCheckId]
        return {}

    def _config(self, config: Document) -> Document:
        kind = config["Type"]
        config = {"Inverted": False, "Disabled": False, **config}
        bad = None
        if kind == "CLOUDWATCH_METRIC":
            alarm = config.get("AlarmIdentifier", {})
            if (alarm.get("Region"), alarm.get("Name")) not in self.alarms:
                bad = "no such alarm"
            if config.get("InsufficientDataHealthStatus") not in {"Healthy", "Unhealthy", "LastKnownStatus"}:
                bad = "InsufficientDataHealthStatus"
        elif kind == "CALCULATED":
            children = [self._check(each) for each in config.get("ChildHealthChecks", [])]
            if any(each["HealthCheckConfig"]["Type"] == kind for each in children) or len(children) > 255:
                bad = "ChildHealthChecks"
        else:
            config = {
                "Port": 80,
                "RequestInterval": 30,
                "FailureThreshold": 3,
                "MeasureLatency": False,
                **config,
            }
            config.setdefault("EnableSNI", kind == "HTTPS")
            regions = config.setdefault("Regions", sorted(REGIONS))
            if config.get("IPAddress") and not ip_address(config["IPAddress"]).is_global:
                bad = "IPAddress"
            elif not config.get("IPAddress") and not config.get("FullyQualifiedDomainName"):
                bad = "neither address nor name"
            elif config["RequestInterval"] not in {10, 30} or not 1 <= config["FailureThreshold"] <= 10:
                bad = "RequestInterval or FailureThreshold"
            elif not 1 <= config["Port"] <= 65535 or len(config.get("ResourcePath", "")) > 255:
                bad = "Port or ResourcePath"
            elif len(set(regions)) < 3 or set(regions) - REGIONS:
                bad = "Regions"
        if bad is not None:
            raise self.refuse("InvalidInput", bad)
        return config

    def _with_alarm(self, check: Document) -> Document:
        alarm = check["HealthCheckConfig"].get("AlarmIdentifier")
        if alarm is None:
            return check
        copied = copy.deepcopy(self.alarms[alarm["Region"], alarm["Name"]])
        del copied["AlarmName"]
        return {**check, "CloudWatchAlarmConfiguration": copied}

    # Tags and alarms.

    def change_tags_for_resource(
        self,
        *,
        ResourceType: str,  # noqa: N803
        ResourceId: str,  # noqa: N803
        AddTags: list[Document] | None = None,  # noqa: N803
        RemoveTagKeys: list[str] | None = None,  # noqa: N803
    ) -> Document:
        assert ResourceType == "healthcheck"
        self._check(ResourceId)
        if not AddTags and not RemoveTagKeys:
            raise self.refuse("InvalidInput", "no tags")
        tags = {
            key: value for key, value in self.tags[ResourceId].items() if key not in (RemoveTagKeys or ())
        }
        tags |= {each["Key"]: each["Value"] for each in AddTags or ()}
        fine = all(
            1 <= len(key) <= 128
            and len(value) <= 256
            and TAG_TEXT.fullmatch(key)
            and TAG_TEXT.fullmatch(value)
            for key, value in tags.items()
        )
        if len(tags) > 10 or not fine:
            raise self.refuse("InvalidInput", "tags")
        self.tags[ResourceId] = tags
        return {}

    def list_tags_for_resources(self, *, ResourceType: str, ResourceIds: list[str]) -> Document:  # noqa: N803
        assert ResourceType == "healthcheck"
        if not 1 <= len(ResourceIds) <= 10:
            raise self.refuse("InvalidInput", "ResourceIds")
        sets = [
            {
                "ResourceId": each,
                "Tags": [{"Key": key, "Value": value} for key, value in self.tags[each].items()],
            }
            for each in ResourceIds
        ]
        return {"ResourceTagSets": sets}

    def describe_alarms(self, region: str, parameters: Document) -> Document:
        """CloudWatch's, which is another service and knows a region."""
        names = parameters["AlarmNames"]
        return {
            "MetricAlarms": [
                each for key, each in self.alarms.items() if key[0] == region and key[1] in names
            ]
        }

    def _zone(self) -> Document:
        return {
            "Id": f"/hostedzone/{self.zone_id}",
            "Name": f"{self.zone}.",
            "Config": {"PrivateZone": False},
        }

    def _known_zone(self, zone_id: str) -> None:
        if zone_id.rpartition("/")[2] != self.zone_id:
            raise self.refuse("NoSuchHostedZone", zone_id)

    def _check(self, check_id: str) -> Document:
        if check_id not in self.checks:
            raise self.refuse("NoSuchHealthCheck", check_id)
        return self.checks[check_id]

    def _invalid(self, words: str) -> Exception:
        return self.refuse("InvalidChangeBatch", words)

    def put(self, record: Document) -> bool:
        """What somebody else writes, if it may be written; answers whether it may."""
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        try:
            self.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch=batch)
        except RefusalError:
            return False
        return True

    def _put(self, record: Document) -> None:
        self.records[_key(record)] = {**record, "Name": f"{_name(record['Name'])}."}


def _document(name: str, kind: str, ttl: int, *values: str) -> Document:
    return {
        "Name": f"{name}.",
        "Type": kind,
        "TTL": ttl,
        "ResourceRecords": [{"Value": each} for each in values],
    }


def _name(name: str) -> str:
    return name.lower().removesuffix(".").replace("*", "\\052")


def _key(record: Document) -> Key:
    return _name(record["Name"]), record["Type"], record.get("SetIdentifier", "")


def _order(name: str) -> tuple[str, ...]:
    return tuple(reversed(_name(name).split(".")))


def _place(key: Key) -> tuple[tuple[str, ...], str, str]:
    return _order(key[0]), key[1], key[2]


def _policy(record: Document) -> list[str]:
    return [each for each in POLICIES if each in record]


def _essence(record: Document) -> Document:
    values = {each["Value"] for each in record.get("ResourceRecords", ())}
    alias = record.get("AliasTarget")
    if alias is not None:
        alias = {**alias, "DNSName": _name(alias["DNSName"])}
    return {**record, "Name": _name(record["Name"]), "ResourceRecords": values, "AliasTarget": alias}
