"""From the owner's file to the wish, and what he reads where it cannot be."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from failberry.config import Config
from failberry.configfile import config_from_text
from failberry.dns.checks import wish_problems
from failberry.dns.desired import AlarmCheck, Desired, HttpCheck, Insufficient, Line, Source
from failberry.dns.wish import ALARM_PERIODS, wished
from failberry.errors import ConfigError

HEAD = """\
mode = "standby-gateway"
[wired]
interface = "eth0"
[health]
wired_path = "/w-5f0c7e"
[dns]
zone = "example.com"
name = "home.example.com"
wired_name = "wired.example.com"
cellular_name = "mobile.example.com"
"""
FUNCTION = 'url = "https://abc.lambda-url.eu-central-1.on.aws/"\n'


def loaded(more: str, head: str = HEAD) -> Config:
    return config_from_text(head + more, path="failberry.toml")


def refused(more: str, head: str = HEAD) -> list[str]:
    with pytest.raises(ConfigError) as told:
        loaded(more, head)
    return [str(each) for each in told.value.problems]


def test_nothing_is_wished_without_dns() -> None:
    assert wished(loaded("", 'mode = "standby-gateway"\nwired.interface = "eth0"\n')) is None


def test_the_shortest_wish() -> None:
    assert wished(loaded(FUNCTION)) == Desired(
        zone="example.com",
        name="home.example.com",
        wired=Line(name="wired.example.com", source=Source.ELSEWHERE, check=HttpCheck(path="/w-5f0c7e")),
        cellular=Line(
            name="mobile.example.com",
            source=Source.DAEMON,
            check=AlarmCheck(alarm="failberry-mobile", region="eu-central-1", evaluations=ALARM_PERIODS),
        ),
    )


def test_every_setting_reaches_the_wish() -> None:
    told = wished(
        loaded("""\
            owner = "barn"
            zone_id = "Z1"
            pair = "alias"
            ttl = 30
            wired_source = "fixed"
            wired_address = ["1.2.3.4", "2a00::1"]
            wired_check = "ping"
            cellular_source = "route53"
            cellular_check = "http"
            cellular_by = "ip"
            interval = 10
            threshold = 2
            regions = ["eu-west-1", "us-east-1", "us-west-2"]
            stack = "barn"
            region = "eu-west-1"
            """)
    )
    regions = ("eu-west-1", "us-east-1", "us-west-2")
    assert told is not None
    assert (told.owner, told.zone_id, told.pair, told.ttl) == ("barn", "Z1", "alias", 30)
    assert told.wired.addresses == (ip_address("1.2.3.4"), ip_address("2a00::1"))
    assert told.wired.check == AlarmCheck(
        alarm="barn-wired", region="eu-west-1", insufficient=Insufficient.LAST_KNOWN, evaluations=3
    )
    assert told.cellular.check == HttpCheck(by="ip", interval=10, threshold=2, regions=regions)
    assert list(wish_problems(told)) == []


def test_the_router_may_forward_another_port() -> None:
    told = wished(loaded(FUNCTION + 'wired_port = 9443\ncellular_check = "http"\n'))
    assert told is not None
    assert [each.check.port for each in (told.wired, told.cellular) if isinstance(each.check, HttpCheck)] == [
        9443,
        9000,
    ]


def test_the_figures_are_those_of_the_stack() -> None:
    template = (Path(__file__).parents[3] / "lambda/template.yaml").read_text()
    default = template.partition("AlarmPeriods:")[2].partition("Default:")[2].split()[0]
    assert default == str(ALARM_PERIODS)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "",
            "line 6: dns.url: is missing, and dns.cellular_source is lambda: our function writes the address "
            "(write the address that `failberryctl aws deploy` tells, or choose another source)",
        ),
        (
            FUNCTION + "fast = true\n",
            "line 12: dns.fast: needs an AWS key on the Pi, and none of the lines has the source route53 "
            '(set dns.wired_source or dns.cellular_source to "route53", or remove fast)',
        ),
        (
            FUNCTION + 'wired_source = "fixed"\n',
            "line 6: dns.wired_address: is empty (write the line's fixed address)",
        ),
        (
            FUNCTION + 'wired_address = ["1.2.3.4"]\n',
            "line 12: dns.wired_address: is set, but the line is not one of fixed addresses "
            '(remove it, or set dns.wired_source to "fixed")',
        ),
        (
            FUNCTION + 'wired_source = "fixed"\nwired_address = ["192.168.1.2"]\n',
            "line 13: dns.wired_address: 192.168.1.2 is private "
            "(write the address that the line has on the Internet)",
        ),
        (
            FUNCTION + 'wired_source = "fixed"\nwired_address = ["2a00::1"]\n',
            "line 6: dns.wired_check: by name asks over IPv4 only, and the line has IPv6 alone "
            '(set dns.wired_by to "ip")',
        ),
        (
            FUNCTION + 'wired_by = "ip"\n',
            "line 12: dns.wired_by: the address of wired.example.com is kept elsewhere, and a check by "
            'address would not follow it (set dns.wired_by to "name")',
        ),
    ],
)
def test_what_cannot_be_is_told_with_place_and_cure(more: str, problem: str) -> None:
    assert refused(more) == [problem]


@pytest.mark.parametrize(
    ("was", "now", "problem"),
    [
        (
            'name = "home.example.com"',
            'name = "home.example.net"',
            "line 8: dns.name: home.example.net is not in the zone example.com "
            "(choose a name that ends in .example.com)",
        ),
        (
            'name = "home.example.com"',
            'name = "example.com"',
            "line 8: dns.name: example.com is the top of its zone, where DNS allows no CNAME "
            '(choose a name below it, or set dns.pair to "alias")',
        ),
        (
            "wired.example.com",
            "home.example.com",
            "line 9: dns.wired_name: home.example.com is the name that fails over, and its health check "
            "would ask whichever line is up (give the wired line a name of its own)",
        ),
        (
            "mobile.example.com",
            "mobile.example.net",
            "line 10: dns.cellular_name: mobile.example.net is not in the zone example.com, and only "
            "there its addresses are written (end it in .example.com)",
        ),
        (
            "mobile.example.com",
            "wired.example.com",
            "line 10: dns.cellular_name: wired.example.com is the wired line's name too "
            "(give it one of its own)",
        ),
    ],
)
def test_names_that_do_not_go_together(was: str, now: str, problem: str) -> None:
    assert refused(FUNCTION, HEAD.replace(was, now)) == [problem]


def test_what_is_wrong_in_itself_is_told_once() -> None:
    assert refused("ttl = 0\nfast = true\n") == [
        "line 11: dns.ttl: 0 is out of its limits (choose 1 to 86400)"
    ]
    # A health path that is none must not have the wish blamed for it.
    assert [each.split(": ")[1] for each in refused(FUNCTION, HEAD.replace("/w-5f0c7e", "w"))] == [
        "health.wired_path"
    ]


def test_the_secret_path_is_in_no_message() -> None:
    told = wished(loaded(FUNCTION))
    assert told is not None
    assert "5f0c7e" not in repr(replace(told, ttl=-1))
