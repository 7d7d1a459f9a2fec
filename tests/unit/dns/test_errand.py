"""What the child does for a request, on the strict Route 53: also when it is killed, and asked again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from failberry.core.snapshot import UplinkName
from failberry.dns.errand import secrets
from failberry.dns.messages import (
    ApplyRequest,
    DoneResult,
    MoveRequest,
    PlanRequest,
    PublishRequest,
    PublishResult,
    Request,
    StatusRequest,
)
from failberry.errors import AdapterError, AdapterReason
from tests.awskit.account import ALARM, ALARM_DOCUMENT, alias, simple
from tests.awskit.strict import Document
from tests.unit.dns.wishes import WISH, http, wired
from tests.unit.dns.world import Killed, World

FOUR, SIX = ip_address("1.2.3.4"), ip_address("2a00::1")
HIDDEN = "w-5f0c7e"
MAIL = simple("mail.example.com", "A", "9.8.7.6")
THEIRS = simple("home.example.com", "A", "9.8.7.7")


def refused(world: World, request: Request) -> AdapterError:
    with pytest.raises(AdapterError) as told:
        world.do(request, object)
    return told.value


# --- plan, apply, destroy ------------------------------------------------------------------------


def test_a_whole_life() -> None:
    world = World(MAIL, THEIRS)
    before = dict(world.api.records)
    shown, _ = world.plan()
    assert [each.key for each in shown.problems] == ["dns.name"]
    assert world.apply(adopt=True) == 5
    assert [each.partition(": ")[0] for each in world.told] == [f"{number} of 5" for number in range(1, 6)]
    shown, _ = world.plan()
    assert (shown.steps, shown.problems) == ((), ())
    assert world.destroy() == 3
    assert (world.api.records, world.api.checks) == (before, {})


def test_the_plan_that_was_shown_is_the_one_that_is_done() -> None:
    world = World()
    shown, nonce = world.plan()
    assert world.api.put(MAIL)
    request = ApplyRequest(wish=WISH, nonce=nonce, fingerprint=shown.fingerprint)
    assert world.do(request, DoneResult).changes == 5, "what does not concern us changes nothing"

    world = World()
    shown, nonce = world.plan()
    assert world.api.put(simple("wired.example.com", "A", "1.2.3.4", ttl=60))
    request = ApplyRequest(wish=WISH, nonce=nonce, fingerprint=shown.fingerprint)
    told = refused(world, request)
    assert (told.reason, "nothing was done" in told.evidence) == (AdapterReason.BUSY, True)
    assert world.api.checks == {}


def test_a_plan_with_problems_is_not_done() -> None:
    world = World(THEIRS)
    shown, nonce = world.plan()
    told = refused(world, ApplyRequest(wish=WISH, nonce=nonce, fingerprint=shown.fingerprint))
    assert (told.reason, "a record that is not ours" in told.evidence) == (AdapterReason.REFUSED, True)
    assert world.api.checks == {}


@pytest.mark.parametrize("nonce", ["", "A", "a-b", "a" * 14])
def test_a_nonce_is_short_and_plain(nonce: str) -> None:
    assert "nonce" in refused(World(), PlanRequest(wish=WISH, nonce=nonce)).evidence


def deaths() -> Iterator[tuple[int, bool]]:
    yield from ((number, after) for number in range(5) for after in (False, True))


@pytest.mark.parametrize(("number", "after"), [*deaths()])
def test_whoever_is_killed_anywhere_converges_when_asked_again(number: int, *, after: bool) -> None:
    world = World(MAIL, THEIRS)
    before = dict(world.api.records)
    world.left, world.after = number, after
    with pytest.raises(Killed):
        world.apply(adopt=True)
    world.left = None
    world.apply(adopt=True)
    assert world.plan()[0].steps == ()
    assert len(world.api.checks) == 2
    assert world.api.records["mail.example.com", "A", ""] == MAIL
    # The way back, killed in the same places, gives the zone back all the same.
    world.left, world.after = min(number, 2), after
    with pytest.raises(Killed):
        world.destroy()
    world.left = None
    world.destroy()
    assert (world.api.records, world.api.checks) == (before, {})


def test_a_refusal_half_way_says_how_far_it_came() -> None:
    world = World()
    world.api.faults = [("change_resource_record_sets", "AccessDenied")]
    shown, nonce = world.plan()
    told = refused(world, ApplyRequest(wish=WISH, nonce=nonce, fingerprint=shown.fingerprint))
    assert told.reason is AdapterReason.DENIED
    assert told.evidence.endswith("4 of 5 changes were made before")


def test_no_secret_path_is_shown() -> None:
    world = World()
    shown, _ = world.plan()
    world.apply()
    other = wired(check=http(path="/w-another"))
    assert "path another (secret)" in repr(world.plan(other)[0].steps)
    world.apply(other)
    everything = repr((shown, world.told, world.status()))
    assert HIDDEN not in everything
    assert "w-another" not in everything
    assert set(secrets(StatusRequest(wish=WISH))) == {f"/{HIDDEN}", HIDDEN}


# --- publish -------------------------------------------------------------------------------------


def test_only_what_differs_is_published() -> None:
    world = World(MAIL)
    assert world.publish(FOUR).changed
    assert world.publish(FOUR) == PublishResult(changed=False, change="")
    assert world.publish(SIX) == PublishResult(changed=True, change="C3")
    # A family that is not given stays.
    assert [each.addresses for each in world.status(wired()).lines[:1]] == [(FOUR, SIX)]
    assert world.publish(ip_address("5.6.7.8"), SIX).changed
    assert world.publish(ip_address("5.6.7.8"), SIX, ttl=30).changed
    assert world.api.records["wired.example.com", "AAAA", ""]["TTL"] == 30
    assert world.api.records["mail.example.com", "A", ""] == MAIL
    assert world.api.calls.count("get_change") == 0, "the name servers are not waited for"
    # Neither the rest of the zone nor the health checks are read.
    assert world.api.calls.count("list_health_checks") == 1


@pytest.mark.parametrize(
    "there",
    [
        simple("wired.example.com", "CNAME", "dyn.example.net."),
        alias("wired.example.com", "A", "mail.example.com"),
        {**simple("wired.example.com", "A", "1.1.1.1"), "SetIdentifier": "one", "Weight": 1},
    ],
)
def test_what_is_no_plain_address_stays(there: Document) -> None:
    world = World(MAIL, there)
    before = dict(world.api.records)
    with pytest.raises(AdapterError, match="not a plain address, and stays"):
        world.publish(FOUR)
    assert world.api.records == before


@pytest.mark.parametrize(
    "text", ["192.168.1.2", "100.64.0.1", "10.0.0.1", "fd00::1", "2001:db8::1", "127.0.0.1"]
)
def test_what_nobody_reaches_is_never_published(text: str) -> None:
    world = World()
    with pytest.raises(AdapterError, match="is never published"):
        world.publish(FOUR if ":" in text else SIX, ip_address(text))
    assert world.api.calls == []


def test_one_address_of_each_family() -> None:
    for addresses in ((), (FOUR, ip_address("1.2.3.5"))):
        with pytest.raises(AdapterError, match="one address of each family"):
            World().publish(*addresses)


def test_the_id_of_the_zone_saves_a_request() -> None:
    world = World()
    request = PublishRequest(
        zone="example.com", zone_id="Z1", name="a.example.com", ttl=60, addresses=(FOUR,)
    )
    world.do(request, PublishResult)
    assert "list_hosted_zones_by_name" not in world.api.calls


# --- move ----------------------------------------------------------------------------------------


def test_the_switches() -> None:
    world = World()
    world.apply()
    assert world.answers() == "asked asked"
    assert world.move(UplinkName.CELLULAR)
    assert (world.answers(), world.status().forced) == ("dead healthy", UplinkName.CELLULAR)
    assert not world.move(UplinkName.CELLULAR)
    assert world.move(UplinkName.WIRED)
    assert (world.answers(), world.status().forced) == ("healthy dead", UplinkName.WIRED)
    assert world.move(None)
    assert (world.answers(), world.status().forced) == ("asked asked", None)
    assert not world.move(None)


def test_the_switches_need_few_questions() -> None:
    world = World(MAIL)
    world.apply()
    world.api.alarms[ALARM] = {**ALARM_DOCUMENT, "EvaluationPeriods": 5}
    world.api.calls.clear()
    assert world.move(UplinkName.CELLULAR)
    assert world.api.calls == [
        "list_hosted_zones_by_name",
        "list_health_checks",
        "list_tags_for_resources",
        "list_resource_record_sets",
        "update_health_check",
        "update_health_check",
    ]
    # The alarm is not named, so it is not read anew, and need not even be there.
    [copied] = filter(None, (each.get("CloudWatchAlarmConfiguration") for each in world.api.checks.values()))
    assert copied["EvaluationPeriods"] == 2


def test_a_line_is_let_in_before_the_other_is_shut_out() -> None:
    world = World()
    world.apply()
    for forced in (UplinkName.CELLULAR, UplinkName.WIRED):
        world.left = 1
        with pytest.raises(Killed):
            world.move(forced)
        assert "dead" not in world.answers(), "killed half-way, both lines are still let through"
        world.left = None
        world.move(None)


def test_what_is_held_stays_held_while_other_things_are_applied() -> None:
    world = World()
    world.apply()
    world.move(UplinkName.CELLULAR)
    shown, _ = world.plan()
    assert shown.steps == ()
    assert "failover force auto --dns" in shown.notes[-1]
    world.apply(wired(check=http(interval=10)))
    assert world.answers() == "dead healthy"
    world.move(None)
    assert world.answers() == "asked asked"


def test_nothing_is_moved_that_was_never_set_up() -> None:
    told = refused(World(), MoveRequest(wish=WISH, forced=None))
    assert (told.reason, "failberryctl dns apply" in told.evidence) == (AdapterReason.GONE, True)


# --- status --------------------------------------------------------------------------------------


def test_the_status_tells_what_the_api_holds() -> None:
    world = World()
    told = world.status()
    assert (told.pair, told.due, told.servers, told.answers) == ((), 5, ("ns.example",), ())
    world.apply()
    told = world.status()
    assert (len(told.pair), told.due, told.problems) == (2, 0, ())
    assert [each.values for each in told.answers] == [("wired.example.com",)]
    assert [(each.line, each.addresses) for each in told.lines] == [("wired", (FOUR,)), ("cellular", ())]
    assert all(each.check and each.asked for each in told.lines)
    assert "path (secret)" in told.lines[0].asked


def test_a_key_that_may_not_ask_for_answers_is_no_fault() -> None:
    world = World()
    world.apply()
    world.api.faults = [("test_dns_answer", "AccessDenied")]
    assert world.status().answers == ()


def test_a_broken_wish_is_told_in_the_status() -> None:
    told = World().status(replace(WISH, name="home.example.net"))
    assert [each.key for each in told.problems] == ["dns.name"]
