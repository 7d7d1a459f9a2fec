"""What moto's CloudFormation does not know of lambda/template.yaml: URLs, alarms, invocation settings.

moto finds direct subclasses of its CloudFormationModel and asks each for the type that it stands for.
Each of these hands its properties to the SDK, which judges them by the service's own model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from moto.awslambda.models import lambda_backends
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

Document = dict[str, Any]

URLS: dict[str, str] = {}
"""Where a function of that name is really served."""


def install() -> None:
    """Have moto look for its models again."""
    for cache in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cache.cache_clear()
    assert "AWS::Lambda::Url" in parsing.get_model_map()


@dataclass
class Made:
    """A resource as CloudFormation keeps it."""

    physical_resource_id: str
    attributes: dict[str, str]
    remove: Callable[[], object]
    type: str = ""
    logical_resource_id: str = ""
    cf_resource_type: str = ""

    def is_created(self) -> bool:
        return True

    def delete(self, _account: str, _region: str) -> None:
        self.remove()

    def get_cfn_attribute(self, name: str) -> str:
        return self.attributes[name]


class Url(CloudFormationModel):
    """AWS::Lambda::Url."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::Url"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in {"FunctionArn", "FunctionUrl"}

    @classmethod
    def create_from_cloudformation_json(
        cls, _name: str, document: Document, account: str, region: str, **_: Any
    ) -> Made:
        properties = document["Properties"]
        arn = properties["TargetFunctionArn"]
        name = arn.rpartition(":")[2]
        client = boto3.client("lambda", region_name=region)
        client.create_function_url_config(FunctionName=name, AuthType=properties["AuthType"])
        config = lambda_backends[account][region].get_function(name).get_url_config()
        # The real service's URLs end in a slash; ours are where the tests serve them.
        config.url = URLS.get(name, f"{config.url}/")
        return Made(
            arn,
            {"FunctionArn": arn, "FunctionUrl": config.url},
            # It goes with its function, which may be gone before.
            lambda: None,
        )

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Made, **_: Any) -> Made:
        return original_resource


class Alarm(CloudFormationModel):
    """AWS::CloudWatch::Alarm."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, document: Document, _account: str, region: str, **_: Any
    ) -> Made:
        properties = {"AlarmName": name, **document["Properties"]}
        for whole in ("Period", "EvaluationPeriods"):
            properties[whole] = int(properties[whole])
        properties["Threshold"] = float(properties["Threshold"])
        client = boto3.client("cloudwatch", region_name=region)
        client.put_metric_alarm(**properties)
        return Made(name, {}, lambda: client.delete_alarms(AlarmNames=[name]))

    @classmethod
    def update_from_cloudformation_json(
        cls, cloudformation_json: Document, new_resource_name: str, region_name: str, **_: Any
    ) -> Made:
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, "", region_name)


class InvokeConfig(CloudFormationModel):
    """AWS::Lambda::EventInvokeConfig."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::EventInvokeConfig"

    @classmethod
    def has_cfn_attr(cls, _attr: str) -> bool:
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls, name: str, document: Document, _account: str, region: str, **_: Any
    ) -> Made:
        properties = document["Properties"]
        wanted = {key: properties[key] for key in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")}
        boto3.client("lambda", region_name=region).put_function_event_invoke_config(
            FunctionName=properties["FunctionName"], **wanted
        )
        # It goes with its function.
        return Made(name, {}, lambda: None)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Made, **_: Any) -> Made:
        return original_resource
