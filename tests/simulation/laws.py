"""What must hold at every step of a world with two lines, whatever happens to them.

*Truth* is what the street knows: a line is good, dead, or poor (it passes, and something is wrong).  The
core sees answers and misses only; here it is held against the truth, within bounds that are said.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from failberry.core import actions as do
from failberry.core.failover import CALM, Stage
from failberry.core.filter import FilterIntent
from failberry.core.intent import PRIORITY_ACTIVE, RouteIntent
from failberry.core.lines import CANARY_LIFE
from failberry.core.quality import MOST_TIMEOUT, WINDOW
from failberry.core.snapshot import LineState, UplinkName
from failberry.core.usage import RELAPSE, Restriction
from failberry.policy import CapAction, Failback
from tests.simulation.condition import Condition
from tests.simulation.months import invariants
from tests.simulation.street import Flow
from tests.simulation.world import World

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
LEAVES, LEAVES_UNPLUGGED = 3.0, 0.3
"""Seconds from the death of a good wired line until new connections take a mobile one that works."""
STUTTERS = 1.5
"""… and for a line that is known to stutter, which is given some patience."""
FIRST_BACK = 2.0
"""Seconds until the first line that works is in use, with both dead before."""
RETURNS = 6.0
"""Seconds beyond the hold within which a good wired line is in use again …"""
RETURNS_FROM_POOR = 150.0
"""… and after troubles that are told by windows of a minute, or by pages that are fetched every two."""
LAG = 15.0
"""Seconds within which the core comes to its verdict on a line that has died."""
MOBILE_LAG = 45.0
"""… and on a mobile line that is in use, at the pace of :mod:`tests.simulation.decades`."""
PROOF_AGE = 21.0
"""A look at the counters tells what has passed since the look before, which may be so old, at that pace."""
SWEPT = 25.0
"""Seconds after a confirmed death within which its connections are dropped, the last sweep included."""
BLIP = 1.5
"""What lasts no longer may pass unnoticed, be it death or life."""


@dataclass
class Laws:
    """Looks on; raises AssertionError where something does not hold."""

    world: World
    changes: int = 0
    """Of the active line."""
    departures: deque[float] = field(default_factory=lambda: deque(maxlen=40))
    """When the wired line was left for good."""
    causes: float = 0.0
    """Whatever may make the active line change, counted."""

    def __post_init__(self) -> None:
        world = self.world
        self._hardware: Callable[[], None] = invariants(world)
        self._good_since: float | None = world.now
        self._dead_since: float | None = None
        self._dead_until = float("-inf")
        """End of the last stretch that was noticed for certain."""
        self._began = self._any_until = float("-inf")
        """Of the last stretch, however short; a blip of life between two makes them one."""
        self._silence = (float("-inf"), float("-inf"))
        """The last stretch that was long enough to be confirmed."""
        self._poor_until = float("-inf")
        self._previous = self._before = world.street.condition
        self._soiled = False
        """Whether the line was poor since it was last good for long: windows of a minute tell of it still."""
        self._flapped = False
        """… or died again within such a window, which loses as many pings."""
        self._routes: RouteIntent | None = None
        self._filter: FilterIntent | None = None
        self._active: UplinkName | None = None
        self._stage = Stage.HOME
        self._usable = False
        self._ready_since: float | None = None
        """Since when the mobile line is up, proven, and truly passes."""
        self._mobile_dead_since: float | None = world.now
        self._forced: object = None
        self._forced_at = float("-inf")
        self._returned_by_itself = True
        self._life = world.life
        self._told = self._dropped = 0
        self._warned: Counter[tuple[object, str]] = Counter()
        self._wired_dead_at = float("-inf")
        self._lossy_from = world.now
        self._witnesses: list[Flow] = []
        world.check = self.check
        world.street.watchers.append(self._changed)

    # --- the truth ---------------------------------------------------------------------------

    def _changed(self) -> None:
        """The wired line is otherwise now, or the router's mind."""
        street, now = self.world.street, self.world.now
        condition, before = street.condition, self._before
        self._previous, self._before = before, condition
        if self._good_since is not None and now > self._good_since + RETURNS_FROM_POOR:
            self._soiled = self._flapped = False
        self._soiled = self._soiled or _poor(before) or _poor(condition)
        self.causes += 1
        if 0.05 < before.loss < 1.0:
            # Chance may make it suspicious again and again.
            self.causes += (now - self._lossy_from) / 4
        self._lossy_from = now
        was_dead = self._dead_since
        if _poor(before):
            self._poor_until = now
        good, dead = condition.good and street.carries, not street.carries
        if not good:
            self._good_since = None
        elif self._good_since is None:
            self._good_since = now
            self._expect(0.0, self._in_use_again)
            self._expect(FIRST_BACK, self._first_back)
            self._expect(1.0, street.open_flow)
        if dead and was_dead is None:
            self._died(calm=not _poor(before) and now >= self._poor_until + 60)
        elif not dead and was_dead is not None:
            self._revived()

    def _died(self, *, calm: bool) -> None:
        world, street, now = self.world, self.world.street, self.world.now
        self._dead_since = now
        self._flapped = self._flapped or now < self._any_until + WINDOW
        if now > self._any_until + BLIP:
            self._began = now
            living = [each for each in street.flows if each.answered and each.killed is None]
            self._witnesses = [each for each in living if each.line is WIRED and street.dual]
        if calm:
            plugged = world.street.condition.carrier and world.street.condition.address
            self._expect(LEAVES if plugged else LEAVES_UNPLUGGED, self._left)
        self._expect(LAG, self._left)

    def _revived(self) -> None:
        now, since = self.world.now, self._dead_since
        assert since is not None
        self._dead_since, self._any_until = None, now
        lasted = now - self._began
        # After a blip of life that was noticed, a blip of death need not be.
        if lasted >= LEAVES + STUTTERS and now > since + BLIP:
            self._dead_until = now
        if lasted >= self._enough:
            self._silence = (self._began, now)
            return
        for each in self._witnesses:
            assert each.killed is None, f"an outage of {lasted:.1f} s cut a connection: {self.story()}"

    @property
    def _enough(self) -> float:
        """Seconds of death after which connections may be cut."""
        # Where nobody answers pings anyway, it is told by looks at the connections, two seconds apart; the
        # first is the measure of the second, and comes with the suspicion.
        conditions = (self._previous, self._before)
        deaf = any(each.unreached for each in conditions)
        # A ping that is lost is missed only when its answer would have come, and so is the first one after.
        late = max(each.rtt for each in conditions)
        return self.world.config.failover.confirm - (3.0 if deaf else 1.0) - late

    def _expect(self, seconds: float, look: Callable[[], object]) -> None:
        """Look after a while, unless the line changes, or the daemon begins anew, before."""
        serial, life = self.world.street.serial, self.world.life

        def due() -> None:
            if serial == self.world.street.serial and life == self.world.life and not self.world.down:
                look()

        self.world.later(seconds, due)

    def _left(self) -> None:
        """A dead line is not in use where there is a better one."""
        now, detector = self.world.now, self.world.appliance.wired.families[4].detector
        since, ready = self._dead_since, self._ready_since
        if (
            since is None
            or ready is None
            or ready > since
            or self.world.appliance.failover.forced is not None
        ):
            return
        if detector._stutters.patience(now) and now < since + LEAVES + STUTTERS:
            self._expect(STUTTERS, self._left)
            return
        assert self._active is CELLULAR, (
            f"the wired line has been dead for {now - since:.1f} s: {self.story()}"
        )

    def _in_use_again(self) -> None:
        """A line that has been good for its gate is in use."""
        failover, now = self.world.appliance.failover, self.world.now
        since = self._good_since
        if since is None or self._active is WIRED:
            return
        if failover.forced is not None or self.world.config.failover.failback in (
            Failback.NEVER,
            Failback.WHEN_IDLE,
        ):
            return
        # An order of the owner, or a start, begins the gate anew.
        since = max(since, self._forced_at)
        gate = (failover.hold if failover.stage is Stage.AWAY else CALM) + (
            RETURNS_FROM_POOR if self._soiled or self._flapped else RETURNS
        )
        if now < since + gate:
            self._expect(since + gate - now + 0.001, self._in_use_again)
            return
        raise AssertionError(f"the wired line has been good for {now - since:.0f} s: {self.story()}")

    def _first_back(self) -> None:
        """With both dead before, the one that works is in use."""
        failover, good, mobile = self.world.appliance.failover, self._good_since, self._mobile_dead_since
        if good is None or mobile is None or mobile > good - MOBILE_LAG or failover.forced is not None:
            return
        if self._soiled:
            return
        street = self.world.street
        moves = street.dual and street.house_rate > 0.0 and not street.blocked
        if self.world.appliance.mobile.proven is not None and not moves:
            return  # nobody sends anything that would show it to be dead
        # A mere suspicion ends as ever, and a canary that was answered is believed for a moment.
        grace = (CALM if failover.stage is Stage.SUSPECT else 0.0) + (0.0 if street.dual else CANARY_LIFE)
        # Whatever the house went to in that very moment is given the time to answer.
        ends = max(good, failover.since) + FIRST_BACK + grace
        if self.world.now < ends:
            self._expect(ends - self.world.now + 0.001, self._first_back)
            return
        assert self._active is WIRED, f"the wired line works again, and no other: {self.story()}"

    def _mobile_back(self) -> None:
        failover, dead = self.world.appliance.failover, self._dead_since
        if dead is None or not self._usable or failover.forced is not None:
            return
        known = max(dead, self.world.appliance.started_at) + LAG
        if self.world.now < known:
            self._expect(known - self.world.now, self._mobile_back)
            return
        assert self._active is CELLULAR, f"the mobile line can be used, and no other: {self.story()}"

    # --- after every event -------------------------------------------------------------------

    def check(self) -> None:
        """Look at everything that has changed."""
        world, appliance = self.world, self.world.appliance
        if world.life != self._life:
            self._begin_anew()
        self._hardware()
        failover, now = appliance.failover, world.now
        if failover.forced is not self._forced:
            self._forced, self._forced_at = failover.forced, now
            self.causes += 2
        self._look_at_mobile()
        if failover.active is not self._active:
            self._moved(self._active, failover.active)
            self._active = failover.active
        if failover.stage is not self._stage:
            if failover.stage is Stage.AWAY:
                self._departed()
            self._stage = failover.stage
        if world.ours is not self._routes:
            self._routes = world.ours
            self._agree(world.ours)
        street = world.street
        while self._dropped < len(street.drops):
            self._allowed(*street.drops[self._dropped])
            self._dropped += 1
        verdict = appliance.wired.verdict.state
        if verdict is LineState.DOWN:
            self._wired_dead_at = now
        assert not (street.router.uses_us and verdict is LineState.UP), f"a hairpin: {self.story()}"
        if world.config.usage.cap and appliance.observed:  # what the disk remembers is told by then
            self._capped()

    def _begin_anew(self) -> None:
        """The daemon has died: what it knew is gone."""
        world = self.world
        self._life, self._active, self._stage = world.life, None, Stage.HOME
        self._usable, self._ready_since, self._forced = False, None, None
        self._forced_at = world.now
        self._returned_by_itself = False
        self._routes = world.ours
        self.causes += 4
        if self._good_since is not None:
            self._expect(0.0, self._in_use_again)

    def _look_at_mobile(self) -> None:
        mobile, street, now = self.world.appliance.mobile, self.world.street, self.world.now
        passes = street.mobile_passes
        if mobile.link.usable is not self._usable:
            self._usable = mobile.link.usable
            self.causes += 1
            if self._usable:
                self._expect(FIRST_BACK, self._mobile_back)
        if not (mobile.link.usable and mobile.proven is not None and mobile.silence is None and passes):
            self._ready_since = None
        elif self._ready_since is None:
            self._ready_since = now
        if passes:
            self._mobile_dead_since = None
        elif self._mobile_dead_since is None:
            self._mobile_dead_since = now

    def _moved(self, before: UplinkName | None, after: UplinkName | None) -> None:
        """New connections take another line."""
        world, failover = self.world, self.world.appliance.failover
        self.changes += 1
        if after is WIRED:
            self._expect(0.5, world.street.open_flow)
        assert self.changes <= 2 * self.causes + 4, f"{self.changes} changes of the line: {self.story()}"
        free = failover.forced is None and world.now > self._forced_at + 0.001
        if after is CELLULAR:
            assert world.appliance.mobile.link.usable
            if free:
                assert self._trouble, f"the wired line is well: {self.story()}"
        if before is not CELLULAR or after is not WIRED:
            return
        mobile = world.appliance.mobile
        # An answer that is under way is not known yet.
        unheard = mobile.proven is None or mobile.silence is not None
        dead = not mobile.link.usable or unheard or not world.street.mobile_passes
        self._returned_by_itself = free and not dead
        if self._stage is not Stage.AWAY or not self._returned_by_itself:
            return
        wishes = world.config.failover
        gate = CALM if wishes.failback is Failback.IMMEDIATE else wishes.failback_after
        assert self._dead_since is None or world.now < self._dead_since + LAG, (
            f"to a dead line: {self.story()}"
        )
        assert world.now - self._dead_until >= gate, f"too early by the hold: {self.story()}"

    @property
    def _trouble(self) -> bool:
        """Whether something is wrong with the wired line, or was a moment ago."""
        now, street = self.world.now, self.world.street
        if (
            self._good_since is None
            or now < self._dead_until + LAG
            or now < self._poor_until + RETURNS_FROM_POOR
        ):
            return True
        if street.condition.rtt > MOST_TIMEOUT and now < self.world.appliance.started_at + LAG:
            return True  # a daemon that has just begun does not know yet how long an answer may take
        # A blip may have hit a ping; one ping in twenty that is lost by chance, too.
        return now < street.changed + LAG or street.condition.loss > 0.0

    def _departed(self) -> None:
        """The wired line is left for good, until it has been good for the hold."""
        world, now = self.world, self.world.now
        if world.appliance.failover.forced is not None or now <= self._forced_at + 0.001:
            return
        well = self._good_since is not None and now > max(self._any_until, world.street.changed) + LAG
        assert not well or now < self._poor_until + RETURNS_FROM_POOR, f"left in vain: {self.story()}"
        if not self._returned_by_itself:
            return  # the mobile line had died, or the owner had chosen
        self.departures.append(now)
        # Each hold is twice the one before, up to half an hour.
        most = 14 if world.config.failover.failback is Failback.IMMEDIATE else 9
        recent = sum(1 for each in self.departures if each > now - 3600.0)
        assert recent <= most, f"{recent} times within an hour: {self.story()}"

    def _agree(self, intent: RouteIntent) -> None:
        """Routes, and the name servers of the house, say what was chosen."""
        appliance = self.world.appliance
        for family, active in ((4, appliance.failover.active), (6, appliance.failover.active6)):
            rules = [
                each for each in intent.rules if each.priority == PRIORITY_ACTIVE and each.family == family
            ]
            assert len(rules) <= 1, "two active lines"
            if rules:
                assert active is CELLULAR, f"routes by the mobile line, and {active} is active"
            elif active is CELLULAR and family == 4:
                assert not appliance.mobile.link.usable, "routes by the wired line, and the mobile is active"

        session, resolvers = appliance.modem.known.session, self.world.street.resolvers
        if appliance.failover.active is CELLULAR and session is not None and session.dns:
            assert resolvers == session.dns, f"the mobile line is active, and names are asked of {resolvers}"
        elif appliance.failover.active is WIRED and resolvers:
            mobile = session.dns if session is not None else ()
            assert not set(resolvers) & set(mobile), "names are asked of the mobile carrier in vain"

    def _allowed(self, drop: do.DropFlows, count: int) -> None:
        """Nothing is cut in vain."""
        world, now = self.world, self.world.now
        if drop.line is CELLULAR:
            assert self._active is WIRED
            assert self._dead_since is None or now < self._dead_since + LAG, f"nowhere to go: {self.story()}"
            return
        assert self._usable, f"nowhere to go: {self.story()}"
        if drop.flows is do.Flows.UNANSWERED:
            return
        if self._soiled and not count:
            return  # nobody answers pings, and there is no connection that would show that it carries
        began, ended = self._silence
        if self._dead_since is not None and now - self._began >= self._enough:
            began, ended = self._began, now
        if any(each.unreached for each in (self._previous, self._before)):
            # Where nobody answers pings anyway, their silence began before that of the connections.
            began = min(began, world.appliance.wired.verdict.silent_since or began)
        assert now <= ended + SWEPT, f"no silence was long enough, or it is long over: {self.story()}"
        heard = world.street.heard
        assert heard is not None, f"the mobile line was never proven: {self.story()}"
        assert heard >= began - PROOF_AGE, f"silent since {began:.1f}, proven at {heard:.1f}: {self.story()}"

    def _capped(self) -> None:
        """The cap takes effect with the look that finds it reached, and is told once for each percentage."""
        world, street = self.world, self.world.street
        reports = world.reports
        self._told = min(self._told, len(reports))
        while self._told < len(reports):
            report = reports[self._told]
            self._told += 1
            if report.subject == "usage" and "of the data cap" in report.what:
                cycle = street.day.replace(day=1)
                self._warned[cycle, report.what] += 1
                assert self._warned[cycle, report.what] == 1, f"told again: {report.what}"
        usage, meter = world.config.usage, world.appliance.meter
        # What a power cut may cost: half a percent, or what is not worth a write.
        if street.counted < 1.01 * usage.cap * 1e6 + 300_000 or usage.action is CapAction.WARN:
            return
        if usage.last_resort and world.now < max(self._wired_dead_at, world.appliance.started_at) + RELAPSE:
            return
        assert meter.restriction is Restriction(usage.action.value), f"capped, and {meter.restriction}"
        if usage.action is CapAction.DISCONNECT:
            assert world.appliance.modem.standby.forbidden

    # --- at the end --------------------------------------------------------------------------

    def settle(self, seconds: float) -> None:
        """What must hold of a whole month of so many seconds."""
        budget = self.world.config.probe.cellular_budget * 1e6
        spent = self.world.street.asked_bytes
        assert spent <= budget * max(1.0, seconds / (30 * 86_400.0)), f"{spent} bytes for questions"

    def story(self) -> str:
        """The end of it, for whoever looks for the reason."""
        world = self.world
        told = "\n".join(f"  {each.subject}: {each.what}: {each.why}" for each in world.reports[-25:])
        return f"at {world.now:.2f}, {world.street.condition}, {world.appliance.failover.reason}:\n{told}"


def _poor(condition: Condition) -> bool:
    """Whether something passes, and something is wrong."""
    return condition.passes and (not condition.good or condition.rtt > 0.2)
