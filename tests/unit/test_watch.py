"""The watch over a session, without a world: counters and answers as the test gives them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from failberry.config import Config
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.budget import MONTH, ProbeBudget, cost
from failberry.core.causes import Fault
from failberry.core.dialogue import DeedNumbers
from failberry.core.facts import Session
from failberry.core.modem import Modem
from failberry.core.modem_state import ModemState
from tests.simulation.world import BASE

SESSION = Session(
    pid=7,
    tty="/dev/ttyUSB2",
    interface="fbcell0",
    local=IPv4Address("100.64.7.2"),
    dns=(IPv4Address("192.0.2.53"),),
)


class Bench:
    """The modem machine with an adopted session, and a line that does what the test says."""

    def __init__(self, config: Config = BASE) -> None:
        self.now = 1000.0
        self.received = self.sent = 0
        self.flows: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """Bytes that came and went since the last look."""
        self.answers, self.carrier_answers = True, False
        self.asked: list[tuple[float, do.ProbeLine]] = []
        self.looks: list[float] = []
        self.modem = Modem(config, numbers=DeedNumbers(), rng=random.Random(1))  # noqa: S311
        self.post(ev.Started(session=SESSION))
        assert self.modem.state is ModemState.CONNECTED

    def post(self, event: ev.Event) -> None:
        self.do(self.modem.handle(event, self.now))

    def do(self, actions: list[do.Action]) -> None:
        for action in actions:
            match action:
                case do.LocateModem():
                    self.post(ev.ModemLocated(deed=action.deed, hardware=None))
                case do.ReleaseDialPort():
                    self.post(ev.PortsOpened(deed=action.deed))
                case do.ReadCounters():
                    self.looks.append(self.now)
                    came, went = self.flows()
                    self.received, self.sent = self.received + came, self.sent + went
                    counters = ev.CountersRead(deed=action.deed, received=self.received, sent=self.sent)
                    self.post(counters)
                case do.ProbeLine():
                    self.asked.append((self.now, action))
                    self.now += 0.1 if self.answers else action.timeout
                    targets = len(action.targets) if self.answers else 0
                    carrier = self.carrier_answers and action.servers == SESSION.dns
                    servers = len(action.servers) if self.answers or carrier else 0
                    self.sent += cost(action.targets, action.servers, targets_answered=0, servers_answered=0)
                    self.received += cost((), action.servers) if servers else 0
                    answered = ev.LineProbed(
                        deed=action.deed, targets_answered=targets, servers_answered=servers
                    )
                    self.post(answered)
                case do.StopSession():
                    self.post(ev.SessionStopped(deed=action.deed))

    def sleep(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        end = self.now + seconds
        while (due := self.modem.deadline) is not None and due <= end and not until():
            self.now = max(self.now, due)
            self.post(ev.Tick())
        self.now = max(self.now, end if not until() else self.now)

    def lose_wired(self) -> None:
        self.do(self.modem.other_line(works=False, now=self.now))
        self.do(self.modem.want(wanted=True, now=self.now))


def both() -> tuple[int, int]:
    return 500, 500


def outwards() -> tuple[int, int]:
    return 0, 500


def test_traffic_both_ways_makes_questions_needless() -> None:
    bench = Bench()
    bench.flows = both
    bench.sleep(86_400)
    assert len(bench.asked) == 1  # at the start, for a first proof
    assert bench.modem.known.proof is not None
    assert bench.now - bench.modem.known.proof < 30


def test_a_quiet_line_is_asked_at_the_rate_that_half_the_budget_buys() -> None:
    bench = Bench()
    bench.sleep(86_400)
    spent = bench.modem.budget.spent
    assert 0.45 <= spent * 30 / (BASE.probe.cellular_budget * 1e6) <= 0.55


def test_while_the_house_depends_on_it_the_line_is_looked_at_every_two_seconds() -> None:
    bench = Bench()
    bench.flows = both
    bench.sleep(100)
    bench.lose_wired()
    bench.looks.clear()
    bench.sleep(60)
    assert len(bench.looks) >= 29


@pytest.mark.parametrize("phase", [0.0, 0.7, 1.9])
def test_the_death_of_the_line_in_use_is_known_within_ten_seconds(phase: float) -> None:
    bench = Bench()
    bench.flows = both
    bench.sleep(100)
    bench.lose_wired()
    bench.sleep(60 + phase)
    bench.answers, bench.flows = False, outwards
    died = bench.now
    bench.sleep(60, until=lambda: bench.modem.state is not ModemState.CONNECTED)
    assert bench.modem.known.silence is not None
    assert bench.modem.known.silence - died <= 2.5
    assert bench.now - died <= 11.0
    assert bench.modem.cause is not None
    assert bench.modem.cause.named is Fault.NO_DATA


def test_a_slow_answer_to_somebody_else_saves_the_line_in_use() -> None:
    bench = Bench()
    bench.flows = both
    bench.sleep(100)
    bench.lose_wired()
    bench.sleep(60)
    bench.answers = False
    looks = iter([(0, 500)])
    bench.flows = lambda: next(looks, (400, 400))
    bench.sleep(300)
    assert bench.modem.state is ModemState.CONNECTED
    assert bench.modem.known.silence is None


@pytest.mark.parametrize("busy", [False, True])
def test_a_carrier_that_answers_names_only_is_found_out(*, busy: bool) -> None:
    bench = Bench()
    bench.lose_wired()
    bench.flows = both if busy else lambda: (0, 0)  # of clients who learn addresses, and reach nobody
    bench.sleep(100)
    bench.answers, bench.carrier_answers = False, True
    died = bench.now
    bench.sleep(600, until=lambda: bench.modem.state is not ModemState.CONNECTED)
    assert bench.modem.cause is not None
    assert bench.modem.cause.named is Fault.CAPPED
    assert bench.now - died <= 76 + 65


def test_much_traffic_is_believed_although_nobody_answers_us() -> None:
    bench = Bench()
    bench.lose_wired()
    bench.flows = lambda: (100_000, 5_000)
    bench.sleep(100)
    bench.answers, bench.carrier_answers = False, True
    bench.asked.clear()
    bench.sleep(3600)
    assert bench.modem.state is ModemState.CONNECTED
    assert bench.asked
    assert len(bench.asked) <= 3600 / 76 * 4


def test_a_line_in_use_is_asked_now_and_then_however_much_passes() -> None:
    bench = Bench()
    bench.flows = both
    bench.lose_wired()
    bench.sleep(3600)
    assert 3600 / 80 <= len(bench.asked) <= 3600 / 70


def test_a_line_in_standby_is_not_given_up_so_soon() -> None:
    bench = Bench()
    bench.sleep(100)
    bench.answers, bench.flows = False, outwards
    died = bench.now
    bench.sleep(600, until=lambda: bench.modem.state is not ModemState.CONNECTED)
    assert 45 <= bench.now - died <= 120


def test_one_way_traffic_that_is_normal_is_asked_about_now_and_then_only() -> None:
    bench = Bench()
    bench.flows = outwards  # a camera that sends, and hears nothing
    bench.sleep(100)
    bench.lose_wired()
    bench.asked.clear()
    bench.sleep(600)
    assert len(bench.asked) <= 600 / 5
    assert bench.modem.state is ModemState.CONNECTED


def test_a_proof_can_be_had_at_once() -> None:
    bench = Bench()
    bench.sleep(100)
    bench.asked.clear()
    bench.do(bench.modem.prove_now(bench.now))
    assert [at for at, _ in bench.asked] == [pytest.approx(bench.now - 0.1)]
    assert bench.modem.known.proof == bench.now


def test_an_empty_budget_asks_nothing_but_looks_on_and_pays_for_need() -> None:
    bench = Bench(replace(BASE, probe=replace(BASE.probe, cellular_budget=0.02)))
    bench.modem.budget.spend(10_000, bench.now)  # in debt as deep as can be
    bench.sleep(3600)
    assert bench.asked == []
    assert len(bench.looks) >= 100
    bench.flows = both
    bench.sleep(60)
    assert bench.modem.known.proof is not None  # what passes by itself is proof enough
    bench.flows = lambda: (0, 0)
    bench.do(bench.modem.prove_now(bench.now))
    assert bench.asked == []
    bench.lose_wired()
    bench.do(bench.modem.prove_now(bench.now))
    assert len(bench.asked) == 1


def test_no_budget_never_asks() -> None:
    bench = Bench(replace(BASE, probe=replace(BASE.probe, cellular_budget=0.0)))
    bench.sleep(3600)
    bench.lose_wired()
    bench.do(bench.modem.prove_now(bench.now))
    bench.flows = outwards
    bench.sleep(3600)
    assert bench.asked == []
    assert bench.modem.state is ModemState.CONNECTED


def test_the_budget_fills_again() -> None:
    budget = ProbeBudget(3.0)
    while budget.affords(1000, 0.0, debt=True):
        budget.spend(1000, 0.0)
    assert not budget.affords(1, 0.0)
    spent = budget.spent
    assert budget.affords(1000, MONTH)
    assert spent == 0.4e6  # a day's worth, and all the debt there is


def test_what_a_question_costs() -> None:
    four, six = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
    assert cost((four,), ()) == 74
    assert cost((six,), ()) == 114
    assert cost((four,) * 3, (four, four)) == 3 * 74 + 2 * 165
    assert cost((four,) * 3, (four, four), targets_answered=0, servers_answered=0) == 3 * 37 + 2 * 45
    assert cost((four, six), (), targets_answered=1) == 37 + 114
