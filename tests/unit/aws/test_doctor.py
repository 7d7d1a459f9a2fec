"""What the doctor makes of what it was told: each fault with its cure, and silence where all is well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from failberry.aws.doctor import Finding, Level, diagnose
from failberry.aws.evidence import Checkers, Evidence, Reflection, Silence, Trial
from failberry.aws.keys import KeyPlan
from failberry.aws.recordcare import look_at_addresses, look_at_costs, look_at_records
from failberry.aws.stack import Stack
from failberry.config import Config, Lan, Mode, Wired
from failberry.core.snapshot import UplinkName
from failberry.naming import Dns
from tests.awskit.account import Account, simple
from tests.unit.dns.wishes import WISH

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
URL = "https://abc.lambda-url.eu-central-1.on.aws/"
OURS = ip_address("198.13.32.5")
DNS = Dns(
    zone="example.com",
    name="home.example.com",
    wired_name="wired.example.com",
    cellular_name="mobile.example.com",
    url=URL,
)
CONFIG = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"), dns=DNS)
ROUTER = replace(CONFIG, mode=Mode.DUAL_WAN_ROUTER, lan=Lan(interface="eth1"))


def permission(action: str, key: str, value: str, *, principal: Any = "*") -> dict[str, Any]:
    operator = "Bool" if value == "true" else "StringEquals"
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": f"lambda:{action}",
        "Condition": {operator: {f"lambda:{key}": value}},
    }


URL_PERMISSION = permission("InvokeFunctionUrl", "FunctionUrlAuthType", "NONE")
INVOKE_PERMISSION = permission("InvokeFunction", "InvokedViaFunctionUrl", "true")
SEEN = Reflection(source=OURS, seen=OURS, sent=1000.0, received=1000.2, server=1000.1)
STACK = Stack(id="id", status="UPDATE_COMPLETE", parameters={"RecordTtl": "60", "PingEvent": "****"})
WELL = Evidence(
    stack=STACK,
    parameters={"RecordTtl": "60", "PingEvent": "secret"},
    url=URL,
    auth="NONE",
    statements=(URL_PERMISSION, INVOKE_PERMISSION),
    keys=KeyPlan(),
    has_key=True,
    reflections={WIRED: SEEN, CELLULAR: SEEN},
    trials={CELLULAR: Trial(status=200, word="unchanged", reachable=True, probe="HTTP 200")},
    figures={CELLULAR: 1.0},
    checkers={WIRED: Checkers(content=16, asked=16)},
)


def findings(evidence: Evidence, *, config: Config = CONFIG, dns: Dns = DNS) -> list[Finding]:
    return [each for each in diagnose(config, dns, evidence) if each.level is not Level.GOOD]


def test_all_is_well() -> None:
    told = list(diagnose(CONFIG, DNS, WELL))
    assert {each.level for each in told} == {Level.GOOD}
    assert [each.what for each in told] == [
        "stack failberry",
        "URL",
        "key",
        *("clock", "wired line", "clock", "cellular line"),
        "key over the cellular line",
        "port 9000 of the cellular line",
        "pings of the cellular line",
        "health checkers of the wired line",
    ]


def reflected(**changes: Any) -> dict[UplinkName, Reflection | Silence]:
    return {CELLULAR: replace(SEEN, **changes)}


def tried(word: str, status: int = 409, **more: Any) -> dict[UplinkName, Trial | Silence]:
    return {CELLULAR: Trial(status=status, word=word, **more)}


PRIVATE, CGNAT = ip_address("192.168.1.2"), ip_address("100.64.3.4")


@pytest.mark.parametrize(
    ("changes", "level", "words", "cure"),
    [
        ({"stack": None}, Level.BAD, "is not there", "aws deploy"),
        ({"stack": replace(STACK, status="ROLLBACK_COMPLETE")}, Level.BAD, "is ROLLBACK_COMPLETE", "deploy"),
        (
            {"parameters": {"RecordTtl": "30"}},
            Level.ATTENTION,
            "differs from the configuration: Rec",
            "deploy",
        ),
        ({"outdated": ("failberry-ping",)}, Level.ATTENTION, "is in failberry-ping", "deploy"),
        ({"url": ""}, Level.BAD, "has none", "destroy"),
        ({"auth": "AWS_IAM"}, Level.BAD, "auth type is AWS_IAM", "destroy"),
        ({"statements": (URL_PERMISSION,)}, Level.BAD, "everybody lambda:InvokeFunction,", "destroy"),
        ({"statements": (INVOKE_PERMISSION,)}, Level.BAD, "lambda:InvokeFunctionUrl,", "destroy"),
        ({"url": URL.replace("abc", "xyz")}, Level.BAD, "dns.url is https://abc", 'url = "https://xyz'),
        ({"keys": KeyPlan(words=("+ /f",)), "has_key": False}, Level.BAD, "differs: + /f", "deploy"),
        ({"keys": KeyPlan(words=("- key pi: the old secret",))}, Level.ATTENTION, "old secret", "deploy"),
        ({"keys": Silence("denied", "use sudo")}, Level.UNKNOWN, "denied", "use sudo"),
        ({"reflections": reflected(server=1100.0)}, Level.ATTENTION, "99.9 s behind", "timedatectl"),
        ({"reflections": reflected(server=700.0)}, Level.BAD, "300.1 s ahead", "timedatectl"),
        ({"reflections": reflected(source=CGNAT)}, Level.BAD, "shared by many customers", "public address"),
        ({"reflections": reflected(source=PRIVATE)}, Level.BAD, "nobody reaches it", "cellular.apn"),
        ({"reflections": {CELLULAR: Silence("no interface", "look")}}, Level.UNKNOWN, "no interface", "look"),
        ({"trials": tried("signature", 401)}, Level.BAD, "401 signature", "aws deploy"),
        ({"trials": tried("record", reason="it is a CNAME")}, Level.BAD, "it is a CNAME", "dns plan"),
        ({"trials": tried("address", 422)}, Level.BAD, "422 address", "public address"),
        ({"trials": tried("cloud", 503, reason="Throttling")}, Level.BAD, "Throttling", "CloudWatch"),
        ({"trials": tried("something new", 418)}, Level.BAD, "418 something new", "log in CloudWatch"),
        ({"trials": {CELLULAR: Silence("HTTP 502", "dns.url")}}, Level.UNKNOWN, "HTTP 502", "dns.url"),
        (
            {"trials": tried("unchanged", 200, reachable=False, probe="ECONNREFUSED")},
            Level.BAD,
            "ECONNREFUSED",
            "cellular_path",
        ),
        (
            {"trials": tried("unchanged", 200, reachable=None, probe="no IPv6 here")},
            Level.UNKNOWN,
            "no IPv6 here",
            "",
        ),
        ({"figures": {CELLULAR: None}}, Level.BAD, "none for ten minutes", "schedule"),
        ({"figures": {CELLULAR: 0.0}}, Level.BAD, "not answered", "status"),
        ({"figures": {WIRED: 0.0}}, Level.BAD, "not answered", "have the router forward"),
        (
            {"checkers": {WIRED: Checkers(content=2, asked=16, example="Failure: x")}},
            Level.BAD,
            "x",
            "router",
        ),
        ({"checkers": {WIRED: Silence("denied", "policy")}}, Level.UNKNOWN, "denied", "policy"),
    ],
)
def test_each_fault_is_told_with_its_cure(
    changes: Mapping[str, Any], level: Level, words: str, cure: str
) -> None:
    told = findings(replace(WELL, **changes))
    assert [(each.level, words in each.words, cure in each.cure) for each in told] == [(level, True, True)]


@pytest.mark.parametrize("word", ["cooldown", "would_change", "unchanged"])
def test_a_key_that_works_is_good_whatever_the_record_is(word: str) -> None:
    assert findings(replace(WELL, trials=tried(word, 200))) == []


def test_a_policy_for_one_account_does_not_open_the_url_to_everybody() -> None:
    ours = permission("InvokeFunction", "InvokedViaFunctionUrl", "true", principal={"AWS": "123456789012"})
    assert len(findings(replace(WELL, statements=(URL_PERMISSION, ours)))) == 1
    everybody = permission("InvokeFunction", "InvokedViaFunctionUrl", "true", principal={"AWS": "*"})
    assert findings(replace(WELL, statements=(URL_PERMISSION, everybody))) == []


def test_an_hour_on_the_way_proves_nothing_about_the_clock() -> None:
    slow = replace(SEEN, sent=0.0, received=3600.0, server=3500.0)
    assert findings(replace(WELL, reflections={CELLULAR: slow})) == []


def test_a_wired_line_behind_the_router_is_as_it_should_be_and_behind_another_is_not() -> None:
    behind = replace(WELL, reflections={WIRED: replace(SEEN, source=PRIVATE)})
    assert findings(behind) == []
    (only,) = findings(behind, config=ROUTER)
    assert (only.level, "bridge mode" in only.cure) == (Level.ATTENTION, True)


def test_without_a_stack_nothing_is_said_of_url_and_key() -> None:
    nothing = replace(WELL, stack=None, reflections={}, trials={}, figures={}, checkers={})
    assert [each.what for each in findings(nothing)] == ["stack failberry"]


# Records.


def applied() -> Account:
    account = Account()
    account.apply(WISH)
    return account


def recorded(account: Account) -> list[Finding]:
    return [each for each in look_at_records(WISH, account.found(WISH)) if each.level is not Level.GOOD]


def test_records_as_applied_are_well() -> None:
    account = applied()
    told = list(look_at_records(WISH, account.found(WISH)))
    assert [(each.level, WISH.name in each.words) for each in told] == [(Level.GOOD, True)]


def test_records_that_are_not_there() -> None:
    told = recorded(Account())
    assert [(each.level, "dns apply" in each.cure) for each in told] == [
        (Level.BAD, True),
        (Level.ATTENTION, True),
    ]


def pair_key(account: Account, role: str) -> tuple[str, str, str]:
    (key,) = [key for key, each in account.api.records.items() if each.get("Failover") == role]
    return key


def spoil(account: Account, role: str, **fields: Any) -> None:
    key = pair_key(account, role)
    account.api.records[key] = {**account.api.records[key], **fields}


def test_a_record_without_its_health_check() -> None:
    account = applied()
    del account.api.records[pair_key(account, "SECONDARY")]["HealthCheckId"]
    assert any("has no health check" in each.words and "dead" in each.words for each in recorded(account))


def test_health_checks_that_ask_the_other_line_or_the_name_itself() -> None:
    account = applied()
    wired = account.api.records[pair_key(account, "PRIMARY")]["HealthCheckId"]
    mobile = account.api.records[pair_key(account, "SECONDARY")]["HealthCheckId"]
    spoil(account, "PRIMARY", HealthCheckId=mobile)
    assert any("watches the cellular line" in each.words for each in recorded(account))
    spoil(account, "PRIMARY", HealthCheckId=wired)
    check = account.api.checks[wired]["HealthCheckConfig"]
    for name, words in (
        (WISH.name, "asks home.example.com itself"),
        ("other.example.com", "asks other.example.com, and not"),
    ):
        check["FullyQualifiedDomainName"] = name
        assert any(words in each.words for each in recorded(account))


def test_a_long_ttl_and_a_forced_name() -> None:
    account = applied()
    spoil(account, "PRIMARY", TTL=300)
    wired = account.api.records[pair_key(account, "PRIMARY")]["HealthCheckId"]
    account.api.checks[wired]["HealthCheckConfig"] |= {"Disabled": True, "Inverted": True}
    words = " ".join(each.words for each in recorded(account))
    assert "for 300 s" in words
    assert "forced to the cellular line" in words


def test_what_could_not_be_read() -> None:
    silence = Silence("reading example.com: AccessDenied", "check the AWS key")
    (only,) = look_at_records(WISH, silence)
    assert (only.level, only.cure) == (Level.UNKNOWN, "check the AWS key")
    assert list(look_at_addresses(WISH, silence, {WIRED: SEEN})) == []


def test_a_name_with_another_address_than_the_line() -> None:
    account = applied()
    assert account.api.put(simple(WISH.cellular.name, "A", "9.8.7.6"))
    found = account.found(WISH)
    (only,) = look_at_addresses(WISH, found, {CELLULAR: SEEN})
    assert (only.level, "9.8.7.6" in only.words, str(OURS) in only.words) == (Level.ATTENTION, True, True)
    assert list(look_at_addresses(WISH, found, {CELLULAR: replace(SEEN, seen=ip_address("9.8.7.6"))})) == []
    assert list(look_at_addresses(WISH, found, {CELLULAR: replace(SEEN, seen=ip_address("2a00::1"))})) == []


def test_what_a_month_takes() -> None:
    words = [each.words for each in look_at_costs(WISH)]
    assert words[0].startswith("costs $")
    assert len(words) == 3
