"""/nic/update, as routers, ddclient and inadyn ask for it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from awsmemory import ELSEWHERE, HOST, PASSWORD, SOURCE, SOURCE6, V6_HOST, Cloud
from ddns.ports import RecordSet
from functionurl import event


def ask(cloud: Cloud, query: str, *, login: str = f"pi1:{PASSWORD}", source: str = SOURCE) -> dict[str, Any]:
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    return cloud.handle(event("GET", "/nic/update", query=query, headers=headers, source=source))


def said(cloud: Cloud, query: str, **more: str) -> str:
    answer = ask(cloud, query, **more)
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "text/plain"
    return str(answer["body"]).removesuffix("\n")


def test_it_is_closed_unless_wished_for() -> None:
    assert ask(Cloud(), f"hostname={HOST}")["statusCode"] == 404


def test_good_then_nochg() -> None:
    cloud = Cloud(dyndns2=True)
    assert said(cloud, f"system=dyndns&hostname={HOST}&myip={SOURCE}") == f"good {SOURCE}"
    cloud.now += 1000
    assert said(cloud, f"hostname={HOST}") == f"nochg {SOURCE}"
    assert cloud.address() == SOURCE


def test_each_name_has_a_line_of_its_own() -> None:
    cloud = Cloud(dyndns2=True)
    lines = said(cloud, f"hostname={HOST},www.example.com,Wired.Example.COM.,wired,{V6_HOST}").split("\n")
    assert lines == [f"good {SOURCE}", "nohost", f"good {SOURCE}", "notfqdn", "911"]


@pytest.mark.parametrize("query", ["myip={0},{1}", "myip={0}&myipv6={1}", "myip={1},{0}"])
def test_both_families_in_one_request(query: str) -> None:
    cloud = Cloud(dyndns2=True, explicit=True)
    answer = said(cloud, f"hostname={HOST}&" + query.format(SOURCE, SOURCE6))
    assert set(answer.removeprefix("good ").split(",")) == {SOURCE, SOURCE6}
    assert (cloud.address(), cloud.address(kind="AAAA")) == (SOURCE, SOURCE6)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "notfqdn"),
        ("hostname=", "notfqdn"),
        ("hostname=,", "notfqdn"),
        ("hostname=home", "notfqdn"),
        ("hostname=a..b", "notfqdn"),
        ("&".join(["x=1"] * 17), "notfqdn"),
        ("hostname=" + ",".join(f"h{number}.example.com" for number in range(11)), "numhost"),
        ("hostname=www.example.com", "nohost"),
        (f"hostname={HOST}&myip={ELSEWHERE}", "dnserr"),
        (f"hostname={HOST}&myip=10.0.0.1", "dnserr"),
        (f"hostname={HOST}&myip=1.2.3", "dnserr"),
        (f"hostname={HOST}&myip={SOURCE},{ELSEWHERE}", "dnserr"),
    ],
)
def test_words_for_what_a_user_must_mend(query: str, word: str) -> None:
    cloud = Cloud(dyndns2=True)
    assert said(cloud, query) == word
    assert cloud.zone.writes == []


@pytest.mark.parametrize(
    "login",
    [
        "pi1:wrong",
        f"pi9:{PASSWORD}",
        f"PI1:{PASSWORD}",
        "pi2:",
        "pi1",
        "",
        f":{PASSWORD}",
        "pi1:" + "x" * 400,
    ],
)
def test_badauth(login: str) -> None:
    answer = ask(Cloud(dyndns2=True), f"hostname={HOST}", login=login)
    assert (answer["statusCode"], answer["body"]) == (401, "badauth\n")
    assert answer["headers"]["www-authenticate"].startswith("Basic ")


def test_a_foreign_record_is_a_dnserr() -> None:
    cloud = Cloud(dyndns2=True)
    there: RecordSet = {"Name": f"{HOST}.", "Type": "CNAME", "ResourceRecords": [{"Value": "x.example.net"}]}
    cloud.zone.records = [there]
    assert said(cloud, f"hostname={HOST}") == "dnserr"


@pytest.mark.parametrize("part", ["zone", "ledger", "parameter"])
def test_trouble_of_aws_is_911(part: str) -> None:
    cloud = Cloud(dyndns2=True)
    getattr(cloud, part).fault = "Throttling"
    answer = ask(cloud, f"hostname={HOST}")
    # The status is for inadyn, which exits after the word alone.
    assert (answer["statusCode"], answer["body"]) == (503, "911\n")


def test_too_soon_is_put_off_and_hammering_is_abuse() -> None:
    cloud = Cloud(dyndns2=True)
    said(cloud, f"hostname={HOST}")
    cloud.now += 4_000
    assert said(cloud, f"hostname={HOST}", source=ELSEWHERE) == "abuse"
    cloud.now += 4_000
    assert ask(cloud, f"hostname={HOST}", source=ELSEWHERE)["body"] == "911\n"
    cloud.now += 22_000
    assert said(cloud, f"hostname={HOST}", source=ELSEWHERE) == f"good {ELSEWHERE}"


def test_other_methods_and_forms_of_login() -> None:
    cloud = Cloud(dyndns2=True)
    assert cloud.handle(event("POST", "/nic/update", source=SOURCE))["statusCode"] == 405
    for header in ("", "Basic", "Basic !!!", "Bearer x"):
        headers = {"Authorization": header}
        told = event("GET", "/nic/update", query=f"hostname={HOST}", headers=headers, source=SOURCE)
        assert cloud.handle(told)["body"] == "badauth\n"
