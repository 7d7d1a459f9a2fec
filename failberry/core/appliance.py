"""The whole appliance: one event and the time go in, actions come out.

It composes the modem machine, the choice of the line, and the two intents.  Every event takes the
same path: the machines see it, then the wishes are derived anew from what is now known, then
whatever is due is emitted.
"""

from __future__ import annotations

import random

from failberry import __version__
from failberry.config import Config
from failberry.core import failover
from failberry.core.actions import Action, ApplyFilter, ApplyRoutes, Report, Severity
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import ConfigChanged, Event, FilterApplied, NetworkObserved, RoutesApplied, Started
from failberry.core.facts import NetworkFacts, Session
from failberry.core.filter import FilterIntent
from failberry.core.filter_rules import filter_intent
from failberry.core.intent import RouteIntent
from failberry.core.modem import Modem
from failberry.core.reconcile import Reconciler
from failberry.core.routing import route_intent
from failberry.core.snapshot import Snapshot
from failberry.core.view import ApplianceView, snapshot


class Appliance:
    """Pure: no clock, socket, file or task."""

    def __init__(self, config: Config, *, seed: int) -> None:
        self.config = config
        self.modem = Modem(config, numbers=DeedNumbers(), rng=random.Random(seed))  # noqa: S311  (jitter)
        self.facts = NetworkFacts()
        self.observed = False
        """Whether the kernel's network has been seen at all."""
        self.routes: Reconciler[RouteIntent] = Reconciler()
        self.filter: Reconciler[FilterIntent] = Reconciler()
        self.backend: str | None = None
        self.refused: tuple[str, ...] = ()
        nothing = failover.Line(usable=False, reason="not looked at yet")
        self.wired, self.cellular = nothing, nothing
        self.wired_since = self.cellular_since = self.active_since = self.started_at = 0.0
        self.choice = failover.Choice(active=None, reason="just started")
        self._grounds: tuple[object, ...] = ()
        """What the wishes were last derived from; most events change none of it."""

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one event; return what shall be done."""
        actions: list[Action] = []
        match event:
            case Started():
                self.started_at = self.wired_since = self.cellular_since = self.active_since = now
            case ConfigChanged():
                self.config = event.config
                actions += self.modem.reconfigure(event.config, now)
            case NetworkObserved():
                self.facts = event.facts
                self.observed = True
                if self.routes.intent is not None and not self.routes.intent.matches(event.facts.ours):
                    self.routes.drifted(now)
            case RoutesApplied():
                actions += self._applied("routes", self.routes, event.problem, now)
            case FilterApplied():
                actions += self._filter_applied(event, now)
            case _:
                pass
        actions += self.modem.handle(event, now)
        if self.observed:
            actions += self._derive(now)
        return actions

    def next_deadline(self) -> float | None:
        """When :meth:`handle` wants a ``Tick`` if nothing happens before."""
        candidates = (self.modem.deadline, self.routes.deadline, self.filter.deadline)
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
                wired_for=now - self.wired_since,
                cellular=self.cellular,
                cellular_for=now - self.cellular_since,
                choice=self.choice,
                active_for=now - self.active_since,
                running_for=now - self.started_at,
                routes=self.routes,
                filter=self.filter,
                backend=self.backend,
                refused=self.refused,
            ),
            now,
        )

    # --- wishes ------------------------------------------------------------------------------

    def _derive(self, now: float) -> list[Action]:
        session = self.modem.known.session
        grounds = (self.config, self.facts, session, self._no_session())
        if grounds != self._grounds:
            self._grounds = grounds
            return self._weigh(session, now) + self._due(now)
        return self._due(now)

    def _weigh(self, session: Session | None, now: float) -> list[Action]:
        wired = failover.wired_line(self.config, self.facts)
        cellular = failover.cellular_line(session, self.facts, otherwise=self._no_session())
        if wired.usable != self.wired.usable:
            self.wired_since = now
        if cellular.usable != self.cellular.usable:
            self.cellular_since = now
        self.wired, self.cellular = wired, cellular
        actions = self.modem.other_line(works=wired.usable, now=now) + self._choose(now)
        usable = session if cellular.usable else None
        self.routes.want(route_intent(self.config, self.facts, usable, self.choice.active), now)
        self.filter.want(filter_intent(self.config, self.facts), now)
        return actions

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

    def _choose(self, now: float) -> list[Action]:
        choice = failover.choose(self.config, wired=self.wired, cellular=self.cellular)
        before, self.choice = self.choice, choice
        if choice.active == before.active:
            return []
        self.active_since = now
        return [
            Report(
                subject="failover",
                what=f"{before.active or 'no line'} -> {choice.active or 'no line'}",
                why=choice.reason,
                next="new flows use it" if choice.active else "wait for a line",
                severity=Severity.NOTICE if choice.active else Severity.ERROR,
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
