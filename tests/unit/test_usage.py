"""The meter: what it warns of, when the cap bites, when it writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from failberry.core.actions import Report, Severity, StoreUsage
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import DayObserved, UsageStored
from failberry.core.facts import UsageRecord
from failberry.core.snapshot import UsageView
from failberry.core.usage import RELAPSE, RETRY, TRICKLE_EVERY, WRITE_EVERY, Meter, Restriction
from failberry.policy import CapAction, Usage

MB = 1_000_000
PLAN = Usage(cap=100.0, cycle_day=15)


class Bench:
    """A meter, its counters, and a disk that answers at once."""

    def __init__(
        self,
        plan: Usage = PLAN,
        record: UsageRecord | None = None,
        *,
        boot: str = "b1",
        day: date | None = date(2026, 3, 20),
    ) -> None:
        self.now, self.carried, self.disk = 0.0, 0, record
        self.reports: list[Report] = []
        self.writes = 0
        self.problem: str | None = None
        self.meter = Meter(plan, DeedNumbers())
        self.meter.remember(record, boot, self.now)
        if day is not None:
            self.day(day)

    def day(self, day: date, *, trusted: bool = True) -> None:
        self.meter.day(DayObserved(day=day, trusted=trusted), self.now)
        self.take()

    def carry(self, octets: int, *, index: int = 7) -> None:
        self.carried += octets
        self.meter.counters("fbcell0", index, self.carried, 0, self.now)
        self.take()

    def wired(self, *, dead: bool) -> None:
        self.meter.line(wired_dead=dead, standby=not dead, now=self.now)
        self.take()

    def sleep(self, seconds: float) -> None:
        """Let time pass, from deadline to deadline."""
        end = self.now + seconds
        while (due := self.meter.deadline(self.now)) is not None and due <= end:
            self.now = due
            self.take()
        self.now = end
        self.take()

    def take(self) -> None:
        for action in self.meter.take(self.now):
            if isinstance(action, Report):
                self.reports.append(action)
            elif isinstance(action, StoreUsage):
                self.writes += 1
                if self.problem is None:
                    self.disk = action.record
                self.meter.stored(UsageStored(deed=action.deed, problem=self.problem), self.now)

    def told(self) -> list[str]:
        told, self.reports = [each.what for each in self.reports], []
        return told


def test_each_percentage_is_warned_of_once_in_a_cycle_and_restarts_do_not_repeat_it() -> None:
    bench = Bench()
    bench.carry(49 * MB)
    assert bench.told() == []
    bench.carry(2 * MB)
    assert bench.told() == ["50 % of the data cap are used"]
    bench.carry(40 * MB)
    assert bench.told() == ["80 % of the data cap are used"]
    again = Bench(record=bench.disk)
    again.carried = bench.carried
    again.carry(1000)
    assert again.told() == []
    again.carry(5 * MB)
    assert again.told() == ["95 % of the data cap are used"]
    again.day(date(2026, 4, 15))
    assert again.told() == ["a billing cycle began on 2026-04-15"]
    again.carry(60 * MB)
    assert again.told() == ["50 % of the data cap are used"]


@pytest.mark.parametrize(
    ("action", "restriction", "severity"),
    [
        (CapAction.WARN, Restriction.NONE, Severity.ERROR),
        (CapAction.BLOCK_CLIENTS, Restriction.BLOCK_CLIENTS, Severity.ERROR),
        (CapAction.DISCONNECT, Restriction.DISCONNECT, Severity.ERROR),
    ],
)
def test_the_cap_does_what_was_said(action: CapAction, restriction: Restriction, severity: Severity) -> None:
    bench = Bench(replace(PLAN, action=action))
    bench.sleep(RELAPSE)
    bench.carry(100 * MB - 1)
    assert bench.meter.restriction is Restriction.NONE
    bench.reports.clear()
    bench.carry(1)
    assert bench.meter.restriction is restriction
    assert bench.reports[0].what == "the data cap is reached: 100 %"
    assert bench.reports[0].severity is severity
    assert bench.meter.view().state == "capped"
    bench.day(date(2026, 4, 15))
    assert bench.meter.restriction is Restriction.NONE


def test_the_cap_is_lifted_while_the_wired_line_is_dead_and_a_minute_longer() -> None:
    bench = Bench(replace(PLAN, action=CapAction.DISCONNECT))
    bench.sleep(RELAPSE)
    bench.carry(101 * MB)
    bench.wired(dead=True)
    assert bench.meter.restriction is Restriction.NONE
    assert bench.meter.view().state == "lifted"
    bench.sleep(3600)
    for _ in range(5):  # it wavers
        bench.wired(dead=False)
        bench.sleep(RELAPSE - 1)
        assert bench.meter.restriction is Restriction.NONE
        bench.wired(dead=True)
    bench.reports.clear()
    bench.wired(dead=False)
    bench.sleep(RELAPSE)
    assert bench.meter.restriction is Restriction.DISCONNECT
    assert bench.told() == ["the mobile line is hung up"]


def test_without_a_last_resort_the_cap_stands() -> None:
    bench = Bench(replace(PLAN, action=CapAction.BLOCK_CLIENTS, last_resort=False))
    bench.wired(dead=True)
    bench.carry(101 * MB)
    assert bench.meter.restriction is Restriction.BLOCK_CLIENTS


def test_a_start_with_the_cap_reached_waits_to_see_whether_the_wired_line_is_dead() -> None:
    spent = UsageRecord(used=101 * MB, day=date(2026, 3, 19), warned=100)
    bench = Bench(replace(PLAN, action=CapAction.DISCONNECT), record=spent)
    bench.wired(dead=False)
    assert bench.meter.restriction is Restriction.NONE
    bench.sleep(RELAPSE)
    assert bench.meter.restriction is Restriction.DISCONNECT
    assert bench.told() == ["the mobile line is hung up"]


def test_a_line_in_standby_is_written_four_times_a_day() -> None:
    bench = Bench()
    bench.sleep(3600)
    bench.writes = 0
    for _ in range(24 * 48):
        bench.carry(72)
        bench.sleep(75)
    assert bench.writes == 24 * 3600 // TRICKLE_EVERY


def test_a_busy_line_is_written_before_it_hurts() -> None:
    bench = Bench()
    for _ in range(4000):
        bench.carry(50_000)
        bench.sleep(2.0)
        assert bench.disk is not None
        assert bench.carried - bench.disk.used <= max(200_000, 0.005 * bench.carried)
    assert bench.writes < 500  # in more than two hours
    bench.carry(30_000)
    bench.sleep(WRITE_EVERY)
    assert bench.disk is not None
    assert bench.disk.used == bench.carried


def test_a_disk_that_takes_nothing_is_told_once_and_tried_again() -> None:
    bench = Bench()
    bench.problem = "read-only file system"
    bench.carry(MB)
    bench.sleep(3 * RETRY)
    assert bench.told() == ["usage not written"]
    assert 3 <= bench.writes <= 6
    bench.problem = None
    bench.sleep(RETRY)
    assert bench.disk is not None
    assert bench.disk.used == MB


def test_what_pppd_tells_at_the_end_closes_the_gap() -> None:
    bench = Bench()
    bench.carry(1000)
    bench.meter.session_ended(1500, 300, bench.now)
    assert bench.meter.record.used == 1800
    # The answer to a look that was under way comes late, and is no new session.
    bench.meter.counters("fbcell0", 7, 1200, 0, bench.now)
    assert bench.meter.record.used == 1800
    bench.meter.counters("fbcell0", 8, 10, 10, bench.now)
    assert bench.meter.record.used == 1820


def test_a_session_that_nobody_looked_at_counts_whole() -> None:
    bench = Bench()
    bench.carry(5000)
    bench.meter.session_ended(5000, 0, bench.now)
    bench.meter.session_ended(300, 40, bench.now)
    assert bench.meter.record.used == 5340


@pytest.mark.parametrize("garbage", [(-1, 5), (1 << 63, 0), (None, 4)])
def test_nonsense_at_the_end_is_not_counted(garbage: tuple[int | None, int]) -> None:
    bench = Bench()
    bench.carry(5000)
    bench.meter.session_ended(*garbage, bench.now)
    assert bench.meter.record.used == 5000


def test_counters_of_32_bits_may_begin_again() -> None:
    bench = Bench()
    bench.carry((1 << 32) - 500)
    bench.meter.counters("fbcell0", 7, 700, 0, bench.now)
    assert bench.meter.record.used == (1 << 32) + 700


def test_counters_that_begin_again_without_a_new_interface_are_believed_at_the_second_look() -> None:
    bench = Bench()
    bench.carry(9000)
    bench.meter.counters("fbcell0", 7, 100, 0, bench.now)
    assert bench.meter.record.used == 9000
    bench.meter.counters("fbcell0", 7, 150, 0, bench.now)
    assert bench.meter.record.used == 9150


def test_what_is_counted_under_a_clock_of_1970_goes_into_the_cycle_that_turns_out_to_have_begun() -> None:
    before = UsageRecord(used=60 * MB, day=date(2026, 4, 14), warned=50)
    bench = Bench(record=before, day=None)
    bench.day(date(1970, 1, 1), trusted=False)
    bench.carry(300_000)
    assert bench.meter.record.used == 60 * MB + 300_000
    bench.carry(3 * MB)
    again = Bench(record=bench.disk, boot="b2", day=None)
    again.carry(MB, index=3)
    assert again.meter.record.used == 64 * MB + 300_000
    again.day(date(2026, 4, 16))
    assert again.meter.record.used == 4 * MB + 300_000
    assert again.meter.record.warned == 0


def test_a_leap_of_months_opens_one_cycle_and_a_clock_set_back_none() -> None:
    bench = Bench()
    bench.carry(MB)
    bench.day(date(2026, 9, 1))
    assert bench.told() == ["a billing cycle began on 2026-08-15"]
    bench.carry(5)
    for day in (date(2026, 8, 14), date(2026, 8, 31), date(2026, 9, 2)):
        bench.day(day)
    assert bench.meter.record.used == 5
    assert bench.told() == []


def test_a_day_far_ahead_that_was_wrong_keeps_no_cycle_from_opening() -> None:
    bench = Bench()
    bench.day(date(2099, 1, 1))
    bench.carry(5)
    bench.day(date(2026, 3, 21))
    assert bench.meter.record.used == 5
    bench.day(date(2026, 4, 15))
    assert bench.meter.record.used == 0


def test_the_owner_knows_better() -> None:
    bench = Bench()
    bench.carry(90 * MB)
    bench.told()
    bench.meter.correct(40 * MB, bench.now)
    bench.take()
    assert bench.told() == ["40.0 MB used"]
    assert bench.disk is not None
    assert bench.disk.used == 40 * MB
    bench.carry(15 * MB)
    assert bench.told() == ["50 % of the data cap are used"]


def test_a_larger_plan_is_warned_of_anew() -> None:
    bench = Bench(replace(PLAN, action=CapAction.DISCONNECT, last_resort=False))
    bench.carry(100 * MB)
    bench.told()
    bench.meter.reconfigure(replace(PLAN, cap=150.0), bench.now)
    bench.take()
    assert bench.told() == ["the mobile line may be used again"]
    bench.carry(30 * MB)
    assert bench.told() == ["80 % of the data cap are used"]


def test_the_view() -> None:
    bench = Bench()
    bench.carry(25 * MB)
    bench.wired(dead=True)
    bench.carry(30 * MB)
    assert bench.meter.view(probes_used=720) == UsageView(
        used=55 * MB,
        cap=100 * MB,
        percent=55.0,
        cycle_began="2026-03-15",
        days_left=26,
        state="warned",
        standby_used=25 * MB,
        probes_used=720,
    )
    nothing = Meter(Usage(), DeedNumbers()).view()
    assert (nothing.cap, nothing.percent, nothing.cycle_began, nothing.state) == (None, None, None, "ok")


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    bench = Bench()
    assert bench.meter.rate(0.0) is None
    for _ in range(30):
        bench.carry(10_000)
        bench.sleep(2.0)
    assert bench.meter.rate(bench.now) == pytest.approx(5000.0)
    assert bench.meter.rate(bench.now + 60) is None


def test_nothing_is_counted_or_written_before_the_disk_was_read() -> None:
    meter = Meter(PLAN, DeedNumbers())
    meter.day(DayObserved(day=date(2026, 3, 20), trusted=True), 0.0)
    meter.counters("fbcell0", 7, 5 * MB, 0, 0.0)
    assert [each for each in meter.take(0.0) if isinstance(each, StoreUsage)] == []
    meter.remember(
        UsageRecord(used=7 * MB, interface="fbcell0", index=7, received=4 * MB, boot="b"), "b", 1.0
    )
    meter.counters("fbcell0", 7, 5 * MB, 0, 2.0)
    assert meter.record.used == 8 * MB
