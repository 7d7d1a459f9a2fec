"""The real handlers on the real SDK, before an AWS in memory."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ddns import aws, handler
from ddns.endpoint import Endpoint
from ddns.ports import CloudError, Entry, Stale
from moto import mock_aws
from ping import aws as ping_aws

from tests.unit.aws.awsmemory import ELSEWHERE, HOST, OLD_SECRET, SECRET, SOURCE, SOURCE6, Request, keys

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Account:
    """What the stack makes, and the function in it; named apart, for many share one AWS."""

    def __init__(self, number: int) -> None:
        self.parameter, self.table = f"/failberry/keys/{number}", f"failberry-ddns-{number}"
        self.ssm, self.route53, self.dynamodb = (
            aws._client("ssm"),
            aws._client("route53"),
            aws._client("dynamodb"),
        )
        self.tell_keys(hosts={HOST: None})
        self.dynamodb.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        zone = self.route53.create_hosted_zone(Name="example.com", CallerReference=str(number))
        self.zone = zone["HostedZone"]["Id"].rpartition("/")[2]
        self.endpoint: Endpoint = handler.build(
            {
                "FAILBERRY_KEYS": self.parameter,
                "FAILBERRY_TABLE": self.table,
                "FAILBERRY_ZONE": self.zone,
                "FAILBERRY_COOLDOWN": "0",
            }
        )
        self.now = time.time_ns() // 1_000_000

    def tell_keys(self, **changes: object) -> None:
        self.ssm.put_parameter(
            Name=self.parameter, Value=json.dumps(keys(**changes)), Type="SecureString", Overwrite=True
        )

    def send(self, request: Request, *, source: str = SOURCE) -> tuple[int, dict[str, Any]]:
        answer = self.endpoint.answer(request.event(source=source), now=self.now)
        assert isinstance(answer["statusCode"], int)
        return answer["statusCode"], json.loads(str(answer["body"]))

    def records(self) -> list[dict[str, Any]]:
        found = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return [each for each in found if each["Type"] not in {"NS", "SOA"}]


@pytest.fixture(scope="module")
def numbers() -> Iterator[Iterator[int]]:
    """One AWS for all tests: making the SDK's clients takes longer than all that is asked of them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [*os.environ]:
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        with mock_aws():
            yield itertools.count()
        aws._client.cache_clear()
        ping_aws._client.cache_clear()


@pytest.fixture
def account(numbers: Iterator[int]) -> Account:
    return Account(next(numbers))


def test_an_update_from_the_key_to_the_record(account: Account) -> None:
    request = Request({"ts": account.now})
    status, told = account.send(request)
    assert (status, told["status"], told["ip"]) == (200, "changed", SOURCE)
    assert told["change_id"]
    assert account.records() == [
        {"Name": f"{HOST}.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": SOURCE}]}
    ]
    # The conditional write, by the SDK's own words for its refusal.
    status, told = account.send(request, source=ELSEWHERE)
    assert (status, told["error"], told["newest"]) == (409, "replay", account.now)
    status, told = account.send(Request({"ts": account.now + 1}))
    assert (status, told["status"]) == (200, "unchanged")
    status, told = account.send(Request({"ts": account.now + 2}), source=SOURCE6)
    assert (status, told["status"]) == (200, "changed")
    assert [each["Type"] for each in account.records()] == ["A", "AAAA"]


def test_a_failover_record_keeps_its_policy(account: Account) -> None:
    check = account.route53.create_health_check(
        CallerReference="1", HealthCheckConfig={"Type": "TCP", "IPAddress": "198.13.32.9", "Port": 9000}
    )["HealthCheck"]["Id"]
    there = [
        {
            "Name": f"{HOST}.", "Type": "A", "SetIdentifier": f"failberry-{place}", "Failover": place.upper(),
            "TTL": 30, "ResourceRecords": [{"Value": f"198.13.32.{number}"}], "HealthCheckId": check,
        }
        for number, place in enumerate(["primary", "secondary"])
    ]  # fmt: skip
    account.route53.change_resource_record_sets(
        HostedZoneId=account.zone,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": each} for each in there]},
    )
    account.tell_keys(hosts={HOST: "failberry-secondary"})
    assert account.send(Request({"ts": account.now}))[1]["status"] == "changed"
    wanted = [there[0], {**there[1], "ResourceRecords": [{"Value": SOURCE}]}]
    assert sorted(account.records(), key=lambda each: str(each["SetIdentifier"])) == wanted


def test_rotation_by_the_parameter(account: Account) -> None:
    assert account.send(Request({"ts": account.now}))[0] == 200
    account.tell_keys(hosts={HOST: None}, secrets=[OLD_SECRET.hex(), SECRET.hex()])
    account.now += 60_000
    assert account.send(Request({"ts": account.now}, secret=OLD_SECRET))[0] == 200
    assert account.send(Request({"ts": account.now + 1}, secret=SECRET))[0] == 200


def test_the_conditional_writes(account: Account) -> None:
    ledger = aws.DynamoLedger(account.table)
    assert ledger.advance("pi1", HOST, ts=5_000) == Entry(ts=0)
    assert ledger.advance("pi1", HOST, ts=5_000) == Stale(5_000)
    assert ledger.advance("pi1", HOST, ts=4_999) == Stale(5_000)
    assert ledger.advance("pi2", HOST, ts=1) == Entry(ts=0)
    assert ledger.changed("pi1", HOST, "AAAA", ts=5_000, at=7)
    assert not ledger.changed("pi1", HOST, "A", ts=4_999, at=8)
    assert ledger.advance("pi1", HOST, ts=5_001) == Entry(ts=5_000, changed={"AAAA": 7})
    item = account.dynamodb.get_item(TableName=account.table, Key={"id": {"S": f"pi1 {HOST}"}})["Item"]
    assert item["expires"] == {"N": str(5 + aws.KEEP)}


def test_faults_are_told_by_their_code(account: Account) -> None:
    for ask, code in (
        (aws.SsmParameter("/missing").read, "ParameterNotFound"),
        (lambda: aws.Route53Zone("ZMISSING").find(HOST), "NoSuchHostedZone"),
        (lambda: aws.DynamoLedger("missing").advance("pi1", HOST, ts=1), "ResourceNotFoundException"),
    ):
        with pytest.raises(CloudError) as told:
            ask()
        assert told.value.code == code
    account.ssm.delete_parameter(Name=account.parameter)
    assert account.send(Request({"ts": account.now})) == (503, {"error": "keys"})


@pytest.mark.usefixtures("numbers")
def test_figures_reach_cloudwatch_in_one_call() -> None:
    figures = [
        {
            "MetricName": "Up",
            "Dimensions": [{"Name": "Endpoint", "Value": name}],
            "Value": 1.0,
            "Unit": "None",
        }
        for name in ("wired", "wireless")
    ]
    ping_aws.put("Failberry/Ping", figures)
    found = ping_aws._client().list_metrics(Namespace="Failberry/Ping")["Metrics"]
    assert {(each["MetricName"], each["Dimensions"][0]["Value"]) for each in found} == {
        ("Up", "wired"),
        ("Up", "wireless"),
    }
