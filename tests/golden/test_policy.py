"""What `failberryctl aws policy` prints: the whole of it, and that it is about this house alone.

``GOLDEN=write`` in the environment writes the files anew; then read the difference before committing it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from failberry.aws.policy import ROLES, ROOM, Scope, partition, policy, size
from failberry.errors import AdapterError
from failberry.naming import Ask, Dns, Publisher

GOLDEN = Path(__file__).parent / "policy"
DNS = Dns(
    zone="example.com",
    zone_id="Z0123456789ABCDEFGHIJ",
    name="home.example.com",
    wired_name="wired.example.com",
    wired_source=Publisher.ROUTE53,
    wired_check=Ask.PING,
    cellular_name="mobile.example.com",
    cellular_source=Publisher.LAMBDA,
    fast=True,
    region="eu-central-1",
    stack="barn",
)
SCOPE = Scope(account="123456789012", checks=("11111111-aaaa", "22222222-bbbb"))
ANYTHING = {
    # Actions for which IAM knows no resource (Service Authorization Reference).
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:PutMetricData",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "route53:CreateHealthCheck",
    "route53:ListHealthChecks",
    "route53:ListHostedZonesByName",
    "route53:TestDNSAnswer",
}
ARNS = (
    r"arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ",
    r"arn:aws:route53:::change/\*",
    r"arn:aws:route53:::healthcheck/(11111111-aaaa|22222222-bbbb|\*)",
    r"arn:aws:[a-z]+:eu-central-1:123456789012:(function:|table/|rule/|alarm:)?barn-[A-Za-z*-]+",
    r"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/barn-(ddns|ping)(:\*|\*)",
    r"arn:aws:cloudformation:eu-central-1:123456789012:stack/barn/\*",
    r"arn:aws:ssm:eu-central-1:123456789012:parameter/failberry/barn/keys",
    r"arn:aws:iam::123456789012:role/barn-\*",
)
NAMES = {"daemon": ["wired.example.com"], "lambda": ["mobile.example.com"]}
NAMES["deployer"] = ["home.example.com", "mobile.example.com", "wired.example.com"]


def statements(role: str, dns: Dns = DNS, scope: Scope = SCOPE) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = policy(role, dns, scope)["Statement"]
    return told


@pytest.mark.parametrize("role", ROLES)
def test_the_whole_of_it(role: str) -> None:
    text = json.dumps(policy(role, DNS, SCOPE), indent=2) + "\n"
    golden = GOLDEN / f"{role}.json"
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(text)
    assert text == golden.read_text()
    assert size(json.loads(text)) <= ROOM


@pytest.mark.parametrize("role", ROLES)
def test_each_statement_is_about_this_house(role: str) -> None:
    seen = statements(role)
    assert len({each["Sid"] for each in seen}) == len(seen)
    for each in seen:
        resources = [each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"]
        assert not any("*" in action for action in each["Action"])
        if resources == ["*"]:
            assert set(each["Action"]) <= ANYTHING, each["Sid"]
        else:
            assert resources
            assert all(any(re.fullmatch(arn, one) for arn in ARNS) for one in resources), each["Sid"]


@pytest.mark.parametrize("role", ROLES)
def test_records_are_changed_by_name_type_and_action_and_no_empty_request_slips_through(role: str) -> None:
    change = "route53:ChangeResourceRecordSets"
    (only,) = [each for each in statements(role) if change in each["Action"]]
    bounds = only["Condition"]["ForAllValues:StringEquals"]
    assert bounds[f"{change}NormalizedRecordNames"] == NAMES[role]
    assert set(bounds) == {f"{change}{each}" for each in ("NormalizedRecordNames", "RecordTypes", "Actions")}
    assert only["Condition"]["Null"] == dict.fromkeys(bounds, "false")
    if role != "deployer":
        assert bounds[f"{change}RecordTypes"] == ["A", "AAAA"]
        assert bounds[f"{change}Actions"] == ["UPSERT"]


def test_only_the_fast_path_lets_the_pi_touch_health_checks() -> None:
    def actions(dns: Dns) -> set[str]:
        return {action for each in statements("daemon", dns) for action in each["Action"]}

    slow = replace(DNS, fast=False)
    assert actions(slow) == {"route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"}
    assert actions(DNS) - actions(slow) == {
        "route53:UpdateHealthCheck",
        "route53:GetHostedZone",
        "route53:ListHealthChecks",
        "route53:ListTagsForResources",
        "cloudwatch:DescribeAlarms",
    }
    (moved,) = [each for each in statements("daemon") if each["Sid"] == "MoveTheName"]
    assert moved["Resource"] == [f"arn:aws:route53:::healthcheck/{each}" for each in SCOPE.checks]


TOPICS = ("arn:aws:sns:eu-west-1:210987654321:house", "arn:aws:sns:eu-central-1:123456789012:alarm")


def test_the_pi_publishes_to_the_topics_of_its_receivers_and_to_no_other() -> None:
    telling = {
        "Sid": "TellPeople", "Effect": "Allow", "Action": ["sns:Publish"], "Resource": sorted(TOPICS),
    }  # fmt: skip
    for role in ROLES:
        told = policy(role, DNS, SCOPE, topics=(*TOPICS, TOPICS[0]))["Statement"]
        assert told == [*statements(role), *([telling] if role == "daemon" else [])]
    for nothing_else in (None, replace(DNS, wired_source=Publisher.ELSEWHERE, fast=False, zone_id="")):
        assert policy("daemon", nothing_else, SCOPE, topics=TOPICS)["Statement"] == [telling]


def test_what_is_not_needed_or_not_known_is_said() -> None:
    with pytest.raises(AdapterError, match=r"set dns\.zone_id"):
        policy("daemon", replace(DNS, zone_id=""), SCOPE)
    with pytest.raises(AdapterError, match="the Pi needs no AWS key"):
        policy("daemon", replace(DNS, wired_source=Publisher.ELSEWHERE, fast=False), SCOPE)
    with pytest.raises(AdapterError, match="the Pi needs no AWS key"):
        policy("daemon", None, SCOPE)
    with pytest.raises(AdapterError, match=r"write a section \[dns\]"):
        policy("deployer", None, SCOPE, topics=TOPICS)


def test_partitions() -> None:
    assert [
        partition(each) for each in ("eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-2")
    ] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws",
    ]
