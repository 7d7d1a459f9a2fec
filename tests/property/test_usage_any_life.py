"""What was used stays known, whatever becomes of the daemon, the power and the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failberry.core import cycle
from failberry.core.actions import StoreUsage
from failberry.core.budget import MONTH, ProbeBudget
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import DayObserved, UsageStored
from failberry.core.facts import UsageRecord
from failberry.core.usage import FLOOR, Meter
from failberry.policy import Usage

PLAN = Usage(cap=100.0, cycle_day=31)


@dataclass
class Life:
    """A meter, its disk and its line; ``carried`` is the truth."""

    now: float = 0.0
    boots: int = 1
    index: int = 1
    up: bool = False
    counter: int = 0
    """Bytes of the session's interface; what is received is half of them."""
    carried: int = 0
    """Bytes of this cycle, since it was first known."""
    unseen: int = 0
    """Bytes since the last look."""
    lost: int = 0
    """Bytes that nobody could have seen: the power was cut, or a whole session went unobserved."""
    day: date = date(2026, 1, 30)
    disk: UsageRecord | None = None
    flying: StoreUsage | None = None
    meter: Meter = field(default_factory=lambda: Meter(PLAN, DeedNumbers()))

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.meter = Meter(PLAN, DeedNumbers())
        self.flying = None
        self.meter.remember(self.disk, f"boot {self.boots}", self.now)
        self.settle()

    def settle(self) -> None:
        """Write what is to be written; the answer comes later."""
        for action in self.meter.take(self.now):
            if isinstance(action, StoreUsage):
                self.flying = action

    def synced(self) -> None:
        if self.flying is not None:
            self.disk, deed = self.flying.record, self.flying.deed
            self.flying = None
            self.meter.stored(UsageStored(deed=deed), self.now)
            self.settle()

    def look(self) -> None:
        if self.up:
            half = self.counter // 2
            self.meter.counters("fbcell0", self.index, half, self.counter - half, self.now)
            self.unseen = 0
            self.settle()

    def dial(self) -> None:
        if not self.up:
            self.up, self.index, self.counter = True, self.index + 1, 0

    def carry(self, octets: int) -> None:
        if self.up:
            self.counter += octets
            self.carried += octets
            self.unseen += octets

    def hang_up(self, *, told: bool) -> None:
        if self.up:
            self.up = False
            half = self.counter // 2
            if told:
                self.meter.session_ended(half, self.counter - half, self.now)
            else:
                self.meter.session_ended(None, None, self.now)
                self.lost += self.unseen
            self.unseen = 0
            self.settle()

    def restart(self) -> None:
        """Kill the daemon; what it has not written is in the counters, of a session that goes on."""
        disk = self.disk or UsageRecord(used=0)
        known = (disk.index, disk.boot) == (self.index, f"boot {self.boots}")
        left = self.counter - (disk.received + disk.sent if known else 0) if self.up else 0
        lost = self.carried - disk.used - left
        assert self.lost <= lost <= self.lost + self.floor + 2 * self.last_step
        self.lost, self.unseen = lost, left
        self.start()

    def cut_power(self) -> None:
        written = self.disk.used if self.disk is not None else 0
        assert self.carried - self.lost - self.unseen - written <= self.floor + 2 * self.last_step
        self.lost = self.carried - written
        self.up, self.unseen, self.boots = False, 0, self.boots + 1
        self.index = 1
        self.start()

    @property
    def floor(self) -> float:
        return FLOOR + 0.01 * self.carried

    last_step: int = 0

    def tell_day(self, *, trusted: bool, shift: int = 0) -> None:
        told = self.day + timedelta(days=shift) if trusted else date(1970, 1, 1)
        self.meter.day(DayObserved(day=told, trusted=trusted), self.now)
        self.settle()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("carry"), st.integers(0, 300_000)),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("dial"), st.none()),
        st.tuples(st.just("hang_up"), st.booleans()),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("power cut"), st.none()),
        st.tuples(st.just("clock"), st.sampled_from(["untrusted", "right", "a day back", "a month back"])),
        st.tuples(st.just("time"), st.floats(0.1, 2000.0)),
        st.tuples(st.just("disk"), st.none()),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_no_byte_is_counted_twice_and_none_lost_but_by_a_power_cut(
    steps: list[tuple[str, object]],
) -> None:
    life = Life()
    life.tell_day(trusted=True)
    for what, how in steps:
        match what, how:
            case "carry", int(octets):
                life.carry(octets)
                life.last_step = max(life.last_step, octets)
            case "look", _:
                life.look()
                life.synced()
            case "dial", _:
                life.dial()
                life.look()
            case "hang_up", bool(told):
                life.hang_up(told=told)
            case "restart", _:
                life.restart()
            case "power cut", _:
                life.synced()
                life.cut_power()
            case "clock", "untrusted":
                life.tell_day(trusted=False)
            case "clock", str(words):
                life.tell_day(trusted=True, shift={"right": 0, "a day back": -1}.get(words, -31))
            case "time", float(seconds):
                life.now += seconds
                life.settle()
            case "disk", _:
                life.synced()
        used = life.meter.record.used
        assert used <= life.carried, "counted twice"
        assert used >= life.carried - life.lost - life.unseen, "lost"


DAYS = st.lists(
    st.tuples(st.booleans(), st.integers(-20, 75), st.integers(0, 5_000_000)), min_size=1, max_size=40
)


@settings(deadline=None, max_examples=150)
@given(cycle_day=st.integers(1, 31), days=DAYS)
def test_a_cycle_opens_once_and_only_for_a_day_that_can_be_believed(
    cycle_day: int, days: list[tuple[bool, int, int]]
) -> None:
    """Days go on, back a little, or leap; the count is that of the newest cycle that was seen to begin."""
    meter = Meter(Usage(cycle_day=cycle_day), DeedNumbers())
    meter.remember(None, "boot", 0.0)
    day = newest = date(2026, 1, 30)
    meter.day(DayObserved(day=day, trusted=True), 0.0)
    counter, used, undated, trusted = 0, 0, 0, True
    for believed, step, octets in days:
        day = day + timedelta(days=step)
        told = day if believed else date(1970, 1, 1)
        meter.day(DayObserved(day=told, trusted=believed), 0.0)
        trusted = believed
        if believed and day > newest:
            if cycle.began(day, cycle_day) > cycle.began(newest, cycle_day):
                used = undated
            newest = day
        elif believed and day < newest - timedelta(days=35):
            newest = day
        undated = 0 if believed else undated
        counter += octets
        used += octets
        undated += 0 if trusted else octets
        meter.counters("fbcell0", 3, counter, 0, 0.0)
        assert meter.record.used == used
        assert meter.record.day == newest


@given(cycle_day=st.integers(1, 31), day=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_every_day_is_in_one_cycle_of_about_a_month(cycle_day: int, day: date) -> None:
    began, ends = cycle.began(day, cycle_day), cycle.ends(day, cycle_day)
    assert began <= day < ends
    assert timedelta(days=28) <= ends - began <= timedelta(days=31)
    assert cycle.began(ends, cycle_day) == ends
    assert cycle.began(ends - timedelta(days=1), cycle_day) == began
    assert began.day == cycle_day or (began + timedelta(days=1)).day == 1


SPENDING = st.lists(st.tuples(st.floats(0, 200_000), st.integers(1, 4000), st.booleans()), max_size=200)


@settings(deadline=None, max_examples=60)
@given(megabytes=st.floats(0.001, 20), spending=SPENDING, greed=st.integers(1, 400))
def test_no_thirty_days_cost_more_than_the_budget(
    megabytes: float, spending: list[tuple[float, int, bool]], greed: int
) -> None:
    budget = ProbeBudget(megabytes)
    now, spent = 0.0, list[tuple[float, int]]()
    for pause, size, debt in spending:
        now += pause
        for _ in range(greed):
            if not budget.affords(size, now, debt=debt):
                break
            budget.spend(size, now)
            spent.append((now, size))
    for begin, _ in spent[:: max(1, len(spent) // 50)]:
        month = sum(size for at, size in spent if begin <= at <= begin + MONTH)
        assert month <= megabytes * 1e6 * (1 + 1e-9)
    assert budget.spent == sum(size for _, size in spent)
