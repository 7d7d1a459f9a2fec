"""The adapter: on the strict Route 53 with faults, and on moto's by HTTP."""

from __future__ import annotations

import functools
import subprocess
import sys
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from failberry.dns.desired import Desired, HttpCheck, Source
from failberry.dns.plan import destroy, plan
from failberry.dns.route53 import Route53
from failberry.errors import AdapterError, AdapterReason
from tests.awskit.account import ALARM, ALARM_DOCUMENT, simple
from tests.awskit.strict import StrictRoute53
from tests.unit.dns.wishes import WISH, wired

HIDDEN = "w-5f0c7e"
MESSAGE = f"Invalid ResourcePath /{HIDDEN} of AKIAIOSFODNN7EXAMPLE"


def refused(code: str, _: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": MESSAGE}}, "AnyOperation")


class Client:
    """The face of boto3's client."""

    def __init__(self, api: StrictRoute53, region: str | None) -> None:
        self._api, self._region = api, region

    def __getattr__(self, name: str) -> Any:
        if name == "describe_alarms":
            return lambda **parameters: self._api.describe_alarms(str(self._region), parameters)
        return lambda **parameters: self._api.call(name, parameters)


class World:
    """An account, a clock that only waiting moves, and the adapter between."""

    def __init__(self, *, pending: int = 2) -> None:
        self.api = StrictRoute53(refuse=refused, pending=pending)
        self.api.alarms[ALARM] = dict(ALARM_DOCUMENT)
        self.now = 0.0
        self.route53 = Route53(
            connect=lambda _, region: Client(self.api, region), pause=self._wait, clock=lambda: self.now
        )

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def apply(self, wish: Desired = WISH, nonce: str = "n1") -> int:
        planned = plan(wish, self.route53.read(wish), nonce=nonce)
        self.route53.carry_out(planned, lambda *_: None)
        return len(planned.changes)


def test_it_reads_page_by_page_and_waits_for_all_name_servers() -> None:
    world = World()
    assert all(world.api.put(simple(f"{each}.example.com", "A", "1.1.1.1")) for each in "abcdefg")
    assert world.apply() == 5
    assert (world.api.calls.count("get_change"), world.now) == (3, 6.0)
    assert world.apply() == 0
    assert world.api.calls.count("list_resource_record_sets") > 4


@pytest.mark.parametrize(
    "fault",
    [
        ("change_resource_record_sets", "PriorRequestNotComplete"),
        ("change_resource_record_sets", "Throttling"),
        ("create_health_check", "Throttling"),
        ("create_health_check", "LOST"),
        ("change_tags_for_resource", "LOST"),
        ("list_health_checks", "ServiceUnavailable"),
        ("get_change", "Throttling"),
    ],
)
def test_what_passes_is_asked_again(fault: tuple[str, str]) -> None:
    world = World()
    world.api.faults = [fault, fault, fault]
    assert world.apply() == 5
    assert world.api.faults == []
    assert (world.apply(), len(world.api.checks)) == (0, 2)


def test_a_batch_whose_answer_was_lost_is_not_repeated_blindly() -> None:
    world = World()
    world.api.faults = [("change_resource_record_sets", "LOST")]
    with pytest.raises(AdapterError, match="plan again"):
        world.apply()
    assert world.apply(nonce="n2") == 0


def test_patience_ends() -> None:
    world = World()
    world.api.faults = [("create_health_check", "Throttling")] * 1000
    with pytest.raises(AdapterError) as told:
        world.apply()
    assert (told.value.reason, world.now <= 120) == (AdapterReason.BUSY, True)
    world = World(pending=1000)
    with pytest.raises(AdapterError) as told:
        world.apply()
    assert (told.value.reason, 120 <= world.now < 125) == (AdapterReason.TIMEOUT, True)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("AccessDenied", AdapterReason.DENIED, "check the AWS key"),
        ("SignatureDoesNotMatch", AdapterReason.DENIED, "check the clock"),
        ("HealthCheckAlreadyExists", AdapterReason.BUSY, "plan again"),
        ("TooManyHealthChecks", AdapterReason.REFUSED, "delete some"),
        ("InvalidInput", AdapterReason.REFUSED, "correct [dns]"),
    ],
)
def test_errors_say_where_and_what_to_do_and_hold_no_secret(
    code: str, reason: AdapterReason, words: str
) -> None:
    world = World()
    world.api.faults = [("create_health_check", code)]
    with pytest.raises(AdapterError) as told:
        world.apply()
    text = str(told.value)
    assert (told.value.reason, words in text) == (reason, True)
    assert text.startswith(f"{reason}: creating the health check of the wired line: {code}: ")
    assert HIDDEN not in text
    assert "AKIA" not in text
    assert told.value.__suppress_context__


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (NoCredentialsError(), AdapterReason.DENIED),
        (ReadTimeoutError(endpoint_url="https://route53.amazonaws.com"), AdapterReason.TIMEOUT),
    ],
)
def test_what_the_sdk_raises_is_told(failure: Exception, reason: AdapterReason) -> None:
    def connect(*_: object) -> Any:
        raise failure

    with pytest.raises(AdapterError) as told:
        Route53(patience=0.0, connect=connect).read(WISH)
    assert told.value.reason is reason


def test_a_zone_that_is_not_there_or_twice() -> None:
    world = World()
    with pytest.raises(AdapterError, match=r"no public zone example\.net"):
        world.route53.read(replace(WISH, zone="example.net"))
    world.api.others = [{"Id": "/hostedzone/Z2", "Name": "example.com.", "Config": {"PrivateZone": True}}]
    assert world.route53.read(WISH).zone_id == "Z1"
    world.api.others = [{"Id": "/hostedzone/Z3", "Name": "example.com.", "Config": {"PrivateZone": False}}]
    with pytest.raises(AdapterError, match=r"several zones example\.com; set dns\.zone_id to one of Z1, Z3"):
        world.route53.read(WISH)


def test_somebody_changed_a_check_meanwhile() -> None:
    world = World()
    world.apply()
    wish = wired(check=HttpCheck(path="/other"))
    planned = plan(wish, world.route53.read(wish), nonce="n2")
    for each in world.api.checks.values():
        each["HealthCheckVersion"] += 1
    with pytest.raises(AdapterError, match="plan again"):
        world.route53.carry_out(planned, lambda *_: None)
    assert world.apply(wish, "n3") == 1


def test_a_whole_life_with_the_real_sdk(moto: str) -> None:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    made = functools.cache(lambda service: boto3.session.Session().client(service, endpoint_url=moto, **keys))
    client = made("route53")
    zone_id = client.create_hosted_zone(Name="example.com", CallerReference="test")["HostedZone"]["Id"]
    batch = {
        "Changes": [{"Action": "UPSERT", "ResourceRecordSet": simple("home.example.com", "A", "9.8.7.6")}]
    }
    # Not CREATE: of that moto keeps a journal, and refuses to bring back what was once deleted.
    client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)
    route53 = Route53(connect=lambda service, _: made(service))
    # moto forgets the alarm of a health check, so both lines are asked directly.
    other = replace(WISH.cellular, source=Source.ELSEWHERE, check=HttpCheck(path="/c-91ab42"))
    wish = replace(WISH, cellular=other)
    before = route53.read(wish)
    route53.carry_out(plan(wish, before, nonce="n1", adopt=True), lambda *_: None)
    there = route53.read(wish)
    assert sorted(each.role for each in there.at("home.example.com") if each.role) == ["PRIMARY", "SECONDARY"]
    assert plan(wish, there, nonce="n2").changes == ()
    slower = replace(wish, wired=replace(wish.wired, check=HttpCheck(path="/w-5f0c7e", threshold=5)))
    route53.carry_out(plan(slower, there, nonce="n3"), lambda *_: None)
    assert plan(slower, route53.read(wish), nonce="n4").changes == ()
    route53.carry_out(destroy(wish.owner, route53.read(wish)), lambda *_: None)
    after = route53.read(wish)
    assert (set(after.records), after.checks) == (set(before.records), ())


def test_the_daemon_does_not_load_boto3() -> None:
    source = (
        "import sys, failberry.daemon, failberry.dns.plan, failberry.dns.words, failberry.dns.costs, "
        "failberry.dns.reading; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", source], check=True, timeout=60)
