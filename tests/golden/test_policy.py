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

import cfnlint
import pytest
from cfnlint.decode import cfn_yaml

from failberry.aws.policy import ROLES, ROOM, Scope, partition, policy, size
from failberry.errors import AdapterError
from failberry.naming import Ask, Dns, Publisher

GOLDEN = Path(__file__).parent / "policy"
TEMPLATE = Path(__file__).parents[2] / "lambda" / "template.yaml"
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


def test_what_is_not_needed_or_not_known_is_said() -> None:
    with pytest.raises(AdapterError, match=r"set dns\.zone_id"):
        policy("daemon", replace(DNS, zone_id=""), SCOPE)
    with pytest.raises(AdapterError, match="the Pi needs no AWS key"):
        policy("daemon", replace(DNS, wired_source=Publisher.ELSEWHERE, fast=False), SCOPE)


def test_partitions() -> None:
    assert [
        partition(each) for each in ("eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-2")
    ] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws",
    ]


def test_the_functions_have_what_the_template_gives_them() -> None:
    resources = cfn_yaml.load(str(TEMPLATE))["Resources"]
    given: set[str] = set()
    for role in ("DdnsRole", "PingRole"):
        for told in resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
            each = told["Fn::If"][1] if "Fn::If" in told else told
            given |= {each["Action"]} if isinstance(each["Action"], str) else set(each["Action"])
    assert {action for each in statements("lambda") for action in each["Action"]} == given


def test_whoever_deploys_may_make_all_that_the_template_makes() -> None:
    makes = {
        "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
        "AWS::DynamoDB::Table": "dynamodb:CreateTable",
        "AWS::Events::Rule": "events:PutRule",
        "AWS::IAM::Role": "iam:CreateRole",
        "AWS::Lambda::EventInvokeConfig": "lambda:PutFunctionEventInvokeConfig",
        "AWS::Lambda::Function": "lambda:CreateFunction",
        "AWS::Lambda::Permission": "lambda:AddPermission",
        "AWS::Lambda::Url": "lambda:CreateFunctionUrlConfig",
        "AWS::Logs::LogGroup": "logs:CreateLogGroup",
        "AWS::SNS::Topic": "sns:CreateTopic",
    }
    may = {action for each in statements("deployer") for action in each["Action"]}
    types = {each["Type"] for each in cfn_yaml.load(str(TEMPLATE))["Resources"].values()}
    assert types == makes.keys()
    assert set(makes.values()) <= may


def test_whoever_deploys_may_do_what_cloudformation_does_in_his_name() -> None:
    # As AWS's own registry of resource types says of their handlers; cfn-lint has a copy.
    not_used = {"ec2:DescribeNetworkInterfaces", "kms:Decrypt"}
    types = {each["Type"] for each in cfn_yaml.load(str(TEMPLATE))["Resources"].values()}
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
    handlers = {
        document["typeName"]: document["handlers"]
        for path in schemas.glob("*.json")
        if (text := path.read_text()).find('"handlers"') >= 0
        and (document := json.loads(text))["typeName"] in types
    }
    assert handlers.keys() == types
    may = {action for each in statements("deployer") for action in each["Action"]} | not_used
    for kind, handler in handlers.items():
        wanted = {*handler["read"]["permissions"], *handler["delete"]["permissions"]}
        assert wanted <= may, kind
