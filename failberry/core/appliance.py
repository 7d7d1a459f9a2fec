"""The whole appliance: one event and the time go in, actions come out.

It composes the modem machine, the verdict on the wired line, the choice of the line, and the intents.  Every
event takes the same path: the machines see it, then the lines are weighed, then the wishes are derived anew
from what is now known, then whatever is due is emitted.
"""

from __future__ import annotations

import random
from functools import lru_cache
from ipaddress import ip_address

from failberry import __version__
from failberry.config import MOBILE_INTERFACE, Config
from failberry.core.actions import (
    Action,
    ApplyFilter,
    ApplyNames,
    ApplyProbes,
    ApplyResolvers,
    ApplyRoutes,
    ApplyStandby,
    ProvePinning,
    Report,
    Severity,
    Standing,
)
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import (
    ConfigChanged,
    CountersRead,
    DayObserved,
    Event,
    FilterApplied,
    FlowsDropped,
    FlowsWeighed,
    LineForced,
    NamesChanged,
    NetworkObserved,
    NoticesChanged,
    PinningProved,
    RoutesApplied,
    SessionEnded,
    Started,
    UsageCorrected,
    UsageRemembered,
    UsageStored,
)
from failberry.core.facts import Address, NetworkFacts
from failberry.core.failover import Failover, Mobile
from failberry.core.filter import FilterIntent
from failberry.core.filter_rules import filter_intent
from failberry.core.intent import RouteIntent
from failberry.core.lines import Verdict, WiredLine
from failberry.core.links import Link, cellular_link, speaks_ipv6
from failberry.core.modem import Modem
from failberry.core.names import PublishedNames, names_intent
from failberry.core.nameview import names_told
from failberry.core.reconcile import Reconciler
from failberry.core.routing import route_intent
from failberry.core.snapshot import LineState, Notice, Snapshot, UplinkName
from failberry.core.usage import Meter, Restriction
from failberry.core.view import ApplianceView, snapshot

FIRST_PROOF = 15.0
"""Seconds after a start in which a session that was taken over has shown whether it works."""


class Appliance:
    """Pure: no clock, socket, file or task."""

    def __init__(self, config: Config, *, seed: int) -> None:
        self.config = config
        self.numbers = DeedNumbers()
        self.modem = Modem(config, numbers=self.numbers, rng=random.Random(seed))  # noqa: S311  (jitter)
        self.wired = WiredLine(config)
        self.failover = Failover(config, self.numbers)
        self.meter = Meter(config.usage, self.numbers)
        self.facts = NetworkFacts()
        self.observed = False
        """Whether the kernel's network has been seen at all."""
        self.routes: Reconciler[RouteIntent] = Reconciler()
        self.filter: Reconciler[FilterIntent] = Reconciler()
        self.backend: str | None = None
        self.refused: tuple[str, ...] = ()
        self.mobile = Mobile(link=Link(usable=False, reason="not looked at yet"), proven=None)
        self.mobile_since = self.started_at = 0.0
        self.pinning = ""
        """Why probes may leave by another line than they are meant for."""
        self.advice: dict[str, tuple[Notice, ...]] = {}
        """What adapters have to say, by their names."""
        self._pinning_asked: int | None = None
        self.names: PublishedNames | None = None
        """How it stands with the house's names, as their publisher tells."""
        self._standing: dict[type, Standing] = {}
        """What was told last to those who keep it."""
        self._names_grounds: tuple[object, ...] = ()
        """What the wish for the names was last derived from."""
        self._grounds: tuple[object, ...] = ()
        """What the wishes were last derived from; most events change none of it."""
        self._now = 0.0

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one event; return what shall be done."""
        self._now = now
        actions = self._note(event, now)
        self._count(event, now)
        self.wired.handle(event, now)
        if isinstance(event, NetworkObserved):
            self.wired.observe(event.facts, now)
        actions += self.modem.handle(event, now)
        if self.observed:
            actions += self._weigh(now) + self._spend(now)
            self._derive(now)
            actions += self._stand(now) + self._due(now)
        return actions

    def next_deadline(self) -> float | None:
        """When :meth:`handle` wants a ``Tick`` if nothing happens before."""
        candidates = (
            self.modem.deadline,
            self.routes.deadline,
            self.filter.deadline,
            self.wired.deadline(self._now),
            self.failover.deadline(self._now),
            self.meter.deadline(self._now),
            None if self._now >= self.started_at + FIRST_PROOF else self.started_at + FIRST_PROOF,
        )
        return min((each for each in candidates if each is not None), default=None)

    def snapshot(self, now: float) -> Snapshot:
        """Return the document that everybody reads."""
        return snapshot(
            ApplianceView(
                version=__version__,
                config=self.config,
                facts=self.facts,
                modem=self.modem,
                wired=self.wired,
                failover=self.failover,
                mobile=self.mobile,
                usage=self.meter.view(probes_used=self.modem.budget.spent + self._names_spent),
                mobile_for=now - self.mobile_since,
                running_for=now - self.started_at,
                routes=self.routes,
                filter=self.filter,
                backend=self.backend,
                refused=self.refused,
                pinning=self.pinning,
                standby_proven=self.standby_proven,
                names=self.names,
                advice=tuple(each for notices in self.advice.values() for each in notices),
            ),
            now,
        )

    # --- what happens ------------------------------------------------------------------------

    def _note(self, event: Event, now: float) -> list[Action]:
        match event:
            case Started():
                self.started_at = self.mobile_since = self.failover.since = now
            case ConfigChanged():
                self.config = self.failover.config = event.config
                self.meter.reconfigure(event.config.usage, now)
                return self.modem.reconfigure(event.config, now)
            case NetworkObserved():
                self.facts = event.facts
                self.observed = True
                if self.routes.intent is not None and not self.routes.intent.matches(event.facts.ours):
                    self.routes.drifted(now)
            case RoutesApplied():
                return self._applied("routes", self.routes, event.problem, now)
            case FilterApplied():
                return self._filter_applied(event, now)
            case LineForced():
                return self.failover.force(event.line, event.seconds, now)
            case FlowsDropped():
                return _dropped(event)
            case FlowsWeighed():
                self.failover.weighed(event, now)
            case PinningProved():
                return self._pinned(event)
            case NoticesChanged() | NamesChanged():
                return self._told(event)
            case _:
                pass
        return []

    def _told(self, event: NoticesChanged | NamesChanged) -> list[Action]:
        """Take what an adapter has to say."""
        if isinstance(event, NoticesChanged):
            self.advice[event.source] = event.notices
            return []
        before, self.names = self.names, event.names
        self.advice["names"] = event.notices
        return list(names_told(before, event.names))

    def _count(self, event: Event, now: float) -> None:
        """Pass on what concerns the data used."""
        match event:
            case UsageRemembered():
                self.meter.remember(event.record, event.boot, now, problem=event.problem)
            case DayObserved():
                self.meter.day(event, now)
            case UsageCorrected():
                self.meter.correct(event.used, now)
            case UsageStored():
                self.meter.stored(event, now)
            case SessionEnded():
                self.meter.session_ended(event.received, event.sent, now)
            case CountersRead(received=int(received), sent=int(sent)) if event.interface == MOBILE_INTERFACE:
                self.meter.counters(event.interface, event.index, received, sent, now)
            case _:
                pass

    # --- lines -------------------------------------------------------------------------------

    def _weigh(self, now: float) -> list[Action]:
        session = self.modem.known.session
        before = self.wired.verdict
        self.wired.weigh(now)
        wired = self.wired.verdict
        link = cellular_link(session, self.facts, otherwise=self._no_session())
        if link.usable != self.mobile.link.usable:
            self.mobile_since = now
        self.mobile = Mobile(
            link=link,
            proven=self.modem.known.proof if session is not None else None,
            silence=self.modem.known.silence if session is not None else None,
            ipv6=speaks_ipv6(session, self.facts),
            rate=self.meter.rate(now),
        )
        actions = _told(before, wired, confirm=self.config.failover.confirm)
        actions += self.modem.other_line(works=wired.state is not LineState.DOWN, now=now)
        fell = wired.state is not LineState.UP and before.state is LineState.UP
        if fell:
            # Nobody is sent to a line, and nothing is cut for it, that has not shown that it works.
            actions += self.modem.prove_now(now)
        line = self.failover.active
        actions += self.failover.weigh(
            wired=wired,
            wired6=self.wired.verdict6,
            mobile=self.mobile,
            settled=self.routes.settled,
            now=now,
        )
        if self.failover.active is not line and self.failover.active is UplinkName.CELLULAR and not fell:
            actions += self.modem.prove_now(now)
        return actions + self.modem.want(self.failover.wants_mobile(wired), now)

    def _spend(self, now: float) -> list[Action]:
        """Hold the mobile line to its plan."""
        wired_dead = self.wired.verdict.state is LineState.DOWN
        standby = self.failover.active is not UplinkName.CELLULAR
        self.meter.line(wired_dead=wired_dead, standby=standby, now=now)
        actions = self.meter.take(now)
        capped = "the data cap of this cycle is reached (usage.cap)"
        forbidden = capped if self.meter.restriction is Restriction.DISCONNECT else ""
        return actions + self.modem.forbid(forbidden, now)

    # --- wishes ------------------------------------------------------------------------------

    def _derive(self, now: float) -> None:
        session = self.modem.known.session if self.mobile.link.usable else None
        active, active6 = self.failover.active, self.failover.active6
        blocked = self.meter.restriction is Restriction.BLOCK_CLIENTS
        servers = self.wired.servers
        grounds = (self.config, self.facts, session, active, active6, blocked, servers)
        if grounds != self._grounds:
            self._grounds = grounds
            routes = route_intent(
                self.config, self.facts, session, active=active, active6=active6, name_servers=servers
            )
            self.routes.want(routes, now)
            self.filter.want(filter_intent(self.config, self.facts, block_clients=blocked), now)

    def _stand(self, now: float) -> list[Action]:
        """Tell those who keep something what to keep, where it has changed."""
        plan = self.wired.plan()
        wishes: list[Standing] = [ApplyProbes(plans=() if plan is None else (plan,)), *self._names()]
        if servers := self._name_servers():
            wishes.append(ApplyResolvers(servers=servers))
        if self.standby_proven or now >= self.started_at + FIRST_PROOF:
            # A daemon that has just started does not take back what the one before it had proven.
            wishes.append(ApplyStandby(proven=self.standby_proven))
        actions: list[Action] = []
        for wish in wishes:
            if self._standing.get(type(wish)) != wish:
                self._standing[type(wish)] = wish
                actions.append(wish)
        actions += self.wired.walk(now, self.numbers)
        if plan is not None and self._pinning_asked is None and plan.targets and self.routes.settled:
            self._pinning_asked = self.numbers.next()
            actions.append(
                ProvePinning(
                    deed=self._pinning_asked,
                    line=plan.line,
                    interface=plan.interface,
                    target=plan.targets[0],
                )
            )
        return actions

    def _names(self) -> list[ApplyNames]:
        """What shall stand in DNS, if that may have changed."""
        if self.config.dns is None and ApplyNames not in self._standing:
            return []
        session = self.modem.known.session
        works = LineState.UP if self.mobile.link.usable else LineState.DOWN
        servers = () if self.wired.own_names_dead else self.wired.servers
        active, forced = self.failover.active, self.failover.forced
        state = self.wired.verdict.state
        grounds = (self.config, self.facts, session, state, works, servers, active, forced)
        if grounds == self._names_grounds:
            return []
        self._names_grounds = grounds
        intent = names_intent(
            self.config,
            self.facts,
            session,
            wired=state,
            mobile=works,
            servers=servers,
            active=active,
            forced=forced,
        )
        return [ApplyNames(intent=intent)]

    @property
    def _names_spent(self) -> int:
        return 0 if self.names is None else self.names.spent

    @property
    def standby_proven(self) -> bool:
        """Whether the router may count on the mobile line: proven in this session, or resting by choice."""
        proven = self.mobile.link.usable and self.mobile.proven is not None
        return proven or self.modem.standing_by

    def _name_servers(self) -> tuple[Address, ...]:
        """Who resolves the names of the house: the servers of the line that carries it."""
        session = self.modem.known.session
        targets = _ipv4(self.config.probe.targets)
        if self.failover.active is UplinkName.CELLULAR and session is not None:
            return session.dns or targets
        return targets if self.wired.own_names_dead else self.wired.servers

    def _due(self, now: float) -> list[Action]:
        actions: list[Action] = []
        # Filter first: a route must not open a line that is not guarded yet.
        if (rules := self.filter.take(now)) is not None:
            actions.append(ApplyFilter(intent=rules))
        if (routes := self.routes.take(now)) is not None:
            actions.append(ApplyRoutes(intent=routes))
        return actions

    def _no_session(self) -> str:
        modem = self.modem
        if modem.known.missing:
            return modem.known.missing
        return modem.known.blocked or f"modem {modem.state}: {modem.reason}"

    # --- answers -----------------------------------------------------------------------------

    def _pinned(self, event: PinningProved) -> list[Action]:
        if event.deed != self._pinning_asked or event.problem == self.pinning:
            return []
        self.pinning = event.problem
        return [
            Report(
                subject="probing",
                what="questions may go astray",
                why=event.problem,
                next="go on asking; the verdict on the wired line may be wrong",
                severity=Severity.WARNING,
            )
        ]

    def _filter_applied(self, event: FilterApplied, now: float) -> list[Action]:
        self.backend, self.refused = event.backend or self.backend, event.refused
        actions = self._applied("firewall", self.filter, event.problem, now)
        if event.changed and event.problem is None:
            actions.append(
                Report(
                    subject="firewall",
                    what="applied",
                    why=f"written by {event.backend}, read back and compared",
                )
            )
        return actions

    def _applied(
        self,
        subject: str,
        reconciler: Reconciler[RouteIntent] | Reconciler[FilterIntent],
        problem: str | None,
        now: float,
    ) -> list[Action]:
        before = reconciler.problem
        reconciler.applied(problem, now)
        if problem == before:
            return []
        if problem is None:
            return [Report(subject=subject, what="mended", why="the kernel took it this time")]
        return [
            Report(
                subject=subject,
                what="failed",
                why=problem,
                next="what stood before still stands; try again",
                severity=Severity.ERROR,
            )
        ]


@lru_cache(maxsize=1)
def _ipv4(targets: tuple[str, ...]) -> tuple[Address, ...]:
    """Remembered: it is wanted at each event."""
    return tuple(each for each in map(ip_address, targets) if each.version == 4)


def _told(before: Verdict, after: Verdict, *, confirm: float) -> list[Action]:
    """One line for each change of the verdict on the wired line: what, why, where, and what comes next."""
    if before.state is after.state and before.degraded == after.degraded:
        return []
    what = f"{before.state} -> {after.state}"
    why, severity, follows = after.reason, Severity.INFO, ""
    if before.state is after.state:
        what = "degraded" if after.degraded else "well again"
        why = after.degraded or after.reason
        severity = Severity.WARNING if after.degraded else Severity.NOTICE
    elif after.state is LineState.SUSPECT:
        severity, follows = Severity.NOTICE, f"called dead after {confirm:.0f} s of silence"
    elif after.state is LineState.DOWN:
        severity, follows = Severity.WARNING, "go on asking"
    where = f"; it breaks {after.where}" if after.where else ""
    return [Report(subject="wired", what=what, why=f"{why}{where}", next=follows, severity=severity)]


def _dropped(event: FlowsDropped) -> list[Action]:
    if event.problem is not None:
        what, why, severity = "connections not moved", event.problem, Severity.WARNING
    elif event.count:
        what, severity = f"{event.count} connections moved", Severity.INFO
        why = "the kernel forgot them, so that they begin anew over the active line"
    else:
        return []
    return [Report(subject="failover", what=what, why=why, severity=severity)]
