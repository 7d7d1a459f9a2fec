"""A run of an update: what it may do when, how it ends, and what is kept of that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failberry.system import slots
from failberry.system.ledger import Ledger, RefusedSet, Verdict
from failberry.system.slots import Slot, SlotEnv
from failberry.system.updateplan import Lines, Offer, Package, Why
from failberry.system.updatesteps import Asker, Ending, Rules, Update, Wish, WorldError
from tests.unit.system.slotcard import NEW, STABLE, Card, World, update

OWNER = Wish(asker=Asker.OWNER)
TIMER = Wish(asker=Asker.TIMER)
ON_MOBILE = Lines(active="cellular", wired_state="down", wired_for=600.0, wired_reason="no carrier")


@pytest.fixture
def world() -> World:
    return World(card=Card.flashed(), slot=Slot.A)


def run(world: World, wish: Wish = TIMER) -> Ending:
    return Update(world, lambda step, percent: None).run(wish)


def test_all_the_way_to_the_restart(world: World) -> None:
    assert update(world) == "restart"
    assert slots.parse(world.card.env) == SlotEnv(slot=Slot.A, trial=Slot.B, tries=2)
    assert world.card.kernels == {Slot.A: "old", Slot.B: "new"}
    record = world.ledger().slots[Slot.B]
    assert (record.verdict, record.packages_hash, record.kernel) == (Verdict.TRIAL, "n", "6.12.2")
    assert world.ledger().slots[Slot.A].verdict is Verdict.GOOD
    order = [each for each in world.done if each in ("withdraw", "sync", "install", "place", "env", "reboot")]
    assert order == ["withdraw", "sync", "install", "place", "env", "reboot"]


def test_nothing_new_writes_the_card_once(world: World) -> None:
    world.offer = Offer()
    assert run(world).outcome == "nothing"
    written = len(world.done)
    assert run(world).outcome == "nothing"
    assert len(world.done) == written
    assert "env" not in world.done


@pytest.mark.parametrize(
    ("changes", "why", "words"),
    [
        ({"rules_now": Rules(updates=False, window=(0, 1440))}, Why.OFF, "switched off"),
        ({"minute_now": 800}, Why.WINDOW, "not the time"),
        ({"minute_now": None}, Why.CLOCK, "clock has not been set"),
        ({"lines_now": None}, Why.DAEMON, "failberryd does not answer"),
        ({"lines_now": replace(STABLE, wired_for=60.0)}, Why.LINE, "1 min only"),
        ({"lines_now": replace(STABLE, active=None)}, Why.LINE, "no line works"),
        ({"lines_now": replace(ON_MOBILE, capped=True)}, Why.METERED, "nearly used up"),
    ],
    ids=lambda each: str(each) if isinstance(each, Why) else "",
)
def test_what_holds_an_update_back(world: World, changes: dict[str, object], why: Why, words: str) -> None:
    for name, value in changes.items():
        setattr(world, name, value)
    ending = run(world)
    assert (ending.outcome, ending.why) == ("refused", why)
    assert words in ending.reason
    assert {"withdraw", "sync", "env"}.isdisjoint(world.done)


def test_the_owner_is_held_back_by_the_lines_alone(world: World) -> None:
    world.rules_now, world.minute_now = Rules(updates=False, window=(0, 30)), None
    assert update(world, OWNER) == "restart"


def test_out_of_the_window_nothing_is_written(world: World) -> None:
    world.minute_now = 800
    run(world)
    assert world.done == []


def package(*, security: bool) -> Package:
    return Package(name="openssl", version="3", security=security)


def test_over_the_mobile_line_only_security_and_little(world: World) -> None:
    world.lines_now = ON_MOBILE
    world.offer = replace(NEW, packages=(package(security=True), package(security=False)))
    ending = run(world)
    assert (ending.why, "only security" in ending.reason) == (Why.METERED, True)
    world.offer = replace(NEW, octets=21_000_000)
    ending = run(world)
    assert (ending.why, "21 MB is more than the 20 MB" in ending.reason) == (Why.METERED, True)
    assert "withdraw" not in world.done
    world.offer = NEW
    ending = run(world)
    assert ending.outcome == "waits"
    assert "the wired line is down: no carrier" in ending.reason
    assert world.ledger().slots[Slot.B].verdict is Verdict.READY


def test_what_is_ready_waits_for_the_wired_line_and_is_not_made_twice(world: World) -> None:
    world.lines_now = ON_MOBILE
    assert run(world).outcome == "waits"
    world.lines_now, world.done = STABLE, []
    assert update(world) == "restart"
    assert "sync" not in world.done


def test_what_is_ready_is_made_anew_when_more_is_new(world: World) -> None:
    world.lines_now = ON_MOBILE
    run(world)
    world.lines_now, world.done = STABLE, []
    world.offer = replace(NEW, packages_hash="newer")
    assert update(world) == "restart"
    assert "sync" in world.done


def test_a_restart_that_never_came_is_asked_for_again(world: World) -> None:
    assert update(world) == "restart"
    world.done = []
    assert update(world) == "restart"
    assert "sync" not in world.done


def test_a_slot_on_trial_updates_nothing(world: World) -> None:
    world.write_env(SlotEnv(slot=Slot.B, trial=Slot.A, tries=1))
    ending = run(world, OWNER)
    assert ending.why is Why.ON_TRIAL
    assert "sync" not in world.done


@pytest.mark.parametrize("step", ["look", "sync", "fetch", "install", "check", "place"])
def test_a_step_that_fails_leaves_all_as_it_was_with_the_reason(world: World, step: str) -> None:
    world.refuses[step] = WorldError("it said no")
    ending = run(world)
    assert ending.outcome == "failed"
    assert "it said no" in ending.reason
    assert world.ledger().last.reason == ending.reason
    assert slots.parse(world.card.env) == SlotEnv(slot=Slot.A)
    assert world.card.kernels == {Slot.A: "old"}
    blamed = world.ledger().refused
    assert (blamed is not None) == (step in ("install", "check"))


@pytest.mark.parametrize("why", [Why.UNSIGNED, Why.ROOM])
def test_no_signature_and_no_room_are_refusals_and_blame_no_package(world: World, why: Why) -> None:
    world.refuses["fetch"] = WorldError("no", why=why)
    ending = run(world)
    assert (ending.outcome, ending.why) == ("refused", why)
    assert world.ledger().refused is None


def test_what_was_given_up_is_not_tried_again_until_it_changes(world: World) -> None:
    refused = RefusedSet(packages_hash="n", at="2027-01-11T03:00:00+00:00", reason="no line")
    world.write_ledger(replace(Ledger(), refused=refused))
    ending = run(world)
    assert (ending.outcome, ending.why) == ("refused", Why.REFUSED)
    assert "2027-01-11 and given up: no line" in ending.reason
    assert "sync" not in world.done
    assert update(world, replace(OWNER, again=True)) == "restart"


def test_another_version_is_tried(world: World) -> None:
    world.write_ledger(replace(Ledger(), refused=RefusedSet(packages_hash="other", at="", reason="")))
    assert update(world) == "restart"


def test_what_is_held_back_for_ever_is_no_update(world: World) -> None:
    world.write_ledger(Ledger().with_slot(Slot.A, verdict=Verdict.GOOD, packages_hash="n"))
    assert run(world).outcome == "nothing"
    assert "sync" not in world.done


def test_a_damaged_sheet_does_not_stop_an_update(world: World) -> None:
    world.card.env = b"\xff" * 512
    assert update(world) == "restart"
    assert slots.parse(world.card.env) == SlotEnv(slot=Slot.A, trial=Slot.B, tries=2)
