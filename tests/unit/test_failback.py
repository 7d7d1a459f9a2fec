"""When the house goes back to the wired line, and what becomes of what is still on the mobile one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from failberry.core.actions import Flows
from failberry.core.failover import CALM, LONGEST_HOLD, VAIN, Mobile
from failberry.core.lines import Verdict
from failberry.policy import Failback
from tests.unit.failover_house import (
    CELLULAR,
    DUAL,
    GATE,
    NO_SESSION,
    POOR,
    READY,
    UP,
    WIRED,
    House,
    down,
    suspect,
)


def test_the_way_back_opens_when_the_line_has_been_good_for_its_time() -> None:
    house = House()
    house.become(down(house.now))
    house.prove()
    house.look(300.0)
    house.become(UP)
    house.look(GATE / 2)
    house.become(suspect(house.now))
    house.become(UP)
    house.look(GATE - 1)
    assert house.active is CELLULAR, "the time begins anew with each fault"
    house.look(2.0)
    assert house.active is WIRED


@pytest.mark.parametrize("instant", [1009.9003125, 65491.2439868])
def test_at_the_very_instant_of_its_deadline_it_goes_back(instant: float) -> None:
    """Floating point: a + 60 - a may be less than 60."""
    house = House(now=instant - 30.0, mobile=Mobile(link=READY, proven=instant))
    house.become(down(house.now))
    house.now = instant
    house.become(UP)
    due = house.failover.deadline(house.now)
    while due is not None:
        house.now = due
        house.become(UP)
        due = house.failover.deadline(house.now) if house.active is CELLULAR else None
    assert house.active is WIRED


def test_what_stays_on_the_metered_line_is_cut_after_a_while() -> None:
    house = House()
    house.become(down(house.now))
    house.prove()
    house.look(30.0)
    house.dropped()
    house.become(UP)
    house.look(GATE + 0.1)
    assert house.active is WIRED
    house.look(DUAL.failover.linger - 1)
    assert house.dropped() == []
    house.look(20.0)
    assert house.dropped() == [(CELLULAR, Flows.ALL)] * 3


def test_a_mobile_line_that_dies_ends_the_waiting() -> None:
    house = House()
    house.become(down(house.now))
    house.prove()
    house.look(30.0)
    house.become(UP)
    house.mobile = Mobile(link=NO_SESSION, proven=None)
    house.look(0.0)
    assert house.active is WIRED


def outage(house: House, *, good: float) -> float:
    """The line dies, comes back, and is good for so long; return how long the way back took."""
    house.become(down(house.now))
    house.prove()
    house.look(10.0)
    house.become(UP)
    back = house.now
    while house.active is not WIRED:
        house.look(1.0)
    took = house.now - back
    house.look(good)
    return took


def test_with_both_dead_a_session_that_carries_nothing_does_not_keep_the_house() -> None:
    house = House(mobile=Mobile(link=NO_SESSION, proven=None))
    house.become(down(house.now))
    house.mobile = Mobile(link=READY, proven=None)
    house.look(30.0)
    assert house.active is CELLULAR
    house.become(UP)
    assert house.active is WIRED


@pytest.mark.parametrize(
    ("hear", "keeps"),
    [(House.prove, True), (House.ask_in_vain, False), (lambda _: None, True)],
    ids=["answers", "is silent", "was not asked"],
)
def test_a_mobile_line_that_was_alive_before_and_is_silent_does_not_keep_the_house_either(
    hear: Callable[[House], None], *, keeps: bool
) -> None:
    house = House()
    house.become(down(house.now))
    house.look(1.0)
    hear(house)
    house.look(9.0)
    house.become(UP)
    assert house.active is (CELLULAR if keeps else WIRED)


def test_a_mobile_line_that_falls_silent_later_does_not_keep_the_house_for_long() -> None:
    house = House()
    house.become(down(house.now))
    house.prove()
    house.look(60.0)
    house.ask_in_vain()
    house.become(UP)
    house.look(VAIN - 0.1)
    assert house.active is CELLULAR, "a question or two may be lost"
    house.look(0.2)
    assert house.active is WIRED


def test_what_the_house_has_just_gone_to_is_given_time_to_answer() -> None:
    house = House()
    house.become(down(house.now))
    house.ask_in_vain()
    house.look(CALM / 2)
    house.become(UP)
    assert house.active is CELLULAR
    house.look(CALM / 2)
    assert house.active is WIRED


def test_a_line_that_flaps_is_trusted_later_each_time() -> None:
    house = House()
    times = [outage(house, good=60.0) for _ in range(9)]
    assert times[:4] == pytest.approx([GATE, 2 * GATE, 4 * GATE, 8 * GATE], abs=1.5)
    assert times[-1] == pytest.approx(LONGEST_HOLD, abs=1.5)
    house.look(86_400.0)
    assert outage(house, good=0.0) == pytest.approx(GATE, abs=1.5)


@pytest.mark.parametrize("failback", Failback)
def test_ways_to_go_back(failback: Failback) -> None:
    config = replace(DUAL, failover=replace(DUAL.failover, failback=failback))
    house = House(config=config)
    house.become(down(house.now))
    house.prove()
    house.mobile = replace(house.mobile, rate=50_000.0)
    house.look(30.0)
    house.become(UP)
    house.look(CALM + 1)
    assert (house.active is WIRED) is (failback is Failback.IMMEDIATE)
    house.look(600.0)
    assert (house.active is WIRED) is (failback in (Failback.IMMEDIATE, Failback.AFTER))
    house.mobile = replace(house.mobile, rate=100.0)
    house.look(60.0)
    assert (house.active is WIRED) is (failback is not Failback.NEVER)


def test_of_a_poor_wired_line_and_a_silent_mobile_one_the_poor_one_is_used() -> None:
    house = House()
    house.become(POOR)
    assert house.active is CELLULAR
    house.prove()
    house.look(60.0)
    house.ask_in_vain()
    house.look(VAIN + 0.1)
    assert house.active is WIRED
    house.look(600.0)
    assert house.active is WIRED
    house.prove()
    assert house.active is CELLULAR


@pytest.mark.parametrize("trouble", [POOR, suspect(1000.0)], ids=["poor", "suspect"])
def test_nobody_goes_to_a_mobile_line_that_does_not_answer_before_the_wired_one_is_dead(
    trouble: Verdict,
) -> None:
    house = House()
    house.ask_in_vain()
    house.become(trouble)
    assert house.active is WIRED
    house.become(down(house.now))
    assert house.active is CELLULAR
