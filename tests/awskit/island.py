"""An AWS account for `failberryctl aws`, in this process.

CloudFormation, Lambda, SSM, CloudWatch and DynamoDB are moto's, Route 53 is the strict one, and the function
that was deployed is served over TLS by its real code, behind its real policy and with its real settings.
"""

from __future__ import annotations

import ast
import io
import json
import os
import socket
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from ddns import aws as ddns_aws
from ddns.address import Address
from ddns.endpoint import Doors, Endpoint
from ddns.keys import KeyRing
from ddns.ports import Reached, RecordSet
from ddns.update import Publisher, Settings
from moto import mock_aws
from moto.awslambda.models import lambda_backends
from moto.cloudformation.models import cloudformation_backends
from ping import aws as ping_aws

from tests.awskit import shims
from tests.awskit.certificates import Certificate
from tests.awskit.strict import StrictRoute53
from tests.unit.aws.functionurl import FunctionUrl

REGION, ACCOUNT, STACK = "eu-central-1", "123456789012", "failberry"
OURS = "198.13.32.5"
"""The address that the Internet sees us at."""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    # Whatever should find a way around moto ends here.
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
}
_FORBIDDEN: dict[str, object] = {"statusCode": 403, "body": '{"Message":"Forbidden"}'}


@dataclass
class Loopback:
    """A line whose own address is one of the Internet; in truth it is loopback."""

    interface: str = "test0"
    own: str = OURS

    def open(self, _version: int, kind: socket.SocketKind, protocol: int) -> socket.socket:
        return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK, protocol)

    def source(self, _peer: Address) -> Address:
        return ip_address(self.own)

    def place(self, _peer: Address, port: int) -> tuple[str, int]:
        return "127.0.0.1", port


@dataclass
class Alarms:
    """moto's, as the strict Route 53 looks for them."""

    client: Callable[[str, str], Any]

    def __contains__(self, key: tuple[str, str]) -> bool:
        return bool(self._named(key))

    def __getitem__(self, key: tuple[str, str]) -> dict[str, Any]:
        return self._named(key)[0]

    def _named(self, key: tuple[str, str]) -> list[dict[str, Any]]:
        client = self.client("cloudwatch", key[0])
        found: list[dict[str, Any]] = client.describe_alarms(AlarmNames=[key[1]])["MetricAlarms"]
        return found


class Route53:
    """The face of boto3's client."""

    def __init__(self, api: StrictRoute53) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return lambda **parameters: self._api.call(name, parameters)

    def get_health_check_status(self, **parameters: str) -> dict[str, Any]:
        assert parameters["HealthCheckId"] in self._api.checks
        report = {"StatusReport": {"Status": "Success: HTTP Status Code 200, OK"}}
        return {"HealthCheckObservations": [report] * 16}


class CloudFormation:
    """The face of boto3's client, where moto differs from AWS.

    It tells lists as Python writes them, and compares with the parameters that a stack was made with.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def describe_stacks(self, **parameters: str) -> Any:
        told = self._client.describe_stacks(**parameters)
        for stack in told["Stacks"]:
            for each in stack.get("Parameters", ()):
                if each["ParameterValue"].startswith("["):
                    each["ParameterValue"] = ",".join(ast.literal_eval(each["ParameterValue"]))
        return told

    def execute_change_set(self, **parameters: str) -> Any:
        told = self._client.execute_change_set(**parameters)
        backend = cloudformation_backends[ACCOUNT][self._client.meta.region_name]
        drafted = backend.change_sets[parameters["ChangeSetName"]]
        drafted.stack.parameters = drafted.parameters
        return told


@dataclass
class Zone:
    """The strict Route 53, as the function asks it."""

    api: StrictRoute53

    def find(self, name: str) -> Sequence[RecordSet]:
        wanted = {"HostedZoneId": self.api.zone_id, "StartRecordName": name}
        found: Sequence[RecordSet] = self.api.call("list_resource_record_sets", wanted)["ResourceRecordSets"]
        return found

    def upsert(self, record: RecordSet) -> str:
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": dict(record)}]}
        wanted = {"HostedZoneId": self.api.zone_id, "ChangeBatch": batch}
        told = self.api.call("change_resource_record_sets", wanted)
        return str(told["ChangeInfo"]["Id"]).rpartition("/")[2]


@dataclass
class Island:
    """The account."""

    api: StrictRoute53
    url: str = ""
    reached: Reached = field(default_factory=lambda: Reached("HTTP 200", reachable=True))
    probed: list[tuple[str, str]] = field(default_factory=list)
    ahead: int = 0
    """Milliseconds that the function's clock is ahead of ours."""
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _built: dict[tuple[object, ...], Endpoint] = field(default_factory=dict)

    def connect(self, service: str, region: str | None) -> Any:
        """What a session connects by."""
        if service == "route53":
            return Route53(self.api)
        client = self.client(service, region or REGION)
        return CloudFormation(client) if service == "cloudformation" else client

    def client(self, service: str, region: str = REGION) -> Any:
        # To make one takes longer than all that is asked of it.
        if (service, region) not in self.clients:
            self.clients[service, region] = boto3.client(service, region_name=region)
        return self.clients[service, region]

    def left(self) -> list[object]:
        """Everything there that costs or answers."""
        stacks = self.client("cloudformation").list_stacks()["StackSummaries"]
        return [
            *(each["StackName"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"),
            *self.client("lambda").list_functions()["Functions"],
            *self.client("cloudwatch").describe_alarms()["MetricAlarms"],
            *self.client("dynamodb").list_tables()["TableNames"],
            *self.client("events").list_rules()["Rules"],
            *self.client("logs").describe_log_groups()["logGroups"],
            *self.client("iam").list_roles()["Roles"],
            *self.client("ssm").describe_parameters()["Parameters"],
        ]

    def handle(self, event: dict[str, object], _context: object) -> dict[str, object]:
        """As the service does it: 403 unless both permissions are given, 502 without code."""
        name = f"{STACK}-ddns"
        policy = json.loads(self.client("lambda").get_policy(FunctionName=name)["Policy"])
        everybody = {each["Action"] for each in policy["Statement"] if each["Principal"] == "*"}
        if not {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"} <= everybody:
            return _FORBIDDEN
        function = lambda_backends[ACCOUNT][REGION].get_function(name)
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as code:
            assert "ddns/handler.py" in code.namelist(), "the code was never uploaded"
        answer = self._endpoint(function.environment_vars).answer(
            event, now=time.time_ns() // 1_000_000 + self.ahead
        )
        assert isinstance(answer, dict)
        return answer

    def _endpoint(self, environment: Mapping[str, str]) -> Endpoint:
        environment = {name: str(value) for name, value in environment.items()}
        key = tuple(sorted(environment.items()))
        if key not in self._built:
            settings = Settings(
                ttl=int(environment["FAILBERRY_TTL"]), cooldown=int(environment["FAILBERRY_COOLDOWN"]) * 1000
            )
            publisher = Publisher(
                zone=Zone(self.api),
                ledger=ddns_aws.DynamoLedger(environment["FAILBERRY_TABLE"]),
                probe=self._probe,
                settings=settings,
            )
            self._built[key] = Endpoint(
                ring=KeyRing(ddns_aws.SsmParameter(environment["FAILBERRY_KEYS"])),
                publisher=publisher,
                settings=settings,
                doors=Doors(dyndns2=environment["FAILBERRY_DYNDNS2"] == "on"),
                log=print,
            )
        return self._built[key]

    def _probe(self, address: Address, path: str) -> Reached:
        self.probed.append((str(address), path))
        return self.reached


@contextmanager
def island(certificate: Certificate) -> Iterator[Island]:
    """An account with the zone example.com, and nothing else."""

    def refused(code: str, message: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": message}}, "AnyOperation")

    made = Island(StrictRoute53(page=100, zone_id="Z0123456789ABCDEFGHIJ", refuse=refused))
    made.api.alarms = Alarms(made.client)  # type: ignore[assignment]
    caches = (ddns_aws._client, ping_aws._client)
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        for name in [*os.environ]:
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
        for each in caches:
            each.cache_clear()
        shims.install()
        with FunctionUrl(made.handle, source=OURS, tls=certificate.server()) as function:
            made.url = function.url
            monkeypatch.setitem(shims.URLS, f"{STACK}-ddns", function.url)
            yield made
            assert function.failures == []
        for each in caches:
            each.cache_clear()
