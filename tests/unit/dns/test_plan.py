"""Plans, as they are printed."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from failberry.core.snapshot import UplinkName
from failberry.dns.desired import Desired, Source
from failberry.dns.plan import destroy, forced_line, plan
from failberry.dns.records import Record
from failberry.dns.words import render
from failberry.naming import By, Pair
from tests.awskit.account import ALARM, Account, alias, simple
from tests.unit.dns.wishes import WISH, cellular, http, wired

HOME = simple("home.example.com", "A", "9.8.7.6")
W0, C0 = "00000000-0000-4000-8000-000000000000", "00000001-0000-4000-8000-000000000000"


def house(*records: dict[str, Any]) -> Account:
    there = Account()
    assert all(there.api.put(each) for each in records)
    return there


def settled(*records: dict[str, Any], wish: Desired = WISH) -> Account:
    there = house(*records)
    assert there.apply(wish, adopt=True).changes
    return there


def printed(text: str) -> str:
    return dedent(text).lstrip("\n")


def test_a_first_set_up_replaces_the_simple_record_in_one_batch() -> None:
    there = house(HOME)
    assert render(there.apply(WISH, adopt=True)) == printed("""
        # 1. create the health check of the wired line: the wired line has no health check of this kind
        + check failberry:pi:wired:n1: type HTTP, name wired.example.com, port 9000, path (secret), interval 30 s, threshold 3, regions all, state asked
        # 2. tag the health check of the wired line: marks it as ours, and remembers what gives way
        + tag of failberry:pi:wired:n1: Name=Failberry home.example.com wired
        + tag of failberry:pi:wired:n1: failberry=pi
        + tag of failberry:pi:wired:n1: failberry-line=wired
        + tag of failberry:pi:wired:n1: failberry-register-1=o/cellular.example.com/A+o/cellular.example.com/AAAA+o/wired.example.com/A+b/home.example.com/A/300////////9.8.7.6
        # 3. create the health check of the cellular line: the cellular line has no health check of this kind
        + check failberry:pi:cellular:n1: type CLOUDWATCH_METRIC, alarm house-cellular in eu-central-1, without figures Healthy, state asked
        # 4. tag the health check of the cellular line: marks it as ours, and remembers what gives way
        + tag of failberry:pi:cellular:n1: Name=Failberry home.example.com cellular
        + tag of failberry:pi:cellular:n1: failberry=pi
        + tag of failberry:pi:cellular:n1: failberry-line=cellular
        + tag of failberry:pi:cellular:n1: failberry-register-1=o/cellular.example.com/A+o/cellular.example.com/AAAA+o/wired.example.com/A+b/home.example.com/A/300////////9.8.7.6
        # 5. change example.com, all or nothing: from now on home.example.com follows the living line
        - home.example.com 300 A 9.8.7.6
        + home.example.com 60 CNAME wired.example.com, PRIMARY, id failberry-pi-wired-cname, check failberry:pi:wired:n1
        + home.example.com 60 CNAME cellular.example.com, SECONDARY, id failberry-pi-cellular-cname, check failberry:pi:cellular:n1
        + wired.example.com 60 A 1.2.3.4
    """)  # noqa: E501 -- as printed
    assert render(there.plan(WISH)) == "nothing to change\n"


def test_destroy_brings_the_simple_record_back() -> None:
    assert render(settled(HOME).destroy(WISH)) == printed(f"""
        # 1. change example.com, all or nothing: gives the zone back as it was found
        - home.example.com 60 CNAME wired.example.com, PRIMARY, id failberry-pi-wired-cname, check {W0}
        - home.example.com 60 CNAME cellular.example.com, SECONDARY, id failberry-pi-cellular-cname, check {C0}
        - wired.example.com 60 A 1.2.3.4
        + home.example.com 300 A 9.8.7.6
        # 2. delete a health check of the wired line: no record needs it any more
        - check {W0}: type HTTP, name wired.example.com, port 9000, path (secret), interval 30 s, threshold 3, regions all, state asked
        # 3. delete a health check of the cellular line: no record needs it any more
        - check {C0}: type CLOUDWATCH_METRIC, alarm house-cellular in eu-central-1, without figures Healthy, state asked
    """)  # noqa: E501 -- as printed


def test_destroy_puts_back_what_it_is_given() -> None:
    there = settled(HOME)
    other = Record(name="home.example.com", type="A", ttl=60, values=("4.4.4.4",))
    there.carry_out(destroy("pi", there.found(WISH), restore=(other,)).changes)
    assert there.records() == [other]


def test_destroy_without_its_memory_says_so() -> None:
    there = settled()
    for record in there.api.records.values():
        record.pop("HealthCheckId", None)
    there.api.checks.clear()
    assert "the memory of what stood there before" in render(there.plan_destruction(WISH))


@pytest.mark.parametrize(
    ("record", "key", "words"),
    [
        (HOME, "dns.name", "home.example.com has a record that is not ours: A 9.8.7.6"),
        (simple("home.example.com", "CNAME", "dyn.example.net."), "dns.name", "CNAME dyn.example.net."),
        (alias("home.example.com", "A", "www.example.com"), "dns.name", "not ours: A www.example.com"),
        (HOME | {"SetIdentifier": "a", "Weight": 1}, "dns.name", "A 9.8.7.6"),
        (simple("wired.example.com", "A", "9.8.7.6"), "dns.wired_name", "A 9.8.7.6"),
        (simple("wired.example.com", "CNAME", "a.example.net."), "dns.wired_name", "CNAME a.example.net."),
        (simple("cellular.example.com", "CNAME", "a.example.net."), "dns.cellular_name", "CNAME"),
    ],
)
def test_what_is_not_ours_is_refused_until_adopted(record: dict[str, Any], key: str, words: str) -> None:
    there = house(simple("www.example.com", "A", "1.1.1.1"), record)
    before = there.records()
    planned = there.apply(WISH)
    assert (planned.changes, [each.key for each in planned.problems]) == ((), [key])
    assert words in planned.problems[0].problem
    assert "--adopt" in planned.problems[0].hint
    there.apply(WISH, adopt=True)
    assert there.plan(WISH).changes == ()
    there.destroy(WISH)
    assert there.records() == before


@pytest.mark.parametrize(
    ("record", "wish"),
    [
        # The fixed address is there already, with a TTL of its owner's liking.
        (simple("wired.example.com", "A", "1.2.3.4", ttl=3600), WISH),
        (simple("wired.example.com", "TXT", '"hello"'), WISH),
        (simple("wired.example.com", "AAAA", "2a00::1"), WISH),
        # The daemon may overwrite it, the plan does not.
        (simple("cellular.example.com", "A", "5.6.7.8"), WISH),
        (
            simple("wired.example.com", "CNAME", "a.example.net."),
            wired(source=Source.ELSEWHERE, addresses=()),
        ),
        (simple("home.example.com", "TXT", '"hello"'), None),
    ],
)
def test_what_is_not_in_the_way_is_left_alone(record: dict[str, Any], wish: Desired | None) -> None:
    there = house(record, *(simple(f"{each}.example.com", "AAAA", "2a00::1") for each in ("wired", "cellular")
                            if wish is None))  # fmt: skip
    fixed = wish or replace(wired(source=Source.DAEMON, addresses=()), pair=Pair.ALIAS)
    before = there.records()
    assert there.apply(fixed).problems == ()
    assert [each for each in before if each not in there.records()] == []
    there.destroy(fixed)
    assert there.records() == before


def test_a_cname_tolerates_nothing_beside_it() -> None:
    there = house(
        simple("home.example.com", "TXT", '"hello"'), simple("home.example.com", "MX", "1 mx.example.net.")
    )
    assert render(there.plan(WISH, adopt=True)) == (
        "! dns.name: home.example.com has records of type MX and TXT, and DNS allows nothing beside a CNAME "
        '(choose a name of its own for this, or set dns.pair to "alias")\n'
    )


def test_a_traffic_policy_is_not_ours_to_change() -> None:
    there = house()
    there.api.records["home.example.com", "A", ""] = HOME | {"TrafficPolicyInstanceId": "t1"}
    [problem] = there.plan(WISH, adopt=True).problems
    assert "traffic policy" in problem.problem


def test_forcing_a_line_switches_the_checks_and_releasing_it_switches_back() -> None:
    there = settled()
    forced = replace(WISH, forced=UplinkName.CELLULAR)
    assert render(there.apply(forced)) == printed(f"""
        # 1. update the health check of the cellular line: DNS is forced to the cellular line
        - check {C0}: state asked
        + check {C0}: state always healthy
        # 2. update the health check of the wired line: DNS is forced to the cellular line
        - check {W0}: state asked
        + check {W0}: state always unhealthy
    """)
    config = there.api.checks[W0]["HealthCheckConfig"]
    assert (config["Disabled"], config["Inverted"]) == (True, True)
    assert forced_line(there.found(WISH), "pi") is UplinkName.CELLULAR
    assert "the health checks decide again" in render(there.apply(WISH))
    assert forced_line(there.found(WISH), "pi") is None
    there.apply(replace(WISH, forced=UplinkName.WIRED))
    assert forced_line(there.found(WISH), "pi") is UplinkName.WIRED


def test_an_edited_alarm_is_read_anew() -> None:
    there = settled()
    there.api.alarms[ALARM] = {**there.api.alarms[ALARM], "EvaluationPeriods": 3}
    assert render(there.apply(WISH)) == printed(f"""
        # 1. update the health check of the cellular line: the alarm was edited since the check read it
        ~ check {C0}: alarm house-cellular in eu-central-1, read anew
    """)
    assert there.plan(WISH).changes == ()


def test_what_cannot_be_changed_in_a_check_takes_a_new_one() -> None:
    there = settled()
    fast = wired(check=http(interval=10))
    assert [type(each).__name__ for each in there.apply(fast).changes] == [
        "CreateHealthCheck", "TagHealthCheck", "ChangeRecords", "DeleteHealthCheck",
    ]  # fmt: skip
    assert there.plan(fast).changes == ()


@pytest.mark.parametrize(
    ("wish", "lines"),
    [
        (wired(check=http(path="/other")), ["path (secret)", "path another (secret)"]),
        (wired(check=http(threshold=2)), ["threshold 3", "threshold 2"]),
        (wired(check=http(regions=("eu-west-1", "us-east-1", "sa-east-1"))),
         ["regions all", "regions eu-west-1 sa-east-1 us-east-1"]),
        (replace(WISH, wired=replace(WISH.wired, name="dsl.example.com")),
         ["name wired.example.com", "name dsl.example.com"]),
    ],
)  # fmt: skip
def test_what_can_be_changed_in_a_check_is_changed(wish: Desired, lines: list[str]) -> None:
    there = settled()
    shown = render(there.apply(wish)).splitlines()
    assert [f"{sign} check {W0}: {line}" for sign, line in zip("-+", lines, strict=True)] == [
        each for each in shown if W0 in each and each[2:].startswith(f"check {W0}")
    ]
    assert there.plan(wish).changes == ()
    # And back again, so that what was set can be reset.
    there.apply(WISH)
    assert there.plan(WISH).changes == ()


def test_a_check_by_address_follows_the_published_one() -> None:
    wish = cellular(check=http(by=By.IP))
    there = house(simple("cellular.example.com", "A", "5.6.7.8"))
    there.apply(wish)
    there.api.put(simple("cellular.example.com", "A", "6.7.8.9"))
    assert f"+ check {C0}: ip 6.7.8.9" in render(there.apply(wish))
    assert there.plan(wish).changes == ()


def test_an_alias_pair_leads_to_the_types_that_both_lines_have() -> None:
    wish = replace(WISH, name="example.com", pair=Pair.ALIAS)
    there = house(
        simple("cellular.example.com", "A", "5.6.7.8"), simple("cellular.example.com", "AAAA", "2a00::1")
    )
    shown = render(there.apply(wish))
    assert "+ example.com A alias of wired.example.com, PRIMARY, id failberry-pi-wired-a," in shown
    assert "note: example.com will have only A records: an alias needs the same type on both lines" in shown
    assert there.plan(wish).changes == ()


def test_a_pair_changes_its_form_in_one_batch() -> None:
    there = settled(HOME, simple("cellular.example.com", "A", "5.6.7.8"))
    there.apply(replace(WISH, pair=Pair.ALIAS))
    assert {each.type for each in there.records() if each.name == "home.example.com"} == {"A"}
    there.destroy(WISH)
    assert [each.values for each in there.records() if each.name == "home.example.com"] == [("9.8.7.6",)]


def test_two_houses_share_an_account() -> None:
    there = settled()
    barn = replace(
        WISH,
        owner="pi-barn",
        name="barn.example.com",
        wired=replace(WISH.wired, name="barn-wired.example.com"),
        cellular=replace(WISH.cellular, name="barn-cellular.example.com"),
    )
    there.apply(barn)
    assert (there.plan(WISH).changes, there.plan(barn).changes) == ((), ())
    there.destroy(WISH)
    assert there.plan(barn).changes == ()


def test_a_check_that_somebody_uses_stays() -> None:
    there = settled()
    there.api.put(
        simple("www.example.com", "A", "1.1.1.1") | {"SetIdentifier": "a", "Weight": 1, "HealthCheckId": W0}
    )
    assert f"note: the health check {W0} stays: a record that is not ours uses it\n" in render(
        there.destroy(WISH)
    )
    assert list(there.api.checks) == [W0]


def test_a_service_of_aws_keeps_its_checks() -> None:
    there = settled()
    there.api.checks[W0]["LinkedService"] = {"ServicePrincipal": "servicediscovery.amazonaws.com"}
    assert all(getattr(each, "check", "") != W0 for each in there.plan(WISH).changes)


def test_the_nonce_is_never_used_twice() -> None:
    there = settled()
    there.destroy(WISH)
    references = {
        each.reference
        for each in plan(WISH, there.found(WISH), nonce="x9").changes
        if hasattr(each, "reference")
    }
    assert references == {"failberry:pi:wired:x9", "failberry:pi:cellular:x9"}
    there.apply(WISH)
    assert there.plan(WISH).changes == ()


def test_memory_takes_several_tags() -> None:
    there = house(simple("home.example.com", "A", *(f"9.8.7.{each}" for each in range(100))))
    before = there.records()
    there.apply(WISH, adopt=True)
    assert [each for each in there.api.tags[W0] if "register" in each] == [
        f"failberry-register-{number}" for number in range(1, 5)
    ]
    there.destroy(WISH)
    assert there.records() == before


def test_memory_is_bounded() -> None:
    there = house(simple("home.example.com", "A", *(f"9.8.7.{each}" for each in range(200))))
    [problem] = there.apply(WISH, adopt=True).problems
    assert problem.problem == "the records that have to give way are too long to be remembered in tags"


def test_there_is_no_room_for_more_than_ten_tags() -> None:
    there = settled()
    there.api.tags[W0] |= {f"mine-{number}": "" for number in range(6)}
    assert there.plan(WISH).changes == ()
    there.api.tags[W0] |= {"mine-7": ""}
    assert "more than 10 tags" in render(there.plan(WISH))
