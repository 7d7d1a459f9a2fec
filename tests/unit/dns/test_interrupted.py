"""What went wrong once, or nearly: interrupted at a bad moment, or found after somebody's hands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from failberry.dns.changes import ChangeRecords
from failberry.dns.desired import Desired, Source
from tests.awskit.account import Account, simple
from tests.unit.dns.wishes import WISH, http, wired

ELSEWHERE = wired(source=Source.ELSEWHERE, addresses=())
DAEMON = wired(source=Source.DAEMON, addresses=())
CNAME = simple("wired.example.com", "CNAME", "dyn.example.net.")


def house(wish: Desired, *records: dict[str, Any]) -> Account:
    there = Account()
    assert all(there.api.put(each) for each in records)
    assert there.apply(wish, adopt=True).changes
    return there


def until_the_batch(there: Account, wish: Desired, *, adopt: bool = False) -> None:
    """As far as the tags, and no further."""
    changes = there.plan(wish, adopt=adopt).changes
    [place] = [number for number, each in enumerate(changes) if isinstance(each, ChangeRecords)]
    there.carry_out(changes[:place])


def test_what_gave_way_to_a_daemon_that_never_published_comes_back() -> None:
    there = house(DAEMON, CNAME)
    elsewhere = replace(
        ELSEWHERE, name="vpn.example.com", wired=replace(ELSEWHERE.wired, name="dsl.example.com")
    )
    until_the_batch(there, elsewhere)
    there.apply(elsewhere)
    assert [each.values for each in there.records() if each.name == "wired.example.com"] == [
        ("dyn.example.net.",)
    ]


def test_the_register_of_a_leftover_check_counts_for_nothing() -> None:
    there = Account()
    # It claims the wired line's name, and is interrupted; then somebody else takes the name.
    until_the_batch(there, WISH)
    there.api.put(simple("wired.example.com", "A", "9.8.7.6"))
    other = replace(ELSEWHERE, wired=replace(ELSEWHERE.wired, check=http(interval=10)))
    changes = there.plan(other).changes
    there.carry_out(changes[:-1])
    assert "wired.example.com" in [each.name for each in there.records()]
    there.apply(other)
    there.destroy(other)
    assert [(each.name, each.values) for each in there.records()] == [("wired.example.com", ("9.8.7.6",))]


def test_what_the_daemon_never_overwrote_is_not_taken_for_ours() -> None:
    weighted = {**simple("cellular.example.com", "AAAA", "2a00::1"), "SetIdentifier": "one", "Weight": 1}
    there = house(WISH, simple("cellular.example.com", "A", "9.8.7.6"), weighted)
    # The line gets another name, with a health check of another kind; interrupted before all is forgotten.
    other = replace(WISH, cellular=replace(WISH.cellular, name="lte.example.com", check=http()))
    changes = there.plan(other).changes
    [place] = [number for number, each in enumerate(changes) if isinstance(each, ChangeRecords)]
    there.carry_out(changes[: place + 2])
    there.apply(other)
    there.destroy(other)
    assert [each.values for each in there.records()] == [("9.8.7.6",), ("2a00::1",)]


def test_an_adoption_that_was_interrupted_has_to_be_said_again() -> None:
    there = house(ELSEWHERE, simple("wired.example.com", "A", "9.8.7.6"))
    until_the_batch(there, WISH, adopt=True)
    planned = there.plan(WISH)
    assert [each.key for each in planned.problems] == ["dns.wired_name"]
    there.apply(WISH, adopt=True)
    assert there.plan(WISH).changes == ()
    there.destroy(WISH)
    assert [each.values for each in there.records()] == [("9.8.7.6",)]


def test_what_comes_back_must_not_lead_in_a_circle() -> None:
    there = house(WISH, simple("wired.example.com", "CNAME", "vpn.example.com"))
    [problem] = there.plan(replace(ELSEWHERE, name="vpn.example.com")).problems
    assert "wired.example.com leads back to vpn.example.com" in problem.problem


def test_the_check_that_the_pair_uses_is_kept() -> None:
    there = house(WISH)
    config = {"Type": "HTTP", "FullyQualifiedDomainName": "wired.example.com", "Port": 9000}
    made = there.api.create_health_check(CallerReference="failberry:pi:wired:zz", HealthCheckConfig=config)
    there.api.records["home.example.com", "CNAME", "failberry-pi-wired-cname"]["HealthCheckId"] = made[
        "HealthCheck"
    ]["Id"]
    planned = there.apply(WISH)
    assert not [each for each in planned.changes if isinstance(each, ChangeRecords)]
    assert (len(there.api.checks), there.plan(WISH).changes) == (2, ())
