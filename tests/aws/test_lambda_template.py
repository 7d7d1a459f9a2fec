"""lambda/template.yaml, and the code that is uploaded beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cfnlint
import ddns.handler
import ping.handler
import pytest
from cfnlint.decode import cfn_yaml

from failberry.aws.archive import BODY_LIMIT, read
from tests.golden.test_policy import statements as rights
from tests.unit.aws.test_stack import told as parameters_told

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "lambda" / "template.yaml"


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return dict(cfn_yaml.load(str(TEMPLATE))["Resources"])


def statements(resources: dict[str, Any], role: str) -> list[dict[str, Any]]:
    (policy,) = resources[role]["Properties"]["Policies"]
    assert "ManagedPolicyArns" not in resources[role]["Properties"]
    return list(policy["PolicyDocument"]["Statement"])


def test_it_is_sent_with_the_call() -> None:
    assert TEMPLATE.stat().st_size < BODY_LIMIT


ZONE = {"Fn::Sub": "arn:${AWS::Partition}:route53:::hostedzone/${ZoneId}"}
PARAMETER = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${KeysParameter}"
CHANGE = "route53:ChangeResourceRecordSets"


def while_there_are_names(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Fn::If": ["Publishes", statement, {"Ref": "AWS::NoValue"}]}


def test_what_ddns_may_do_and_no_more(resources: dict[str, Any]) -> None:
    assert statements(resources, "DdnsRole") == [
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": ["DdnsLogs", "Arn"]},
        },
        {
            "Sid": "ReadKeys",
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": {"Fn::Sub": PARAMETER},
        },
        {
            "Sid": "Remember",
            "Effect": "Allow",
            "Action": "dynamodb:UpdateItem",
            "Resource": {"Fn::GetAtt": ["DdnsTable", "Arn"]},
        },
        while_there_are_names(
            {
                "Sid": "ReadZone",
                "Effect": "Allow",
                "Action": "route53:ListResourceRecordSets",
                "Resource": ZONE,
            }
        ),
        while_there_are_names(
            {
                "Sid": "ChangeOwnNames",
                "Effect": "Allow",
                "Action": CHANGE,
                "Resource": ZONE,
                "Condition": {
                    "ForAllValues:StringEquals": {
                        f"{CHANGE}NormalizedRecordNames": {"Ref": "RecordNames"},
                        f"{CHANGE}RecordTypes": ["A", "AAAA"],
                        f"{CHANGE}Actions": ["UPSERT"],
                    },
                    "Null": {
                        f"{CHANGE}NormalizedRecordNames": "false",
                        f"{CHANGE}RecordTypes": "false",
                        f"{CHANGE}Actions": "false",
                    },
                },
            }
        ),
    ]


def test_what_ping_may_do_and_no_more(resources: dict[str, Any]) -> None:
    namespaces = {"Fn::If": ["Compat", ["Failberry/Ping", "Lambda-Ping/HTTP"], ["Failberry/Ping"]]}
    assert statements(resources, "PingRole") == [
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": ["PingLogs", "Arn"]},
        },
        {
            "Sid": "WriteMetrics",
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": namespaces}},
        },
    ]


def test_there_are_no_other_rights(resources: dict[str, Any]) -> None:
    roles = {name for name, each in resources.items() if each["Type"].startswith("AWS::IAM::")}
    assert roles == {"DdnsRole", "PingRole"}


def test_anybody_may_call_the_url_by_both_statements_and_nothing_else(resources: dict[str, Any]) -> None:
    permissions = [
        each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Permission"
    ]
    assert [each for each in permissions if each["Principal"] == "*"] == [
        {
            "FunctionName": {"Ref": "DdnsFunction"},
            "Action": "lambda:InvokeFunctionUrl",
            "FunctionUrlAuthType": "NONE",
            "Principal": "*",
        },
        {
            "FunctionName": {"Ref": "DdnsFunction"},
            "Action": "lambda:InvokeFunction",
            "InvokedViaFunctionUrl": True,
            "Principal": "*",
        },
    ]
    (schedule,) = [each for each in permissions if each["Principal"] != "*"]
    assert schedule["Principal"] == "events.amazonaws.com"
    assert schedule["SourceArn"] == {"Fn::GetAtt": ["PingSchedule", "Arn"]}


@pytest.mark.parametrize(("name", "line"), [("WiredAlarm", "wired"), ("MobileAlarm", "mobile")])
def test_the_alarm_of_a_line_is_one_that_a_health_check_can_follow(
    resources: dict[str, Any], name: str, line: str
) -> None:
    alarm = resources[name]["Properties"]
    named = {"Fn::Sub": f"${{AWS::StackName}}-{line}"}
    assert (alarm["AlarmName"], alarm["Dimensions"]) == (named, [{"Name": "Endpoint", "Value": named}])
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Failberry/Ping", "Up")
    assert alarm["Statistic"] in {"Average", "Minimum", "Maximum", "Sum", "SampleCount"}
    assert alarm["Period"] >= 60
    assert not alarm.keys() & {"DatapointsToAlarm", "Metrics", "ExtendedStatistic"}


def test_every_log_is_kept_for_two_weeks(resources: dict[str, Any]) -> None:
    logs = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Logs::LogGroup"]
    functions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Function"]
    assert [each["RetentionInDays"] for each in logs] == [14, 14]
    named = [each["FunctionName"]["Fn::Sub"] for each in functions]
    assert [each["LogGroupName"]["Fn::Sub"] for each in logs] == [f"/aws/lambda/{name}" for name in named]


@pytest.mark.parametrize(
    ("function", "handler"), [("DdnsFunction", ddns.handler), ("PingFunction", ping.handler)]
)
def test_template_and_handler_agree(resources: dict[str, Any], function: str, handler: Any) -> None:
    properties = resources[function]["Properties"]
    assert properties["Handler"] == f"{handler.__name__}.handle"
    told = set(re.findall(r"``(FAILBERRY_\w+)``", handler.__doc__))
    assert properties["Environment"]["Variables"].keys() == told
    assert told == set(re.findall(r'"(FAILBERRY_\w+)"', Path(handler.__file__).read_text()))


def test_the_code_runs_from_its_archive_and_asks_for_nothing_but_the_standard_library(
    tmp_path: Path,
) -> None:
    archive = tmp_path / "code.zip"
    archive.write_bytes(read().archive)
    answered = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import ddns.handler, ping.handler\n"
        "endpoint = ddns.handler.build(dict(FAILBERRY_KEYS='/k', FAILBERRY_ZONE='Z1', FAILBERRY_TABLE='t'))\n"
        "http = dict(method='GET', sourceIp='198.13.32.5')\n"
        "get = dict(rawPath='/', headers={}, requestContext=dict(http=http))\n"
        "assert endpoint.answer(get, now=0)['statusCode'] == 200\n"
        "junk = dict(get, body='x' * 3000, requestContext=dict(http=dict(http, method='POST')))\n"
        "assert endpoint.answer(junk, now=0)['statusCode'] == 413\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))\n"
    )
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", answered, archive],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    # What is refused, and what anybody may ask, is answered without the SDK.
    assert told.stdout.splitlines()[-1].split() == ["__main__", "ddns", "ping"]


def test_its_parameters_are_those_that_the_configuration_fills() -> None:
    parameters = parameters_told(before={"NotifyEmail": "me@example.com"}, chosen={"DynDns2": "on"})
    assert {*parameters} == {*cfn_yaml.load(str(TEMPLATE))["Parameters"]}


# --- what a key may do at the least (failberryctl aws policy), and what the template needs ---


def test_the_functions_have_what_the_template_gives_them(resources: dict[str, Any]) -> None:
    given: set[str] = set()
    for role in ("DdnsRole", "PingRole"):
        for told in resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
            each = told["Fn::If"][1] if "Fn::If" in told else told
            given |= {each["Action"]} if isinstance(each["Action"], str) else set(each["Action"])
    assert {action for each in rights("lambda") for action in each["Action"]} == given


def test_whoever_deploys_may_make_all_that_the_template_makes(resources: dict[str, Any]) -> None:
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
    may = {action for each in rights("deployer") for action in each["Action"]}
    types = {each["Type"] for each in resources.values()}
    assert types == makes.keys()
    assert set(makes.values()) <= may


def test_whoever_deploys_may_do_what_cloudformation_does_in_his_name(resources: dict[str, Any]) -> None:
    # As AWS's own registry of resource types says of their handlers; cfn-lint has a copy.
    not_used = {"ec2:DescribeNetworkInterfaces", "kms:Decrypt"}
    types = {each["Type"] for each in resources.values()}
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
    handlers = {
        document["typeName"]: document["handlers"]
        for path in schemas.glob("*.json")
        if (text := path.read_text()).find('"handlers"') >= 0
        and (document := json.loads(text))["typeName"] in types
    }
    assert handlers.keys() == types
    may = {action for each in rights("deployer") for action in each["Action"]} | not_used
    for kind, handler in handlers.items():
        wanted = {*handler["read"]["permissions"], *handler["delete"]["permissions"]}
        assert wanted <= may, kind
