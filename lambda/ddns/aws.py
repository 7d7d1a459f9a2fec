"""The ports, on AWS.  The only importer of boto3, which is part of Lambda's runtime; late, for it takes long.

The table has one item for each key and name::

    id  S  "<key> <host>"      ts  N  newest time stamp, ms     a, aaaa  N  when that record was changed, ms
                               expires  N  seconds, for DynamoDB's own clearing away

A request older than the window is refused for its age, so what is cleared away is not missed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from ddns.ports import CloudError, Entry, RecordSet, Stale

KEEP = 30 * 86_400
"""Seconds after which the memory of a key and a name is cleared away."""
_PER_NAME = "100"
"""Records fetched: Route 53 has room for as many of one name and type."""

P = ParamSpec("P")
R = TypeVar("R")


def _telling(ask: Callable[P, R]) -> Callable[P, R]:
    """Make CloudError of what the SDK raises."""

    @functools.wraps(ask)
    def asked(*arguments: P.args, **named: P.kwargs) -> R:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask(*arguments, **named)
        except ClientError as failure:
            raise CloudError(str(failure.response.get("Error", {}).get("Code", "ClientError"))) from failure
        except BotoCoreError as failure:
            raise CloudError(type(failure).__name__) from failure

    return asked


@functools.cache
def _client(service: str) -> Any:
    # Its type is made at run time.
    import boto3
    from botocore.config import Config

    # The function has 30 s, and its caller a line that comes and goes.
    patience = Config(
        connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 2}
    )
    return boto3.client(service, config=patience)


class SsmParameter:
    """A SecureString of SSM's parameter store."""

    def __init__(self, name: str) -> None:
        self._name = name

    @_telling
    def read(self) -> str:
        """Fetch and decrypt it."""
        told = _client("ssm").get_parameter(Name=self._name, WithDecryption=True)
        return str(told["Parameter"]["Value"])


class Route53Zone:
    """A hosted zone."""

    def __init__(self, zone: str) -> None:
        self._zone = zone

    @_telling
    def find(self, name: str) -> Sequence[RecordSet]:
        """Fetch what is at the name; Route 53 starts there and goes on with the names after it."""
        told = _client("route53").list_resource_record_sets(
            HostedZoneId=self._zone, StartRecordName=name, MaxItems=_PER_NAME
        )
        found: Sequence[RecordSet] = told["ResourceRecordSets"]
        return found

    @_telling
    def upsert(self, record: RecordSet) -> str:
        """Write one record."""
        told = _client("route53").change_resource_record_sets(
            HostedZoneId=self._zone,
            ChangeBatch={
                "Comment": "failberry-ddns",
                "Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}],
            },
        )
        return str(told["ChangeInfo"]["Id"]).rpartition("/")[2]


class DynamoLedger:
    """A table of DynamoDB."""

    def __init__(self, table: str) -> None:
        self._table = table

    @_telling
    def advance(self, key: str, host: str, *, ts: int) -> Entry | Stale:
        """One conditional write."""
        table = _client("dynamodb")
        try:
            told = table.update_item(
                TableName=self._table,
                Key=_id(key, host),
                UpdateExpression="SET ts = :ts, expires = :expires",
                ConditionExpression="attribute_not_exists(ts) OR ts < :ts",
                ExpressionAttributeValues={
                    ":ts": {"N": str(ts)},
                    ":expires": {"N": str(ts // 1000 + KEEP)},
                },
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except table.exceptions.ConditionalCheckFailedException as failure:
            return Stale(_number(failure.response.get("Item", {}), "ts"))
        before = told.get("Attributes", {})
        changed = {kind: at for kind in ("A", "AAAA") if (at := _number(before, kind.lower())) is not None}
        return Entry(ts=_number(before, "ts") or 0, changed=changed)

    @_telling
    def changed(self, key: str, host: str, kind: str, *, ts: int, at: int) -> bool:
        """Another conditional write."""
        table = _client("dynamodb")
        try:
            table.update_item(
                TableName=self._table,
                Key=_id(key, host),
                UpdateExpression="SET #kind = :at",
                ConditionExpression="ts = :ts",
                ExpressionAttributeNames={"#kind": kind.lower()},
                ExpressionAttributeValues={":ts": {"N": str(ts)}, ":at": {"N": str(at)}},
            )
        except table.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _id(key: str, host: str) -> dict[str, dict[str, str]]:
    return {"id": {"S": f"{key} {host}"}}


def _number(item: Mapping[str, Mapping[str, str]], name: str) -> int | None:
    value = item.get(name, {}).get("N")
    return None if value is None else int(value)
