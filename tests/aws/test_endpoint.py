"""The kit's AWS by HTTP, asked by the real SDK through the adapter."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import boto3
import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from botocore.config import Config

from failberry.aws.session import Connect
from failberry.dns.desired import Desired
from failberry.dns.plan import destroy, plan
from failberry.dns.route53 import Route53
from failberry.errors import AdapterError, AdapterReason
from tests.awskit import cbor
from tests.awskit.account import ALARM, ALARM_DOCUMENT, simple
from tests.awskit.endpoint import Endpoint, account
from tests.awskit.web import Request as Asked
from tests.awskit.web import Response, background
from tests.unit.dns.wishes import WISH

KEY = "AKIDEXAMPLE"
SESSION = boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key="any")  # noqa: S106
SEED = {"alarms": {ALARM[0]: [ALARM_DOCUMENT]}, "records": [simple("mail.example.com", "A", "9.8.7.6")]}


class World:
    """The endpoint, and an adapter whose pauses take no time."""

    def __init__(self, endpoint: Endpoint, url: str, connect: Connect) -> None:
        self.endpoint, self.api, self.url, self.connect = endpoint, endpoint.api, url, connect
        self.now = 0.0
        self.route53 = Route53(connect=connect, pause=self._wait, clock=lambda: self.now)

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def apply(self, wish: Desired = WISH, nonce: str = "n1") -> int:
        planned = plan(wish, self.route53.read(wish), nonce=nonce)
        self.route53.carry_out(planned, lambda *_: None)
        return len(planned.changes)

    def order(self, code: str, operation: str = "*", count: int = 1) -> None:
        self.endpoint.order([{"operation": operation, "code": code, "count": count}])

    def kit(self, path: str, document: object = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        return json.loads(asked(Request(f"{self.url}/kit/{path}", body)).read())  # noqa: S310 -- ours


def asked(request: Request) -> Any:
    return urlopen(request, timeout=30)  # noqa: S310 -- on loopback


def signed(url: str, body: bytes | None = None, *, service: str, region: str, date: str = "") -> Request:
    """As far as the endpoint looks."""
    date = date or datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"Credential=AKIDEXAMPLE/{date[:8]}/{region}/{service}/aws4_request"
    return Request(url, body, {"Authorization": f"AWS4-HMAC-SHA256 {scope}", "X-Amz-Date": date})  # noqa: S310


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[Endpoint]]]:
    """One for all tests, because the SDK takes half a second to make a client."""
    current: list[Endpoint] = []

    async def answer(request: Asked) -> Response | None:
        return await current[-1](request)

    with background(answer) as url:
        yield url, current


@pytest.fixture(scope="module")
def connect(server: tuple[str, list[Endpoint]]) -> Connect:
    once = Config(retries={"total_max_attempts": 1})
    return functools.cache(
        lambda service, region: SESSION.client(
            service, region_name=region or "us-east-1", endpoint_url=server[0], config=once
        )
    )


@pytest.fixture
def world(server: tuple[str, list[Endpoint]], connect: Connect) -> World:
    url, current = server
    current.append(Endpoint(account(SEED), keys=[KEY]))
    return World(current[-1], url, connect)


def test_a_whole_life_by_the_real_sdk(world: World) -> None:
    before = world.route53.read(WISH)
    assert [each.settings is not None for each in before.alarms] == [True]
    assert (world.apply(), world.apply(nonce="n2")) == (5, 0)
    there = world.route53.read(WISH)
    assert sorted(each.role for each in there.at("home.example.com") if each.role) == ["PRIMARY", "SECONDARY"]
    [path] = [each.settings.path for each in there.checks if each.settings.path]
    assert path == "/w-5f0c7e"
    assert [each.tag("failberry") for each in there.checks] == ["pi", "pi"]
    world.route53.carry_out(destroy(WISH.owner, there), lambda *_: None)
    after = world.route53.read(WISH)
    assert (after.records, after.checks) == (before.records, ())
    told = world.kit("state")
    assert [each["Name"] for each in told["records"]] == ["example.com.", "example.com.", "mail.example.com."]
    assert ["monitoring", "describe_alarms", "done"] in told["calls"]


@pytest.mark.parametrize("code", ["Throttling", "PriorRequestNotComplete", "ServiceUnavailable", "502"])
def test_what_passes_is_asked_again(world: World, code: str) -> None:
    world.order(code, "change_resource_record_sets", 2)
    world.order(code, "create_health_check", 1)
    assert (world.apply(), world.endpoint.faults) == (5, [])
    assert ["route53", "create_health_check", code] in world.endpoint.calls


def test_a_request_that_was_lost_is_repeated_and_a_batch_is_not(world: World) -> None:
    world.order("LOST", "create_health_check")
    world.order("DROP", "list_resource_record_sets")
    world.order("LOST", "change_resource_record_sets")
    with pytest.raises(AdapterError, match="plan again"):
        world.apply()
    assert len(world.api.checks) == 2
    assert world.apply(nonce="n2") == 0


def test_a_batch_is_waited_for(world: World) -> None:
    world.kit("settings", {"pending": 4})
    world.apply()
    calls = [operation for _, operation, _ in world.endpoint.calls]
    assert (calls.count("get_change"), world.now) == (5, 10.0)


def test_silence_ends_with_the_patience_of_the_sdk(world: World) -> None:
    impatient = Config(read_timeout=0.1, retries={"total_max_attempts": 1})
    client = SESSION.client("route53", region_name="us-east-1", endpoint_url=world.url, config=impatient)
    world.order("HANG")
    with pytest.raises(AdapterError) as told:
        Route53(patience=0.0, connect=lambda *_: client).read(WISH)
    assert told.value.reason is AdapterReason.TIMEOUT


def test_a_refusal_carries_the_words_of_the_api(world: World) -> None:
    stranger = simple("no.example.com", "A", "9.8.7.6")
    with pytest.raises(HTTPError):
        world.kit("records", [{"Action": "DELETE", "ResourceRecordSet": stranger}])
    client = world.connect("route53", None)
    batch = {
        "Changes": [{"Action": "CREATE", "ResourceRecordSet": simple("mail.example.com", "A", "9.8.7.6")}]
    }
    with pytest.raises(client.exceptions.InvalidChangeBatch, match=r"\[tried to create .* already exists\]"):
        client.change_resource_record_sets(HostedZoneId="Z1", ChangeBatch=batch)
    with pytest.raises(client.exceptions.NoSuchHealthCheck):
        client.delete_health_check(HealthCheckId="no")
    with pytest.raises(client.exceptions.ClientError, match="NotInTheKit"):
        client.create_reusable_delegation_set(CallerReference="x")


def test_a_key_or_a_clock_that_is_wrong(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "AKIDSTRANGER", "SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    # As the SDK is told in production, too.
    monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", world.url)
    with pytest.raises(AdapterError) as told:
        Route53().read(WISH)
    assert told.value.reason is AdapterReason.DENIED
    long_ago = signed(
        f"{world.url}/2013-04-01/healthcheck", service="route53", region="us-east-1", date="20240101T000000Z"
    )
    with pytest.raises(HTTPError) as refused:
        asked(long_ago)
    assert b"SignatureDoesNotMatch" in refused.value.read()


MODEL = botocore.session.get_session().get_service_model("cloudwatch")
SPEECHES = {"query", *MODEL.metadata.get("protocols", ())} & set(botocore.serialize.SERIALIZERS)


@pytest.mark.parametrize("speech", sorted(SPEECHES))
def test_alarms_are_told_in_each_speech_of_an_sdk(world: World, speech: str) -> None:
    operation = MODEL.operation_model("DescribeAlarms")
    form = botocore.serialize.create_serializer(speech).serialize_to_request(
        {"AlarmNames": [ALARM[1], "another"], "MaxRecords": 10}, operation
    )
    body = urlencode(form["body"]) if isinstance(form["body"], dict) else form["body"]
    raw = body if isinstance(body, bytes) else body.encode()
    request = signed(world.url + form["url_path"], raw, service="monitoring", region=ALARM[0])
    for name, value in form["headers"].items():
        request.add_header(name, value)
    answer = asked(request)
    told = botocore.parsers.create_parser(speech).parse(
        {"status_code": answer.status, "headers": answer.headers, "body": answer.read()},
        operation.output_shape,
    )
    [alarm] = told["MetricAlarms"]
    assert {name: alarm[name] for name in ALARM_DOCUMENT} == ALARM_DOCUMENT


def test_cbor_says_what_json_says() -> None:
    document = {
        "n": None,
        "yes": True,
        "no": False,
        "small": [0, 23, 24, 255, 256, 65536, 2**32, 2**63],
        "below": [-1, -24, -25, -(2**40)],
        "half": 0.5,
        "text": "Zürich" * 20,
        "nested": {"deep": [{"er": [b"\0\1"]}]},
    }
    assert cbor.decode(cbor.encode(document)) == document
    # Of indefinite length, and with a tag (RFC 8949, appendix A).
    assert cbor.decode(bytes.fromhex("bf61610161629f0203ffff")) == {"a": 1, "b": [2, 3]}
    assert cbor.decode(bytes.fromhex("c11a514b67b0")) == 1363896240
    assert cbor.decode(bytes.fromhex("f93c00")) == 1.0
    for broken in ("", "18", "62c3", "81", "ff", "0000", "a161"):
        with pytest.raises(ValueError, match="CBOR"):
            cbor.decode(bytes.fromhex(broken))


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text(json.dumps(SEED | {"zone": "example.com", "pending": 0}))
    words = [sys.executable, "-m", "tests.awskit.endpoint", "--seed", str(tmp_path / "seed.json")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        ready, port = program.stdout.readline().split()
        assert ready == "ready"
        told = json.loads(asked(Request(f"http://127.0.0.1:{port}/kit/state")).read())
        assert "mail.example.com." in [each["Name"] for each in told["records"]]
        program.stdin.close()
        assert program.wait(10) == 0
