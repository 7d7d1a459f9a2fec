"""A failover with verdicts fed to it, and a clock that goes from deadline to deadline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from failberry.config import Config, Lan, Mode, Wired
from failberry.core.actions import Action, DropFlows, Flows, WeighFlows
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import FlowsWeighed
from failberry.core.failover import Failover, Mobile
from failberry.core.lines import Verdict
from failberry.core.links import Link
from failberry.core.snapshot import LineState, UplinkName

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
DUAL = Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface="wan0"), lan=Lan(interface="lan0"))
GATE = DUAL.failover.failback_after
READY = Link(usable=True, reason="PPP session up")
NO_SESSION = Link(usable=False, reason="the modem is being dialled")

UP = Verdict(state=LineState.UP, since=0.0, reason="1.1.1.1 answered")
POOR = replace(UP, degraded="40 of 60 pings were lost", leave=True)
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
