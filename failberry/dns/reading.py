"""Reading everything that a plan needs, page by page and within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from failberry.dns import wire
from failberry.dns.desired import AlarmCheck, Desired
from failberry.dns.records import Found, Record, canonical
from failberry.dns.wire import Document
from failberry.errors import AdapterError, AdapterReason

Ask = Callable[[str, Document], Document]
"""Asks Route 53: a method of boto3's client and its parameters in, the answer out."""
AskAlarms = Callable[[str, Document], Document]
"""Asks CloudWatch's DescribeAlarms: region and parameters in, the answer out."""

PAGES = 100
"""Of one listing: 30,000 records, or 10,000 health checks; no account of a house has so many."""
_TAGS_AT_ONCE = 10


def read(ask: Ask, ask_alarms: AskAlarms, desired: Desired) -> Found:
    """Read zone, health checks and alarms; raises AdapterError."""
    zone_id = desired.zone_id or zone_id_of(ask, desired.zone)
    zone = ask("get_hosted_zone", {"Id": zone_id})["HostedZone"]
    documents = list(_health_checks(ask))
    tags = dict(_tags(ask, [each["Id"] for each in documents]))
    wanted = [each.check for each in (desired.wired, desired.cellular) if isinstance(each.check, AlarmCheck)]
    return Found(
        zone_id=_bare(zone["Id"]),
        zone=canonical(zone["Name"]),
        private=zone.get("Config", {}).get("PrivateZone", False),
        records=tuple(wire.record(each) for each in _records(ask, zone_id, {})),
        checks=tuple(wire.health_check(each, tags.get(each["Id"], {})) for each in documents),
        alarms=tuple(
            wire.alarm(each.region, document)
            for each in wanted
            for document in ask_alarms(each.region, {"AlarmNames": [each.alarm]}).get("MetricAlarms", ())
        ),
    )


def read_pair(ask: Ask, desired: Desired) -> Found:
    """Read the records of the house's name, and the health checks: what its switches need, and no more.

    Raises AdapterError.
    """
    zone_id = desired.zone_id or zone_id_of(ask, desired.zone)
    documents = list(_health_checks(ask))
    tags = dict(_tags(ask, [each["Id"] for each in documents]))
    return Found(
        zone_id=_bare(zone_id),
        zone=desired.zone,
        records=records_at(ask, zone_id, desired.name),
        checks=tuple(wire.health_check(each, tags.get(each["Id"], {})) for each in documents),
    )


def _bare(zone_id: str) -> str:
    return zone_id.rpartition("/")[2]


def zone_id_of(ask: Ask, name: str) -> str:
    """The id of the only public zone of that name; raises AdapterError."""
    listing = ask("list_hosted_zones_by_name", {"DNSName": name, "MaxItems": "10"})
    zones = [
        each
        for each in listing["HostedZones"]
        if canonical(each["Name"]) == name and not each.get("Config", {}).get("PrivateZone", False)
    ]
    if not zones:
        words = f"Route 53 has no public zone {name}; correct dns.zone, or use the account that has it"
        raise AdapterError(AdapterReason.GONE, words)
    if len(zones) > 1:
        ids = ", ".join(_bare(each["Id"]) for each in zones)
        words = f"the account has several zones {name}; set dns.zone_id to one of {ids}"
        raise AdapterError(AdapterReason.REFUSED, words)
    return _bare(zones[0]["Id"])


def records_at(ask: Ask, zone_id: str, name: str) -> tuple[Record, ...]:
    """The records of one name, without the rest of the zone; raises AdapterError."""
    there: list[Record] = []
    # What begins at a name that is not there begins at the next one (API reference, ListResourceRecordSets).
    for document in _records(ask, zone_id, {"StartRecordName": f"{name}."}):
        record = wire.record(document)
        if record.name != name:
            break
        there.append(record)
    return tuple(there)


def _records(ask: Ask, zone_id: str, place: Document) -> Iterator[Document]:
    for _ in range(PAGES):
        page = ask("list_resource_record_sets", {"HostedZoneId": zone_id, **place})
        yield from page["ResourceRecordSets"]
        if not page.get("IsTruncated"):
            return
        following = {"Name": "NextRecordName", "Type": "NextRecordType", "Identifier": "NextRecordIdentifier"}
        place = {f"StartRecord{key}": page[name] for key, name in following.items() if page.get(name)}
    raise _too_much("records in the zone", PAGES)


def _health_checks(ask: Ask) -> Iterator[Document]:
    place: Document = {}
    for _ in range(PAGES):
        page = ask("list_health_checks", place)
        yield from page["HealthChecks"]
        if not page.get("IsTruncated"):
            return
        place = {"Marker": page["NextMarker"]}
    raise _too_much("health checks", PAGES)


def _too_much(what: str, pages: int) -> AdapterError:
    return AdapterError(
        AdapterReason.UNSUPPORTED,
        f"more than {pages} pages of {what}; use a zone and an account of the house",
    )


def _tags(ask: Ask, ids: list[str]) -> Iterable[tuple[str, dict[str, str]]]:
    for start in range(0, len(ids), _TAGS_AT_ONCE):
        asked = {"ResourceType": "healthcheck", "ResourceIds": ids[start : start + _TAGS_AT_ONCE]}
        for each in ask("list_tags_for_resources", asked)["ResourceTagSets"]:
            yield each["ResourceId"], {tag["Key"]: tag["Value"] for tag in each["Tags"]}
