"""The wired line: what was seen of it, and what it is therefore worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address

import pytest

from failberry.config import Config, Lan, Mode, Wired
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import PathTraced, ProbeAnswered, ProbeMissed, ResolversObserved
from failberry.core.facts import Address, DefaultRoute, Interface, NetworkFacts
from failberry.core.lines import WiredLine
from failberry.core.probing import Kind, Page
from failberry.core.snapshot import LineState, UplinkName

DUAL = Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface="eth0"), lan=Lan(interface="lan0"))
BESIDE = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
TARGETS = tuple(each for each in map(ip_address, DUAL.probe.targets) if each.version == 4)
OWN = (IPv4Address("192.0.2.53"), IPv4Address("192.0.2.54"))
PAGE = IPv4Address("192.0.2.80")
GATEWAY = IPv4Address("203.0.113.1")
ETH = Interface(
    index=2, name="eth0", up=True, carrier=True, addresses=(IPv4Interface("203.0.113.9/24"),)
)  # fmt: skip
ROUTE = DefaultRoute(interface="eth0", gateway=GATEWAY, metric=100, family=4)
FACTS = NetworkFacts(interfaces=(ETH,), defaults=(ROUTE,))
PULLED = NetworkFacts(interfaces=(replace(ETH, carrier=False),), defaults=(ROUTE,))


@dataclass
class Street:
    """A line that plays by its plan, in steps of a tenth of a second."""

    config: Config = DUAL
    now: float = 100.0
    reached: Callable[[Address], bool] = lambda _: True
    resolves: Callable[[Address], bool] = lambda _: True
    portal: bool = False
    canary: bool = False
    rtt: float = 0.02
    owed: list[tuple[float, ProbeAnswered | ProbeMissed]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.line = WiredLine(self.config)
        self.line.observe(FACTS, self.now)
        self.line.handle(ResolversObserved(servers=OWN), self.now)
        self.turns = self.volley = 0
        self.asked: dict[Kind, float] = {}
        self.again: float | None = None

    def run(self, seconds: float, *, until: Callable[[], bool] | None = None) -> float:
        """Let time pass, until something holds; return how long it took."""
        began = self.now
        while self.now < began + seconds - 1e-9 and not (until is not None and until()):
            self.step()
        return self.now - began

    def step(self) -> None:
        self.now = round(self.now + 0.05, 3)
        for due in sorted((each for each in self.owed if each[0] <= self.now), key=lambda each: each[0]):
            self.owed.remove(due)
            self.line.handle(due[1], self.now)
        plan = self.line.plan()
        if plan is not None:
            if plan.volley != self.volley:
                self.volley, self.again = plan.volley, self.now + 0.1
                self.ping(plan.targets, plan.timeout)
            elif self.again is not None and self.now >= self.again:
                self.again = None
                self.ping(plan.targets, plan.timeout)
            if self.due(Kind.ECHO, plan.interval) and plan.targets:
                self.turns += 1
                self.ping((plan.targets[self.turns % len(plan.targets)],), plan.timeout)
                if plan.canary is not None and self.canary:
                    self.tell(Kind.ECHO, plan.canary, answered=True, timeout=1.0, canary=True)
            if self.due(Kind.NAME, plan.name_interval):
                for each in plan.servers:
                    self.tell(Kind.NAME, each, answered=self.resolves(each), timeout=plan.name_timeout)
            if plan.pages and self.due(Kind.PAGE, plan.page_interval):
                problem = "302 to http://pay.example/" if self.portal else ""
                self.tell(Kind.PAGE, PAGE, answered=not self.portal, timeout=0.1, problem=problem)
        self.line.handle(ResolversObserved(servers=OWN), self.now)
        self.line.weigh(self.now)

    def due(self, kind: Kind, interval: float) -> bool:
        if self.now < self.asked.get(kind, 0.0) + interval - 1e-9:
            return False
        self.asked[kind] = self.now
        return True

    def ping(self, targets: tuple[Address, ...], timeout: float) -> None:
        for each in targets:
            self.tell(Kind.ECHO, each, answered=self.reached(each), timeout=timeout)

    def tell(
        self,
        kind: Kind,
        peer: Address,
        *,
        answered: bool,
        timeout: float,
        problem: str = "",
        canary: bool = False,
    ) -> None:
        event: ProbeAnswered | ProbeMissed
        if answered:
            event = ProbeAnswered(
                line=UplinkName.WIRED, kind=kind, peer=peer, sent=self.now, rtt=self.rtt, canary=canary
            )
            self.owed.append((self.now + self.rtt, event))
        else:
            event = ProbeMissed(
                line=UplinkName.WIRED,
                kind=kind,
                peer=peer,
                sent=self.now,
                problem=problem,
                portal=bool(problem),
            )
            self.owed.append((self.now + timeout, event))

    @property
    def state(self) -> LineState:
        return self.line.verdict.state

    def trace(self, hops: list[str | None], *, reached: bool) -> bool:
        """Answer the walk that is wished for now, if there is one."""
        for deed in self.line.walk(self.now, DeedNumbers()):
            answers = tuple(None if each is None else ip_address(each) for each in hops)
            self.line.handle(PathTraced(deed=deed.deed, hops=answers, reached=reached), self.now)
            return True
        return False


def well(**kwargs: object) -> Street:
    """A street where all has been well for a while."""
    street = Street(**kwargs)  # type: ignore[arg-type]
    street.run(30.0)
    assert street.state is LineState.UP, street.line.verdict
    return street


def test_a_black_hole_is_suspected_in_a_second_and_called_dead_after_five() -> None:
    street = well()
    street.reached = lambda _: False
    assert street.run(3.0, until=lambda: street.state is LineState.SUSPECT) <= 1.2
    assert street.run(9.0, until=lambda: street.state is LineState.DOWN) <= 5.2
    verdict = street.line.verdict
    assert "none of 1.1.1.1, 8.8.8.8, 9.9.9.9 has answered" in verdict.reason
    assert verdict.silent_since is not None


def test_it_is_up_again_at_the_third_answer() -> None:
    street = well()
    street.reached = lambda _: False
    street.run(20.0)
    street.reached = lambda _: True
    assert street.run(5.0, until=lambda: street.state is LineState.UP) <= 2.0


def test_a_pulled_cable_is_suspected_at_once_and_dead_after_a_while() -> None:
    street = well()
    street.line.observe(PULLED, street.now)
    street.line.weigh(street.now)
    assert (street.state, street.line.verdict.reason) == (LineState.SUSPECT, "no cable or no link on eth0")
    assert street.line.plan() is None
    assert street.line.deadline(street.now) == street.now + DUAL.failover.confirm
    street.run(6.0)
    assert street.state is LineState.DOWN


@pytest.mark.parametrize(
    ("config", "hops", "where"),
    [
        (DUAL, [None] * 6, "at the first hop: the provider's first router, 203.0.113.1, is silent"),
        (DUAL, ["203.0.113.1", None, None], "behind 203.0.113.1 (hop 1), in the provider's network"),
        (DUAL, ["203.0.113.1", "10.0.0.1", None], "behind 10.0.0.1 (hop 2), beyond the provider's first"),
        (BESIDE, [None] * 6, "at the first hop: the main router, 203.0.113.1, is silent"),
        (BESIDE, ["203.0.113.1", None], "behind 203.0.113.1 (hop 1), in the provider's network"),
    ],
)
def test_the_hops_tell_where_it_breaks(config: Config, hops: list[str | None], where: str) -> None:
    street = well(config=config)
    assert street.trace(["203.0.113.1", "10.0.0.1", "1.1.1.1"], reached=True)
    assert not street.trace([], reached=True), "once is enough while all is well"
    street.reached = lambda _: False
    street.run(3.0, until=lambda: street.state is LineState.SUSPECT)
    assert street.trace(hops, reached=False)
    street.run(5.0)
    assert street.line.verdict.where.startswith(where)
    street.reached = lambda _: True
    street.run(5.0)
    assert street.line.verdict.where == ""


def test_dead_name_servers_of_the_line_are_no_dead_line_while_others_answer() -> None:
    street = well()
    street.resolves = lambda server: server not in OWN
    assert street.run(20.0, until=lambda: street.line.own_names_dead) <= 10.0
    street.run(10.0)
    assert street.state is LineState.UP
    assert "its own name servers (192.0.2.53, 192.0.2.54) do not answer" in street.line.verdict.degraded
    assert not street.line.verdict.leave


def test_names_that_nobody_resolves_are_a_line_of_no_use() -> None:
    street = well()
    street.resolves = lambda _: False
    assert street.run(30.0, until=lambda: street.state is LineState.DOWN) <= 10.0
    verdict = street.line.verdict
    assert "no name server has resolved example.com" in verdict.reason
    assert verdict.silent_since is None, "what is open still passes"
    street.resolves = lambda server: server == OWN[1]
    assert street.run(10.0, until=lambda: street.state is LineState.UP) <= 3.0


def test_a_portal_is_seen_at_the_second_page() -> None:
    street = well()
    street.portal = True
    assert street.run(300.0, until=lambda: street.state is LineState.DOWN) <= DUAL.probe.page_interval + 12
    assert "http://pay.example/" in street.line.verdict.reason
    street.portal = False
    assert street.run(60.0, until=lambda: street.state is LineState.UP) <= 11.0


@pytest.mark.parametrize("partial", ["stay", "leave"])
def test_some_targets_out_of_reach(partial: str) -> None:
    street = well(config=replace(DUAL, failover=replace(DUAL.failover, partial=partial)))
    street.reached = lambda target: target != TARGETS[0]
    street.run(60.0)
    verdict = street.line.verdict
    assert verdict.state is LineState.UP
    assert "not reached: 1.1.1.1" in verdict.degraded
    assert verdict.leave is (partial == "leave")


@pytest.mark.parametrize("blocked", [1, 2])
def test_a_line_dies_although_some_targets_never_answered(blocked: int) -> None:
    street = Street(reached=lambda target: target not in TARGETS[:blocked])
    street.run(120.0)
    assert street.state is LineState.UP
    assert not street.line.verdict.leave
    street.reached = lambda _: False
    assert street.run(9.0, until=lambda: street.state is LineState.SUSPECT) <= 3.0
    assert street.run(9.0, until=lambda: street.state is LineState.DOWN) <= 7.0


def test_beside_a_router_the_canary_tells_that_it_uses_us() -> None:
    street = well(config=BESIDE)
    assert street.line.router_uses_us(street.now) is False
    street.canary = True
    street.reached = lambda _: False  # our rule drops what comes back through our own stick
    street.run(20.0)
    assert street.line.router_uses_us(street.now) is True
    assert street.state is LineState.DOWN
    street.reached = lambda _: True
    street.run(20.0)
    assert street.state is LineState.DOWN, "an answer proves nothing while it comes through ourselves"
    assert "the router sends its traffic to this Pi" in street.line.verdict.reason
    street.canary = False
    assert street.run(10.0, until=lambda: street.state is LineState.UP) <= 5.0


def test_a_router_of_the_house_asks_no_canary() -> None:
    street = well()
    plan = street.line.plan()
    assert plan is not None
    assert plan.canary is None
    assert street.line.router_uses_us(street.now) is None


def test_pages_of_the_configuration() -> None:
    pages = ("http://a.example/generate_204", "http://b.example:8080/x?y=1 it works")
    line = WiredLine(replace(DUAL, probe=replace(DUAL.probe, pages=pages)))
    line.observe(FACTS, 0.0)
    plan = line.plan()
    assert plan is not None
    assert plan.pages == (
        Page(host="a.example", port=80, path="/generate_204", text=""),
        Page(host="b.example", port=8080, path="/x?y=1", text="it works"),
    )


def test_ipv6_has_a_verdict_of_its_own() -> None:
    six = IPv6Interface("2001:db8::9/64")
    both = NetworkFacts(
        interfaces=(replace(ETH, addresses=(*ETH.addresses, six)),),
        defaults=(ROUTE, replace(ROUTE, family=6, gateway=IPv6Address("fe80::1"))),
    )
    config = replace(DUAL, probe=replace(DUAL.probe, targets=("1.1.1.1", "8.8.8.8", "2001:db8:80::80")))
    street = Street(config=config)
    street.line.observe(both, street.now)
    street.run(30.0)
    assert street.line.verdict6 is not None
    assert street.line.verdict6.state is LineState.UP
    street.reached = lambda target: target.version == 4
    street.run(10.0)
    assert street.state is LineState.UP
    assert street.line.verdict6.state is LineState.DOWN
    street.line.observe(FACTS, street.now)
    assert street.line.verdict6 is None, "the provider has taken it away"
