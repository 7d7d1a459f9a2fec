"""Route 53 and the alarms, read with the owner's own credentials."""

from __future__ import annotations

from failberry.aws.session import Session
from failberry.dns.desired import Desired
from failberry.dns.reading import read, zone_id_of
from failberry.dns.records import Found


def find(aws: Session, desired: Desired) -> Found:
    """Zone, health checks and alarms; raises AdapterError."""
    return read(
        lambda operation, wanted: aws.ask("route53", operation, wanted, f"reading {desired.zone}"),
        lambda region, wanted: aws.ask(
            "cloudwatch", "describe_alarms", wanted, f"reading the alarms in {region}", region=region
        ),
        desired,
    )


def find_zone_id(aws: Session, zone: str) -> str:
    """The id of the zone; raises AdapterError."""
    return zone_id_of(
        lambda operation, wanted: aws.ask("route53", operation, wanted, f"looking for {zone}"), zone
    )
