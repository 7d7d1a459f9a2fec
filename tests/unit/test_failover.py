"""Which line carries what is new, and what becomes of what is open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failberry.config import Config, Mode, Wired
from failberry.core.actions import Flows, Report
from failberry.core.failover import CALM, Mobile, Stage
from failberry.core.lines import Verdict
from failberry.core.snapshot import UplinkName
from tests.unit.failover_house import (
    CELLULAR,
    GATE,
    NAMELESS,
    NO_SESSION,
    READY,
    UP,
    WIRED,
    House,
    down,
    suspect,
)


def test_a_good_wired_line_is_used() -> None:
    house = House()
    assert (house.active, house.failover.stage) == (WIRED, Stage.HOME)
    assert house.dropped() == []


def test_a_suspicion_moves_what_is_new_and_cuts_nothing_that_is_open() -> None:
    house = House()
    house.become(suspect(house.now))
    assert (house.active, house.failover.stage) == (CELLULAR, Stage.SUSPECT)
    house.prove()
    house.look(3.0)
    assert house.dropped() == [(WIRED, Flows.UNANSWERED)]
    house.become(UP)
    house.look(CALM - 0.1)
    assert house.active is CELLULAR
    house.look(0.2)
    assert (house.active, house.failover.stage) == (WIRED, Stage.HOME)


def test_a_confirmed_silence_cuts_once_the_mobile_line_has_answered_and_sweeps_twice() -> None:
    house = House()
    began = house.now
    house.become(suspect(began))
    house.look(5.0, down(began))
    house.look(60.0)
    assert house.dropped() == [(WIRED, Flows.UNANSWERED)], "the mobile line is not proven since then"
    house.prove()
    assert house.dropped() == [(WIRED, Flows.ALL)]
    house.look(20.0)
    assert house.dropped() == [(WIRED, Flows.ALL)] * 2
    house.look(600.0)
    assert house.dropped() == []


def test_what_still_passes_is_not_cut_although_no_ping_does() -> None:
    house = House(passing=7)
    house.become(suspect(house.now))
    house.become(down(house.now))
    house.prove()
    house.look(300.0)
    assert house.active is CELLULAR
    assert house.dropped() == [(WIRED, Flows.UNANSWERED)]
    house.passing = 0
    house.look(10.0)
    assert (WIRED, Flows.ALL) in house.dropped()


def test_what_passes_again_is_not_cut_for_what_was_seen_before() -> None:
    house = House(passing=7)
    house.become(down(house.now))
    house.prove()
    house.look(300.0)
    house.dropped()
    house.passing = 0
    house.look(5.5)  # the last look at the connections was a second and a half ago
    house.passing = 7
    house.look(60.0)
    assert house.dropped() == []


def test_where_nobody_counts_the_silence_alone_decides() -> None:
    house = House(came_back=None)
    house.become(down(house.now))
    house.prove()
    house.look(3.0)
    assert (WIRED, Flows.ALL) in house.dropped()


@pytest.mark.parametrize("passing", [UP, NAMELESS], ids=["all is well", "nobody resolves names"])
def test_nothing_is_cut_any_more_once_the_wired_line_passes_again(passing: Verdict) -> None:
    house = House()
    house.become(down(house.now))
    house.look(20.0)
    house.become(passing)
    house.dropped()
    house.prove()
    house.look(30.0)
    assert house.active is CELLULAR
    assert house.dropped() == []


def test_nothing_is_cut_before_the_routes_stand() -> None:
    house = House(settled=False)
    house.become(down(house.now))
    house.prove()
    house.look(10.0)
    assert house.dropped() == []
    house.settled = True
    house.look(0.0)
    assert (WIRED, Flows.ALL) in house.dropped()


def test_without_another_line_nothing_is_moved_and_nothing_is_cut() -> None:
    house = House(mobile=Mobile(link=NO_SESSION, proven=None))
    house.become(down(house.now))
    house.look(3600.0)
    assert house.active is WIRED
    assert house.dropped() == []
    house.mobile = Mobile(link=READY, proven=None)
    house.look(0.0)
    assert house.active is CELLULAR, "the first line that is there is used at once"


def test_an_unproven_mobile_line_is_not_used_on_mere_suspicion() -> None:
    house = House(mobile=Mobile(link=READY, proven=None))
    house.become(suspect(house.now))
    assert house.active is WIRED
    house.prove()
    assert house.active is CELLULAR


def test_names_that_nobody_resolves_move_what_is_new_and_cut_nothing() -> None:
    house = House()
    house.become(NAMELESS)
    house.prove()
    house.look(600.0)
    assert house.active is CELLULAR
    assert house.dropped() == []


def test_the_owner_chooses_for_a_while() -> None:
    house = House()
    house.actions += house.failover.force(CELLULAR, 3600.0, house.now)
    house.look(3000.0)
    assert house.active is CELLULAR
    assert house.failover.next(house.wired, house.now) == ("choose the line by itself again", 600.0)
    house.look(700.0 + GATE)
    assert house.active is WIRED


def test_the_owner_cannot_lock_himself_out() -> None:
    house = House()
    house.failover.force(WIRED, None, house.now)
    house.become(down(house.now))
    assert house.active is CELLULAR
    assert "but that is dead" in house.failover.reason
    house.become(UP)
    assert house.active is WIRED
    house.failover.force(CELLULAR, None, house.now)
    house.mobile = Mobile(link=NO_SESSION, proven=None)
    house.look(0.0)
    assert house.active is WIRED


def test_beside_a_router_nothing_of_the_house_is_cut_on_the_way_back() -> None:
    config = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
    house = House(config=config)
    house.become(down(house.now))
    house.prove()
    house.look(30.0)
    house.dropped()
    house.become(UP)
    house.look(GATE + 600.0)
    assert house.active is WIRED
    assert house.dropped() == []


def test_a_metered_line_that_goes_on_carrying_is_told_of() -> None:
    house = House()
    house.mobile = replace(house.mobile, rate=20_000.0)
    house.look(100.0)
    assert not house.failover.stranded(house.now)
    house.look(100.0)
    assert house.failover.stranded(house.now)
    house.mobile = replace(house.mobile, rate=10.0)
    house.look(1.0)
    assert not house.failover.stranded(house.now)


@pytest.mark.parametrize(
    ("wired", "wired6", "mobile6", "wanted"),
    [
        (UP, UP, False, WIRED),
        (UP, suspect(1000.0), False, WIRED),
        (UP, down(1000.0), False, None),
        (UP, down(1000.0), True, CELLULAR),
        (UP, None, True, None),
        (down(1000.0), down(1000.0), True, CELLULAR),
        (down(1000.0), down(1000.0), False, None),
        (down(1000.0), None, False, None),
    ],
)
def test_ipv6_goes_where_it_lives_or_is_refused(
    *, wired: Verdict, wired6: Verdict | None, mobile6: bool, wanted: UplinkName | None
) -> None:
    house = House(wired6=wired6)
    house.mobile = replace(house.mobile, ipv6=mobile6)
    house.become(wired)
    assert house.failover.active6 is wanted


def test_each_change_is_one_line_with_its_reason_and_place() -> None:
    house = House()
    house.actions.clear()
    house.become(down(house.now))
    (told,) = [each for each in house.actions if isinstance(each, Report)]
    assert (told.what, told.why) == (
        "wired -> cellular",
        "the wired line: nobody answers; it breaks behind 203.0.113.1 (hop 1)",
    )
    assert told.next == f"back when the wired line has been good for {GATE:.0f} s"
