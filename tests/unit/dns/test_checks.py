"""What is refused before Route 53 is asked, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from failberry.dns.checks import problems, unreachable
from failberry.dns.desired import Desired, HttpCheck, Source
from failberry.dns.records import Alarm, AlarmSettings, Found, Record
from failberry.naming import By, Pair
from tests.awskit.account import ALARM, Account, simple
from tests.unit.dns.wishes import WISH, alarm, cellular, http, wired

SETTINGS = AlarmSettings(
    namespace="Failberry", metric="Up", statistic="Maximum", period=60, evaluations=2, threshold=1.0,
    comparison="LessThanThreshold",
)  # fmt: skip
GOOD = Alarm(region=ALARM[0], name=ALARM[1], settings=SETTINGS)
FOUND = Found(zone_id="Z1", zone="example.com", alarms=(GOOD,))
V4, V6 = ip_address("1.2.3.4"), ip_address("2a00::1")


def addresses(*texts: str) -> Desired:
    return wired(addresses=tuple(map(ip_address, texts)))


def test_an_ordinary_wish_is_fine() -> None:
    assert problems(WISH, FOUND) == ()


@pytest.mark.parametrize(
    ("wish", "key", "words"),
    [
        (replace(WISH, owner="Pi"), "dns.owner", "'Pi' cannot be part of a mark"),
        (replace(WISH, owner="a" * 32), "dns.owner", "cannot be part of a mark"),
        (replace(WISH, name="home"), "dns.name", "'home' is not a host name"),
        (replace(WISH, name="Home.example.com"), "dns.name", "is not a host name"),
        (replace(WISH, name="-a.example.com"), "dns.name", "is not a host name"),
        (replace(WISH, name="a_b.example.com"), "dns.name", "is not a host name"),
        (replace(WISH, name="*.example.com"), "dns.name", "is not a host name"),
        (replace(WISH, name=f"{'a' * 64}.example.com"), "dns.name", "is not a host name"),
        (replace(WISH, name=f"{'a.' * 125}example.com"), "dns.name", "261 characters where 253 is the most"),
        (replace(WISH, name="häuschen.example.com"), "dns.name", "is not plain ASCII"),
        (replace(WISH, zone=""), "dns.zone", "'' is not a host name"),
        (replace(WISH, name="home.example.net"), "dns.name", "is not in the zone example.com"),
        (replace(WISH, name="homeexample.com"), "dns.name", "is not in the zone example.com"),
        (replace(WISH, name="example.com"), "dns.name", "is the top of its zone, where DNS allows no CNAME"),
        (replace(WISH, name="wired.example.com"), "dns.wired_name", "would ask whichever line is up"),
        (wired(name="wired.example.net"), "dns.wired_name", "only there its addresses are written"),
        (cellular(name="wired.example.com"), "dns.cellular_name", "is the wired line's name too"),
        (
            replace(cellular(name="a.example.net", source=Source.ELSEWHERE), pair=Pair.ALIAS),
            "dns.cellular_name",
            "only there an alias leads",
        ),
        (replace(WISH, ttl=-1), "dns.ttl", "-1 is out of its limits"),
        (replace(WISH, ttl=2**31), "dns.ttl", "is out of its limits"),
        (addresses(), "dns.wired_address", "is empty"),
        (addresses("1.2.3.4", "1.2.3.5"), "dns.wired_address", "holds two addresses of one family"),
        (addresses("100.64.1.1"), "dns.wired_address", "is shared by many customers of the carrier"),
        (cellular(addresses=(V4,)), "dns.cellular_address", "is set, but the line is not one of fixed"),
        (addresses("2a00::1"), "dns.wired_check", "asks over IPv4 only"),
        (wired(check=http(interval=20)), "dns.interval", "20 seconds is none that Route 53 has"),
        (wired(check=http(threshold=0)), "dns.threshold", "0 is out of its limits"),
        (wired(check=http(threshold=11)), "dns.threshold", "11 is out of its limits"),
        (wired(check=http(port=0)), "dns.wired_port", "0 is no port"),
        (wired(check=http(path="health")), "health.wired_path", "is not a path"),
        (wired(check=http(path="/" + "a" * 255)), "health.wired_path", "is not a path"),
        (wired(check=http(regions=("eu-west-1",))), "dns.regions", "has 1"),
        (wired(check=http(regions=("eu-north-1",))), "dns.regions", "'eu-north-1' has no health checkers"),
        (
            wired(source=Source.ELSEWHERE, addresses=(), check=http(by=By.IP)),
            "dns.wired_by",
            "is kept elsewhere",
        ),
        (cellular(check=alarm(alarm="")), "dns.stack", "is not an alarm's name"),
        (cellular(check=alarm(region="Frankfurt")), "dns.region", "'Frankfurt' is no AWS region"),
        (cellular(check=alarm(period=10)), "dns.stack", "looks 2 times every 10 seconds"),
        (cellular(check=alarm(alarm="other")), "dns.stack", "does not exist"),
        (cellular(check=HttpCheck(by=By.IP)), "dns.cellular_by", "is known yet"),
    ],
)
def test_a_wish_that_cannot_be(wish: Desired, key: str, words: str) -> None:
    [problem] = problems(wish, FOUND)
    assert (problem.key, words in problem.problem, bool(problem.hint)) == (key, True, True)
    assert "w-5f0c7e" not in str(problem)


def record(name: str, kind: str, value: str) -> Record:
    return Record(name=name, type=kind, ttl=60, values=(value,))


def holding(*records: Record) -> Found:
    return replace(FOUND, records=records)


def alarmed(alarm: Alarm) -> Found:
    return replace(FOUND, alarms=(alarm,))


@pytest.mark.parametrize(
    ("found", "key", "words"),
    [
        (replace(FOUND, private=True), "dns.zone", "is private"),
        (replace(FOUND, zone="example.net"), "dns.zone", "the zone Z1 is example.net"),
        (holding(record("home.example.com", "NS", "ns.example.net")), "dns.name", "delegated"),
        (holding(record("wired.example.com", "NS", "ns.example.net")), "dns.wired_name", "delegated"),
        (
            holding(record("cellular.example.com", "CNAME", "Home.Example.com.")),
            "dns.cellular_name",
            "leads back to home.example.com",
        ),
        (
            holding(
                record("cellular.example.com", "CNAME", "a.example.com"),
                record("a.example.com", "CNAME", "home.example.com"),
            ),
            "dns.cellular_name",
            "leads back to home.example.com",
        ),
        (replace(FOUND, alarms=()), "dns.stack", "does not exist"),
        (alarmed(replace(GOOD, settings=None)), "dns.stack", "formula or a percentile"),
        (alarmed(replace(GOOD, datapoints=1)), "dns.stack", "wants 1 bad periods of 2"),
        (
            alarmed(replace(GOOD, settings=replace(SETTINGS, period=10))),
            "dns.stack",
            "looks every 10 seconds",
        ),
    ],
)
def test_a_zone_in_which_it_cannot_be(found: Found, key: str, words: str) -> None:
    [problem] = problems(WISH, found)
    assert (problem.key, words in problem.problem) == (key, True)


def test_a_published_address_that_nobody_reaches() -> None:
    found = replace(FOUND, records=(record("cellular.example.com", "A", "100.72.3.4"),))
    [problem] = problems(cellular(check=HttpCheck(by=By.IP)), found)
    assert "100.72.3.4 is shared by many customers of the carrier (CGNAT, RFC 6598)" in problem.problem
    there = Account()
    there.api.put(simple("cellular.example.com", "A", "100.72.3.4"))
    assert any("cellular.example.com leads nowhere" in each for each in there.plan(WISH).notes)


def test_all_problems_are_told_at_once() -> None:
    both = replace(WISH, ttl=-1, owner="")
    assert [each.key for each in problems(both, FOUND)] == ["dns.owner", "dns.ttl"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("100.64.0.1", "CGNAT"), ("10.1.2.3", "private"), ("172.16.0.1", "private"), ("fd00::1", "private"),
        ("192.168.1.1", "private"), ("192.0.2.1", "example"), ("198.51.100.1", "example"),
        ("203.0.113.1", "example"), ("2001:db8::1", "example"), ("127.0.0.1", "not an address"),
        ("169.254.1.1", "not an address"), ("0.0.0.0", "not an address"), ("198.18.0.1", "special"),
        ("192.88.99.1", "special"), ("224.0.0.1", "special"), ("255.255.255.255", "special"),
        ("::1", "special"), ("::ffff:1.2.3.4", "special"), ("2002:102:304::1", "special"),
        ("2001::1", "special"), ("ff02::1", "special"), ("fe80::1", "not an address"),
    ],
)  # fmt: skip
def test_addresses_that_route_53_does_not_ask(text: str, words: str) -> None:
    assert words in (unreachable(ip_address(text)) or "")


@pytest.mark.parametrize(
    "text", ["1.2.3.4", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2a00::1", "2600::1"]
)
def test_addresses_that_it_asks(text: str) -> None:
    assert unreachable(ip_address(text)) is None


@pytest.mark.parametrize("make", [lambda: replace(WISH, ttl=300), lambda: wired(check=http(path="/"))])
def test_what_is_only_unwise_is_noted(make: Callable[[], Any]) -> None:
    there = Account()
    notes = there.apply(make()).notes
    assert len(notes) == 1
    assert "better" in notes[0] or "answers on both lines" in notes[0]
