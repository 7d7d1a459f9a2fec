"""The record that is there against the one that should be.  Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from ddns.address import Address, record_type
from ddns.ports import RecordSet

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Same:
    """Nothing needs to be written."""


@dataclass(frozen=True, slots=True)
class Write:
    """A record in the API's form, to be written by UPSERT."""

    record: RecordSet


@dataclass(frozen=True, slots=True)
class Foreign:
    """What is there is not ours to change, or Route 53 would refuse the change."""

    reason: str


def decide(
    found: Sequence[RecordSet], *, name: str, mark: str | None, address: Address, ttl: int
) -> Same | Write | Foreign:
    """Decide about the record ``name``, of the address's type, with SetIdentifier ``mark``.

    ``found`` is what ListResourceRecordSets gave: a record that is not there is answered with the next one in
    the zone, so each is compared.  Whatever a record has besides its address stays: routing policy, health
    check and TTL.
    """
    kind = record_type(address)
    here = [record for record in found if _name(record) == name]
    if any(record.get("Type") == "CNAME" for record in here):
        return Foreign(f"{name} is a CNAME")
    same_type = [record for record in here if record.get("Type") == kind]
    ours = [record for record in same_type if record.get("SetIdentifier") == mark]
    if not ours:
        if mark is not None:
            return Foreign(f"{name} has no {kind} record with the SetIdentifier {mark}")
        if same_type:
            return Foreign(f"{name} has {kind} records of a routing policy")
        return Write({"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": str(address)}]})
    record = ours[0]
    if "AliasTarget" in record:
        return Foreign(f"{name} is an alias")
    if _addresses(record) == [address]:
        return Same()
    return Write({"TTL": ttl, **record, "ResourceRecords": [{"Value": str(address)}]})


def _name(record: RecordSet) -> str:
    # The API writes unusual characters in octal, and a dot at the end.
    plain = _OCTAL.sub(lambda found: chr(int(found[1], 8)), str(record.get("Name")))
    return plain.removesuffix(".").lower()


def _addresses(record: RecordSet) -> list[Address | None]:
    values = record.get("ResourceRecords")
    if not isinstance(values, list):
        return []
    return [_address(str(value.get("Value"))) for value in values]


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
