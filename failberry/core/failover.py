"""Which line carries new flows, and what becomes of the old ones.

*Leaving in two stages.*  Suspicion is cheap: one rule sends what is new over the mobile line, at once, and
what is open stays where it is.  Connections that nobody has answered yet are forgotten, so that their next
try goes the new way.  Only a confirmed silence cuts: the wired line's connections are forgotten, after the
routes stand, and swept again for those that were made meanwhile; and never before something has come back
over the mobile line since the silence began, nor while open connections still carry something.

*Coming back.*  After a mere suspicion as soon as the line has answered for a moment: nothing was lost.  After
more than that only when it has been good for a while, longer each time it fails again soon; at once if the
mobile line dies.  What is still on the metered line then is cut after ``failover.linger``.

*Nowhere to go.*  While the mobile line cannot be used the wired one stays active, whatever is wrong with it,
and nothing is cut: the first of the two that answers is in use at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from failberry.config import Config, Mode
from failberry.core.actions import Action, DropFlows, Flows, Report, Severity, WeighFlows
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import FlowsWeighed
from failberry.core.lines import Verdict
from failberry.core.links import Link
from failberry.core.snapshot import LineState, Role, UplinkName
from failberry.policy import Failback

ROLES = {UplinkName.WIRED: Role.PRIMARY, UplinkName.CELLULAR: Role.BACKUP}

CALM = 2.0
"""Seconds of answers after which a mere suspicion is forgotten."""
SOON = 600.0
"""Seconds after coming back in which a line that fails again is called a flapping one …"""
LONGEST_HOLD = 1800.0
"""… and must be good for twice as long the next time, up to this."""
VAIN = 10.0
"""Seconds of questions without an answer after which the mobile line keeps nobody from a good wired one."""
SWEEPS = (0.0, 5.0, 15.0)
"""Seconds after the routes stand at which connections of a dead line are forgotten."""
IDLE_RATE, IDLE_FOR = 2000.0, 30.0
"""Bytes a second below which, for so many seconds, the mobile line carries next to nothing."""

STRANDED_RATE, STRANDED_FOR = 5000.0, 180.0
"""Bytes a second above which, for so many seconds, a line that should be quiet is not."""

WORDS = {UplinkName.WIRED: "wired line", UplinkName.CELLULAR: "mobile line"}


WEIGH_EVERY = 2.0
"""Seconds between two looks whether open connections of a line without answers still carry something …"""
PASSING = 5.0
"""… and those after the last such sign for which they are not cut."""


class Stage(StrEnum):
    """How far the house has left the wired line."""

    HOME = "home"
    SUSPECT = "suspect"
    """New flows only."""
    AWAY = "away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mobile:
    """The mobile line, as far as a choice depends on it."""

    link: Link
    proven: float | None
    """When something last came back over this session; ``None``: never."""
    silence: float | None = None
    """Since when questions over it have been left unanswered; ``None``: they have not."""
    ipv6: bool = False
    rate: float | None = None
    """Bytes a second, both directions, of the last half minute; ``None``: not known."""


@dataclass(slots=True)
class _Sweep:
    """Connections that shall be forgotten once the routes stand."""

    line: UplinkName
    flows: Flows
    after: float
    """Seconds after that."""
    at: float | None = None
    verified: bool = True
    """Whether the other line must have been proven since the silence began."""


@dataclass(slots=True)
class Failover:
    """Pure: verdicts and instants in, the active line and what shall be done out."""

    config: Config
    numbers: DeedNumbers
    active: UplinkName | None = None
    active6: UplinkName | None = None
    reason: str = "just started"
    since: float = 0.0
    stage: Stage = Stage.HOME
    forced: UplinkName | None = None
    forced_until: float | None = None
    _good_since: float | None = None
    """Since when the wired line has been good without a break."""
    _idle_since: float | None = None
    _busy_since: float | None = None
    _returned: float | None = None
    _flaps: int = 0
    _silent_since: float | None = None
    _cut: bool = False
    """Whether the wired line's connections have been given up in this outage."""
    _sweeps: list[_Sweep] = field(default_factory=list)
    _weighing: int | None = None
    """Number of the deed that is under way."""
    _weigh_at: float | None = None
    _weights: list[int | None] = field(default_factory=list)
    """The last two."""
    _passed_at: float | None = None
    """When something was last seen to come back on open connections although no ping did."""
    _weighed_at: float = 0.0
    """When the last look at what comes back on them was answered."""
    _silence: float | None = None
    """Of the mobile line, as last told."""

    # --- what others see ---------------------------------------------------------------------

    @property
    def hold(self) -> float:
        """Seconds for which the wired line must have been good before the house goes back to it."""
        wishes = self.config.failover
        gate = CALM if wishes.failback is Failback.IMMEDIATE else wishes.failback_after
        return max(gate, min(LONGEST_HOLD, gate * 2.0**self._flaps))

    def wants_mobile(self, wired: Verdict) -> bool:
        """Whether the mobile line is needed.  A mere suspicion may cost a day's fee, and is none yet."""
        troubled = wired.state is LineState.DOWN or wired.leave
        left = any(each.line is UplinkName.CELLULAR for each in self._sweeps)
        return troubled or left or UplinkName.CELLULAR in (self.active, self.forced)

    def stranded(self, now: float) -> bool:
        """Whether the house is back on the wired line, and the metered one goes on carrying."""
        return self._busy_since is not None and now >= self._busy_since + STRANDED_FOR

    def next(self, wired: Verdict, now: float) -> tuple[str, float | None]:
        """Which change comes next and what it waits for, in words, and the seconds where they are known."""
        if self.forced is not None:
            left = None if self.forced_until is None else max(0.0, self.forced_until - now)
            return "choose the line by itself again" if left is not None else "", left
        if self.active is UplinkName.CELLULAR and self._good_since is not None:
            if self.config.failover.failback is Failback.NEVER and self.stage is Stage.AWAY:
                return "stay on the mobile line until `failberryctl failover force wired`", None
            gate = CALM if self.stage is Stage.SUSPECT else self.hold
            left = max(0.0, self._good_since + gate - now)
            if left <= 0 and self.config.failover.failback is Failback.WHEN_IDLE:
                return "back to the wired line once the mobile line is idle", None
            return "back to the wired line if it stays good", left
        if self.active is UplinkName.CELLULAR:
            return "back to the wired line when it is good again", None
        if wired.state is LineState.UP and not wired.leave:
            return "", None
        return "over to the mobile line as soon as that can be used", None

    def deadline(self, now: float) -> float | None:
        """When something changes by itself."""
        candidates = [self.forced_until, *(each.at for each in self._sweeps)]
        if self.active is UplinkName.CELLULAR and self._silence is not None:
            candidates += [self.since + CALM, self._silence + VAIN]
        if self.active is UplinkName.CELLULAR and self._good_since is not None:
            candidates += [self._good_since + CALM, self._good_since + self.hold]
            if self._idle_since is not None:
                candidates.append(self._idle_since + IDLE_FOR)
        if self._weighing is None:
            candidates.append(self._weigh_at)
        return min((each for each in candidates if each is not None and each > now), default=None)

    # --- what happens ------------------------------------------------------------------------

    def force(self, line: UplinkName | None, seconds: float | None, now: float) -> list[Action]:
        """Take the owner's choice."""
        self.forced = line
        self.forced_until = None if line is None or seconds is None else now + seconds
        how = "" if self.forced_until is None else f" for {seconds:.0f} s"
        what = "choosing by itself again" if line is None else f"forced to the {WORDS[line]}{how}"
        return [Report(subject="failover", what=what, why="the owner asked for it", severity=Severity.NOTICE)]

    def weigh(
        self, *, wired: Verdict, wired6: Verdict | None, mobile: Mobile, settled: bool, now: float
    ) -> list[Action]:
        """Choose anew; ``settled``: the kernel's routes are what was wished for last."""
        actions: list[Action] = []
        if self.forced_until is not None and now >= self.forced_until:
            actions += self.force(None, None, now)
        self._silence = mobile.silence
        self._note(wired, mobile, now)
        line, why = self._choose(wired, mobile, now)
        stage = self._stage(line, wired)
        if line is not self.active:
            actions += self._change(line, why, stage, wired, now)
        elif stage is Stage.AWAY and self.stage is Stage.SUSPECT:
            actions.append(self._told("left for good", wired.reason, wired, Severity.NOTICE))
        if stage is Stage.AWAY and self.stage is not Stage.AWAY:
            self._count_flap(now)
        self.stage, self.reason = stage, why
        self.active6 = self._choose6(wired6, mobile)
        actions += self._weigh_flows(wired, now)
        self._give_up(wired, now)
        return actions + self._sweep(mobile, settled=settled and line is self.active, now=now)

    def _note(self, wired: Verdict, mobile: Mobile, now: float) -> None:
        good = wired.state is LineState.UP and not wired.leave
        if not good:
            self._good_since = None
        elif self._good_since is None:
            self._good_since = now
        if wired.silent_since is not None:
            self._silent_since = wired.silent_since
        if wired.silent_since is None:
            # What was to be cut, and waited for a proof of the mobile line, passes again.
            self._cut = False
            self._sweeps = [each for each in self._sweeps if each.line is not UplinkName.WIRED]
        home = self.stage is Stage.HOME and self.active is UplinkName.WIRED and self.forced is None
        left = self._returned is not None and now < self._returned + self.config.failover.linger + SWEEPS[-1]
        if not home or left or mobile.rate is None or mobile.rate < STRANDED_RATE:
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = now
        idle = mobile.rate is not None and mobile.rate < IDLE_RATE
        if not idle:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now

    def _choose(self, wired: Verdict, mobile: Mobile, now: float) -> tuple[UplinkName | None, str]:
        if self.forced is not None:
            return self._obey(self.forced, wired, mobile)
        good = wired.state is LineState.UP and not wired.leave
        trouble = wired.reason if wired.state is not LineState.UP else wired.degraded
        if not mobile.link.usable:
            if wired.state is LineState.DOWN and wired.silent_since is None:
                trouble = f"{trouble}; there is no better line"
            if good:
                return UplinkName.WIRED, f"the wired line is good: {wired.reason}"
            return (
                UplinkName.WIRED,
                f"there is no other: the wired line: {trouble}; mobile line: {mobile.link.reason}",
            )
        if self.active is not UplinkName.CELLULAR:
            if good:
                return UplinkName.WIRED, f"the wired line is good: {wired.reason}"
            if wired.state is not LineState.DOWN and mobile.proven is None:
                # Nothing has ever come back over it: a suspicion alone is no reason to go there.
                return UplinkName.WIRED, f"the wired line: {trouble}; the mobile line is not proven yet"
            if wired.state is not LineState.DOWN and mobile.silence is not None:
                return UplinkName.WIRED, f"the wired line: {trouble}; the mobile line does not answer"
            return UplinkName.CELLULAR, f"the wired line: {trouble}"
        in_vain = wired.state is LineState.UP and self._in_vain(mobile, now)
        if good and (in_vain or self._may_return(now)):
            return UplinkName.WIRED, f"the wired line is good again: {wired.reason}"
        if in_vain:
            return UplinkName.WIRED, f"the mobile line does not answer; the wired line: {trouble}"
        return UplinkName.CELLULAR, self.reason if good else f"the wired line: {trouble}"

    def _obey(self, forced: UplinkName, wired: Verdict, mobile: Mobile) -> tuple[UplinkName | None, str]:
        """The owner's line, unless it is dead and the other is not: nobody shall lock himself out."""
        owner = f"the owner forced the {WORDS[forced]}"
        if forced is UplinkName.WIRED:
            if wired.state is LineState.DOWN and mobile.link.usable:
                return UplinkName.CELLULAR, f"{owner}, but that is dead: {wired.reason}"
            return UplinkName.WIRED, owner
        if mobile.link.usable:
            return UplinkName.CELLULAR, owner
        return UplinkName.WIRED, f"{owner}, but that cannot be used: {mobile.link.reason}"

    def _in_vain(self, mobile: Mobile, now: float) -> bool:
        """Whether nothing comes back over the mobile line, though it was asked.

        Then it is no line, whatever it was before: of two dead ones the first back wins.  One that has not
        answered since the house went there has little credit; its session may stand for long.
        """
        if mobile.proven is None:
            return True
        if mobile.silence is None:
            return False
        return now >= (self.since + CALM if mobile.proven < self.since else mobile.silence + VAIN)

    def _may_return(self, now: float) -> bool:
        if self._good_since is None:
            return False
        # Compared as deadline() computes it, or rounding would let the one instant pass.
        if self.stage is Stage.SUSPECT:
            return now >= self._good_since + CALM
        if now < self._good_since + self.hold or self.config.failover.failback is Failback.NEVER:
            return False
        if self.config.failover.failback is Failback.WHEN_IDLE:
            return self._idle_since is not None and now >= self._idle_since + IDLE_FOR
        return True

    def _stage(self, line: UplinkName | None, wired: Verdict) -> Stage:
        if line is not UplinkName.CELLULAR:
            return Stage.HOME
        if self.stage is Stage.AWAY or wired.state is LineState.DOWN or wired.leave:
            return Stage.AWAY
        return Stage.SUSPECT

    def _choose6(self, wired6: Verdict | None, mobile: Mobile) -> UplinkName | None:
        wired = wired6 is not None and wired6.state is LineState.UP
        if self.active is UplinkName.CELLULAR and mobile.ipv6:
            return UplinkName.CELLULAR
        if wired6 is not None and (wired or (self.active is UplinkName.WIRED and not mobile.ipv6)):
            # A suspicion is no reason to refuse what may still pass.
            return UplinkName.WIRED if wired6.state is not LineState.DOWN else None
        return UplinkName.CELLULAR if mobile.ipv6 and not wired and wired6 is not None else None

    # --- what follows ------------------------------------------------------------------------

    def _change(
        self, line: UplinkName | None, why: str, stage: Stage, wired: Verdict, now: float
    ) -> list[Action]:
        before, self.active = self.active, line
        self.since = now
        if line is UplinkName.CELLULAR:
            self._sweeps = []
            if before is UplinkName.WIRED and wired.silent_since is not None:
                self._sweeps.append(
                    _Sweep(line=UplinkName.WIRED, flows=Flows.UNANSWERED, after=0.0, verified=False)
                )
        elif before is UplinkName.CELLULAR:
            self._cut = False
            self._sweeps = []
            if self._good_since is None:
                pass  # not a return: the mobile line died
            elif self.config.mode is Mode.STANDBY_GATEWAY:
                # What the main router sends here is its own choice, and leaves by itself.
                self._returned = now
            else:
                self._returned = now
                linger = self.config.failover.linger
                self._sweeps = [
                    _Sweep(line=UplinkName.CELLULAR, flows=Flows.ALL, after=linger + each, verified=False)
                    for each in SWEEPS
                ]
        severity = Severity.NOTICE if line else Severity.ERROR
        if before is None and line is UplinkName.WIRED:
            severity = Severity.INFO
        return [
            self._told(f"{before or 'no line'} -> {line or 'no line'}", why, wired, severity, stage=stage)
        ]

    def _told(
        self, what: str, why: str, wired: Verdict, severity: Severity, *, stage: Stage = Stage.AWAY
    ) -> Report:
        where = f"; it breaks {wired.where}" if wired.where and self.active is UplinkName.CELLULAR else ""
        if self.active is UplinkName.CELLULAR:
            follows = (
                "new flows use the mobile line; open ones wait for the wired one"
                if stage is Stage.SUSPECT
                else f"back when the wired line has been good for {self.hold:.0f} s"
            )
        else:
            follows = "new flows use it" if self.active else "wait for a line"
        return Report(subject="failover", what=what, why=f"{why}{where}", next=follows, severity=severity)

    def _count_flap(self, now: float) -> None:
        soon = self._returned is not None and now < self._returned + SOON + self.hold
        self._flaps = min(self._flaps + 1, 12) if soon else 0

    def _give_up(self, wired: Verdict, now: float) -> None:
        """Cut the wired line's connections, once in an outage, when its silence is confirmed."""
        dead = wired.state is LineState.DOWN and wired.silent_since is not None
        if self.active is not UplinkName.CELLULAR or not dead or self._cut:
            return
        if self._weigh_at is not None and len(self._weights) < 2:
            return  # not weighed yet
        if self._passed_at is not None and self._weighed_at < self._passed_at + PASSING:
            return  # whoever answers no pings may carry all the same; the last look at it says
        self._cut = True
        self._sweeps += [_Sweep(line=UplinkName.WIRED, flows=Flows.ALL, after=each) for each in SWEEPS]

    def _weigh_flows(self, wired: Verdict, now: float) -> list[Action]:
        """Look whether open connections still carry, while the pings are silent and nothing is cut yet."""
        silent = wired.state is not LineState.UP and wired.silent_since is not None
        ours = self.config.mode is Mode.DUAL_WAN_ROUTER  # beside a router nothing of the house passes here
        if not silent or not ours or self._cut or self.active is not UplinkName.CELLULAR:
            self._weigh_at = self._passed_at = None
            self._weights = []
            return []
        if self._weigh_at is None:
            self._weigh_at = now
        if self._weighing is not None or now < self._weigh_at:
            return []
        self._weighing, self._weigh_at = self.numbers.next(), now + WEIGH_EVERY
        return [WeighFlows(deed=self._weighing, line=UplinkName.WIRED)]

    def weighed(self, event: FlowsWeighed, now: float) -> None:
        """Take what open connections have carried so far."""
        if event.deed != self._weighing:
            return
        self._weighing = None
        self._weights = [*self._weights[-1:], event.packets_in]
        self._weighed_at = now
        before, after = self._weights[0], self._weights[-1]
        if before is not None and after is not None and after > before:
            self._passed_at = now

    def _sweep(self, mobile: Mobile, *, settled: bool, now: float) -> list[Action]:
        """Forget what is due, after the routes stand, and nothing while there is nowhere to go."""
        actions: list[Action] = []
        if not settled:
            return actions
        for each in list(self._sweeps):
            if each.line is self.active:
                self._sweeps.remove(each)
                continue
            if each.verified and not self._verified(mobile):
                continue
            if each.at is None:
                each.at = now + each.after
            if now >= each.at:
                self._sweeps.remove(each)
                actions.append(DropFlows(deed=self.numbers.next(), line=each.line, flows=each.flows))
        return actions

    def _verified(self, mobile: Mobile) -> bool:
        """Whether something has come back over the mobile line since the wired one fell silent."""
        if not mobile.link.usable or mobile.proven is None:
            return False
        return self._silent_since is None or mobile.proven >= self._silent_since
