"""The least rights, as IAM's JSON, by role.  Pure: asks nobody, so it can be had before there is any key.

What IAM can bound is bound: zone, names, types and actions of records, the stack's own functions, alarms,
roles and parameter.  ``*`` stands where the API knows no resource, or an id that nobody knows yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from failberry.aws import layout
from failberry.core.snapshot import UplinkName
from failberry.dns.wish import alarm_name
from failberry.errors import AdapterError, AdapterReason
from failberry.naming import Dns, Publisher

Statement = dict[str, Any]
ROLES = ("daemon", "lambda", "deployer")
ROOM = 6144
"""Characters, without white space, that a managed policy can have; an inline one of a user has 2,048."""
_CHANGE = "route53:ChangeResourceRecordSets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the configuration does not know."""

    account: str = "*"
    checks: tuple[str, ...] = ()
    """Ids of the lines' health checks, as they are known once they are made; none: any of the account."""


def policy(role: str, dns: Dns | None, scope: Scope, *, topics: Sequence[str] = ()) -> dict[str, Any]:
    """The policy of one of :data:`ROLES`; ``topics``: the ARNs of those of SNS by which the Pi tells people.

    Raises AdapterError where the configuration says too little: all but the topics needs a [dns].
    """
    match role:
        case "daemon":
            statements = [*_daemon(dns, scope), *_telling(topics)]
            if not statements:
                words = "no line's source is route53, dns.fast is off, and no receiver is told via sns"
                raise AdapterError(AdapterReason.UNSUPPORTED, f"{words}: the Pi needs no AWS key")
        case _ if dns is None:
            words = "there is nothing to set up at AWS; write a section [dns]: zone, zone_id and the names"
            raise AdapterError(AdapterReason.REFUSED, words)
        case "lambda":
            statements = [*_lambda(dns, scope)]
        case _:
            statements = [*_deployer(dns, scope)]
    return {"Version": "2012-10-17", "Statement": statements}


def size(document: dict[str, Any]) -> int:
    """Characters as IAM counts them."""
    return len(json.dumps(document, separators=(",", ":")))


def partition(region: str) -> str:
    """The partition of AWS that a region is in."""
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")


def _daemon(dns: Dns | None, scope: Scope) -> Iterator[Statement]:
    """Of the key that lies on the Pi: even stolen it moves nothing but the lines' own addresses.

    It publishes, and moves the name if that is wished for; `dns plan` and `dns apply` need the deployer's.
    """
    names = sorted(layout.written_by(dns, Publisher.ROUTE53).values()) if dns is not None else []
    if dns is None or not (names or dns.fast):
        return
    yield _allow("ReadRecords", ["route53:ListResourceRecordSets"], _zone(dns))
    if names:
        yield _records("ChangeOwnNames", dns, names=names, types=["A", "AAAA"], actions=["UPSERT"])
    if dns.fast:
        yield _allow("ReadZone", ["route53:GetHostedZone"], _zone(dns))
        yield from _check_reading(dns, scope)
        moved = [f"{_route53(dns)}healthcheck/{each}" for each in scope.checks]
        yield _allow("MoveTheName", ["route53:UpdateHealthCheck"], moved or _checks(dns))


def _telling(topics: Sequence[str]) -> Iterator[Statement]:
    if topics:
        yield _allow("TellPeople", ["sns:Publish"], sorted(set(topics)))


def _lambda(dns: Dns, scope: Scope) -> Iterator[Statement]:
    """Of both functions together, as lambda/template.yaml gives it to each of them."""
    names = sorted(layout.written_by(dns, Publisher.LAMBDA).values())
    here = _here(dns, scope)
    yield _allow(
        "Log",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        [f"{here('logs')}log-group:/aws/lambda/{each}:*" for each in layout.functions(dns.stack)],
    )
    yield _allow(
        "ReadKeys", ["ssm:GetParameter"], f"{here('ssm')}parameter{layout.keys_parameter(dns.stack)}"
    )
    yield _allow("Remember", ["dynamodb:UpdateItem"], f"{here('dynamodb')}table/{dns.stack}-DdnsTable-*")
    if names:
        yield _allow("ReadZone", ["route53:ListResourceRecordSets"], _zone(dns))
        yield _records("ChangeOwnNames", dns, names=names, types=["A", "AAAA"], actions=["UPSERT"])
    yield _allow("WriteMetrics", ["cloudwatch:PutMetricData"], "*") | {
        "Condition": {"StringEquals": {"cloudwatch:namespace": [layout.NAMESPACE]}}
    }


def _deployer(dns: Dns, scope: Scope) -> Iterator[Statement]:
    """Of whoever runs `aws deploy`, `aws destroy`, `aws doctor`, `dns apply` and `dns destroy`."""
    stack, here = dns.stack, _here(dns, scope)
    iam = f"arn:{partition(dns.region)}:iam::{scope.account}:role/{stack}-*"
    yield _allow(
        "Stack",
        [
            "cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet", "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet", "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks", "cloudformation:ExecuteChangeSet",
            "cloudformation:ListStackResources",
        ],
        f"{here('cloudformation')}stack/{stack}/*",
    )  # fmt: skip
    yield _allow(
        "Functions",
        [
            "lambda:AddPermission", "lambda:CreateFunction", "lambda:CreateFunctionUrlConfig",
            "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency",
            "lambda:DeleteFunctionEventInvokeConfig", "lambda:DeleteFunctionUrlConfig", "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionEventInvokeConfig", "lambda:GetFunctionRecursionConfig",
            "lambda:GetFunctionScalingConfig", "lambda:GetFunctionUrlConfig", "lambda:GetPolicy",
            "lambda:GetRuntimeManagementConfig", "lambda:ListTags", "lambda:PutFunctionConcurrency",
            "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission", "lambda:TagResource",
            "lambda:UntagResource", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
            "lambda:UpdateFunctionEventInvokeConfig", "lambda:UpdateFunctionUrlConfig",
        ],
        [f"{here('lambda')}function:{each}" for each in layout.functions(stack)],
    )  # fmt: skip
    yield _allow(
        "Roles",
        [
            "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:PutRolePolicy", "iam:TagRole",
            "iam:UntagRole", "iam:UpdateAssumeRolePolicy",
        ],
        iam,
    )  # fmt: skip
    yield _allow("GiveRolesToFunctions", ["iam:PassRole"], iam) | {
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    }
    yield _allow(
        "Table",
        [
            "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeContributorInsights", "dynamodb:DescribeKinesisStreamingDestination",
            "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:GetResourcePolicy",
            "dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource",
            "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
        ],
        f"{here('dynamodb')}table/{stack}-*",
    )  # fmt: skip
    yield _allow(
        "Logs",
        [
            "logs:CreateLogGroup", "logs:DeleteDataProtectionPolicy", "logs:DeleteLogGroup",
            "logs:DeleteRetentionPolicy", "logs:DescribeIndexPolicies", "logs:GetDataProtectionPolicy",
            "logs:ListTagsForResource", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
        ],
        [f"{here('logs')}log-group:/aws/lambda/{each}*" for each in layout.functions(stack)],
    )  # fmt: skip
    # These know no resource to be asked for.
    yield _allow("FindLogs", ["logs:DescribeLogGroups", "logs:DescribeResourcePolicies"], "*")
    yield _allow(
        "Schedule",
        [
            "events:DeleteRule", "events:DescribeRule", "events:ListTagsForResource",
            "events:ListTargetsByRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets",
            "events:TagResource", "events:UntagResource",
        ],
        f"{here('events')}rule/{stack}-*",
    )  # fmt: skip
    yield _allow(
        "Alarms",
        [
            "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
        ],
        f"{here('cloudwatch')}alarm:{stack}-*",
    )  # fmt: skip
    yield _allow("Figures", ["cloudwatch:GetMetricStatistics"], "*")
    yield _allow(
        "Notifications",
        [
            "sns:CreateTopic", "sns:DeleteTopic", "sns:GetDataProtectionPolicy", "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource",
            "sns:UntagResource",
        ],
        f"{here('sns')}{stack}-*",
    )  # fmt: skip
    # A subscription's id is made up by SNS, behind the topic's name.
    yield _allow("NotifyNobody", ["sns:Unsubscribe"], f"{here('sns')}{stack}-*")
    yield _allow(
        "Keys",
        ["ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter"],
        f"{here('ssm')}parameter{layout.keys_parameter(stack)}",
    )
    yield _allow("FindZone", ["route53:ListHostedZonesByName"], "*")
    yield _allow("ReadZone", ["route53:GetHostedZone", "route53:ListResourceRecordSets"], _zone(dns))
    yield _records(
        "ChangeNames",
        dns,
        names=sorted({dns.name, dns.wired_name, dns.cellular_name}),
        types=["A", "AAAA", "CNAME"],
        actions=["CREATE", "DELETE", "UPSERT"],
    )
    yield _allow("SeeChanges", ["route53:GetChange"], f"{_route53(dns)}change/*")
    yield _allow("ListChecks", ["route53:ListHealthChecks"], "*")
    # A health check has no id before it is made.
    yield _allow("CreateChecks", ["route53:CreateHealthCheck"], "*")
    yield _allow(
        "Checks",
        [
            "route53:ChangeTagsForResource", "route53:DeleteHealthCheck", "route53:GetHealthCheckStatus",
            "route53:ListTagsForResources", "route53:UpdateHealthCheck",
        ],
        _checks(dns),
    )  # fmt: skip
    yield _allow("SeeAnswers", ["route53:TestDNSAnswer"], "*")


def _check_reading(dns: Dns, scope: Scope) -> Iterator[Statement]:
    yield _allow("ListChecks", ["route53:ListHealthChecks"], "*")
    # Of whom a check is, only its tags say: those of all checks of the account are read.
    yield _allow("ReadMarks", ["route53:ListTagsForResources"], _checks(dns))
    here, alarms = _here(dns, scope), [alarm_name(dns.stack, line) for line in UplinkName]
    if layout.pinged(dns):
        arns = [f"{here('cloudwatch')}alarm:{each}" for each in alarms]
        yield _allow("ReadAlarms", ["cloudwatch:DescribeAlarms"], arns)


def _records(
    sid: str, dns: Dns, *, names: Sequence[str], types: Sequence[str], actions: Sequence[str]
) -> Statement:
    condition = {
        f"{_CHANGE}NormalizedRecordNames": list(names),
        f"{_CHANGE}RecordTypes": list(types),
        f"{_CHANGE}Actions": list(actions),
    }
    return _allow(sid, [_CHANGE], _zone(dns)) | {
        "Condition": {
            "ForAllValues:StringEquals": condition,
            # ForAllValues is content with a request that has no values at all.
            "Null": dict.fromkeys(condition, "false"),
        }
    }


def _allow(sid: str, actions: Sequence[str], resource: str | Sequence[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}


def _route53(dns: Dns) -> str:
    return f"arn:{partition(dns.region)}:route53:::"


def _zone(dns: Dns) -> str:
    if not dns.zone_id:
        words = "a policy names the zone by its id; set dns.zone_id, which Route 53's console shows"
        raise AdapterError(AdapterReason.REFUSED, words)
    return f"{_route53(dns)}hostedzone/{dns.zone_id}"


def _checks(dns: Dns) -> str:
    return f"{_route53(dns)}healthcheck/*"


def _here(dns: Dns, scope: Scope) -> Callable[[str], str]:
    """The beginning of the ARNs of a service in the configured region."""
    return lambda service: f"arn:{partition(dns.region)}:{service}:{dns.region}:{scope.account}:"
