"""Which line carries what is new, and what becomes of what is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from failberry.config import Config, Lan, Mode, Wired
from failberry.core.actions import Action, DropFlows, Flows, Report, WeighFlows
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import FlowsWeighed
from failberry.core.failover import CALM, LONGEST_HOLD, VAIN, Failover, Mobile, Stage
from failberry.core.lines import Verdict
from failberry.core.links import Link
from failberry.core.snapshot import LineState, UplinkName
from failberry.policy import Failback

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
DUAL = Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface="wan0"), lan=Lan(interface="lan0"))
GATE = DUAL.failover.failback_after
READY = Link(usable=True, reason="PPP session up")
NO_SESSION = Link(usable=False, reason="the modem is being dialled")

UP = Verdict(state=LineState.UP, since=0.0, reason="1.1.1.1 answered")
NAMELESS = Verdict(state=LineState.DOWN, since=0.0, reason="pings pass, but no name server answers")


def suspect(since: float) -> Verdict:
    return Verdict(state=LineState.SUSPECT, since=since, reason="nobody answers", silent_since=since)


def down(since: float) -> Verdict:
    return Verdict(
        state=LineState.DOWN,
        since=since,
        reason="nobody answers",
        where="behind 203.0.113.1 (hop 1)",
        silent_since=since,
    )


@dataclass
class House:
    """A failover that is fed, and what it did."""

    config: Config = DUAL
    now: float = 1000.0
    wired: Verdict = UP
    wired6: Verdict | None = None
    mobile: Mobile = field(default_factory=lambda: Mobile(link=READY, proven=900.0))
    settled: bool = True
    came_back: int | None = 100
    """Packets on open connections of the wired line …"""
    passing: int = 0
    """… and how many more from look to look."""
    actions: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.failover = Failover(self.config, DeedNumbers())
        self.look(0.0)

    def look(self, after: float, wired: Verdict | None = None) -> None:
        """Let time pass to this instant from now in the steps that the deadlines ask for."""
        end = self.now + after
        self.wired = wired or self.wired
        while True:
            for _ in range(3):  # the event itself, and the answers to what was asked for
                new = self.failover.weigh(
                    wired=self.wired,
                    wired6=self.wired6,
                    mobile=self.mobile,
                    settled=self.settled,
                    now=self.now,
                )
                self.actions += new
                for deed in [each for each in new if isinstance(each, WeighFlows)]:
                    self.came_back = None if self.came_back is None else self.came_back + self.passing
                    answer = FlowsWeighed(deed=deed.deed, packets_in=self.came_back)
                    self.failover.weighed(answer, self.now)
            due = self.failover.deadline(self.now)
            if due is None or due > end:
                break
            self.now = due
        self.now = end

    def become(self, wired: Verdict) -> None:
        """The verdict on the wired line changes now."""
        self.look(0.0, wired)

    def prove(self) -> None:
        """Something comes back over the mobile line now."""
        self.mobile = replace(self.mobile, proven=self.now, silence=None)
        self.look(0.0)

    def ask_in_vain(self) -> None:
        """A question over the mobile line is left unanswered now."""
        self.mobile = replace(self.mobile, silence=self.now)
        self.look(0.0)

    def dropped(self) -> list[tuple[UplinkName, Flows]]:
        """Connections that were forgotten since the last question."""
        found = [(each.line, each.flows) for each in self.actions if isinstance(each, DropFlows)]
        self.actions.clear()
        return found

    @property
    def active(self) -> UplinkName | None:
        return self.failover.active


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
