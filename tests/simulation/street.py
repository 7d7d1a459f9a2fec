"""The wired line, the router before it, and the mobile line's bytes, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from typing import TYPE_CHECKING

from failberry.config import Mode
from failberry.core import actions as do
from failberry.core import events as ev
from failberry.core.facts import Address, DefaultRoute, Interface, UsageRecord
from failberry.core.filter import Chain, Dnat, Drop, FilterIntent, Reject
from failberry.core.intent import PRIORITY_ACTIVE
from failberry.core.snapshot import LineState, UplinkName
from tests.modemsim import model
from tests.simulation import outside
from tests.simulation.asker import Asker
from tests.simulation.condition import WELL

if TYPE_CHECKING:
    from tests.simulation.world import World

WIRED = UplinkName.WIRED
DAY = 86_400.0
HOUSE, ROUTER = IPv4Interface("192.168.1.10/24"), IPv4Address("192.168.1.1")
WAN, PROVIDER = IPv4Interface("203.0.113.10/24"), IPv4Address("203.0.113.1")
BEYOND: tuple[Address, ...] = (IPv4Address("198.51.100.1"), IPv4Address("198.51.100.77"))
"""Hops behind the provider's first router."""
WAN6, PROVIDER6 = IPv6Interface("2001:db8::10/64"), IPv6Address("fe80::1")
SERVERS: tuple[Address, ...] = (IPv4Address("203.0.113.53"), IPv4Address("203.0.113.54"))
FIRST_DAY = date(2026, 1, 20)


@dataclass(slots=True)
class Flow:
    """A connection of the house."""

    line: UplinkName
    opened: float
    answered: bool
    killed: float | None = None


@dataclass(slots=True)
class Router:
    """The main router of standby-gateway mode, with a watch of its own, which is slower than ours."""

    finds: float = 20.0
    """Seconds of a dead line after which it sends its traffic to the Pi …"""
    returns: float = 15.0
    """… and of a good one until it takes it back."""
    heeds: bool = True
    """Whether it believes what the Pi tells of the mobile line."""
    uses_us: bool = False
    turns: int = 0
    watch: int = 0


@dataclass
class Street:
    """Everything before the Pi's wired port."""

    world: World
    six: bool = False
    """Whether the line has IPv6."""
    router: Router = field(default_factory=Router)
    house_rate: float = 0.0
    """Bytes a second that the house moves, over whichever line."""

    def __post_init__(self) -> None:
        world = self.world
        self.rng = random.Random(world.seed)  # noqa: S311  chance, not a secret
        self.condition = WELL
        self.changed = world.now
        self.serial = 0
        """Of the condition, so that an expectation of an older one can be dropped."""
        self.watchers: list[Callable[[], None]] = []
        """Told after each change of the condition, or of the router's mind."""
        self.flows: list[Flow] = []
        self.drops: list[tuple[do.DropFlows, int]] = []
        """Each with the number of connections that were cut."""
        self.resolvers: tuple[Address, ...] = ()
        self.offered: bool | None = None
        """Whether the router was told that the mobile line can be used."""
        self.usage: UsageRecord | None = None
        self.asked_bytes = 0
        """Of questions over the mobile line, those in need (with the wired line dead) left out."""
        self.counted = 0
        """Bytes of the mobile line that were told in this cycle."""
        self.heard: float | None = None
        """When something last came back over the mobile line."""
        self.day = FIRST_DAY
        self._filter: FilterIntent | None = None
        self.guards: frozenset[Address] = frozenset()
        self.redirects = self.blocked = False
        self._accrued = world.now
        self._moved = [0.0, 0.0]
        self._metered = self._told = self._packets = 0
        self.asker = Asker(self)
        world.later(DAY, self._midnight)

    def boot(self) -> None:
        """The daemon begins anew: tell what adapters tell at the start."""
        self.asker.restart()
        self.world.post(ev.UsageRemembered(record=self.usage, boot=f"{self.world.booted:.0f}"))
        self.world.post(ev.DayObserved(day=self.day, trusted=True))
        self.world.post(ev.ResolversObserved(servers=self.servers))

    def _midnight(self) -> None:
        self.day += timedelta(days=1)
        if self.day.day == self.world.config.usage.cycle_day:
            self.counted = 0
        self.world.later(DAY, self._midnight)
        self.world.post(ev.DayObserved(day=self.day, trusted=True))

    @property
    def dual(self) -> bool:
        return self.world.config.mode is Mode.DUAL_WAN_ROUTER

    @property
    def servers(self) -> tuple[Address, ...]:
        return SERVERS if self.dual else (ROUTER,)

    def facts(self) -> tuple[Interface, tuple[DefaultRoute, ...]]:
        """What the kernel knows of the wired port."""
        condition, name = self.condition, self.world.config.wired.interface
        has = condition.address
        four = WAN if self.dual else HOUSE
        interface = Interface(
            index=2,
            name=name,
            up=True,
            carrier=condition.carrier,
            addresses=((four, WAN6) if self.six else (four,)) if has else (),
        )
        gateway = PROVIDER if self.dual else ROUTER
        routes = [DefaultRoute(interface=name, gateway=gateway, metric=100, family=4)]
        if self.six:
            routes.append(DefaultRoute(interface=name, gateway=PROVIDER6, metric=100, family=6))
        return interface, tuple(routes) if has and condition.carrier else ()

    # --- what happens ------------------------------------------------------------------------

    def change(self, **fields: object) -> None:
        """The line is otherwise from now on."""
        before, after = self.condition, replace(self.condition, **fields)  # type: ignore[arg-type]
        if after == before:
            return
        self.asker.wake()
        self._accrue()
        self.condition = after
        self._changed()
        if not self.dual:
            self._router_looks()
        if (before.carrier, before.address) != (after.carrier, after.address):
            self.world.post(ev.NetworkObserved(facts=self.world.facts()))

    def outage(self, seconds: float, **fields: object) -> None:
        """It is so for a while, and well again afterwards."""
        self.change(**fields)
        self.world.later(seconds, partial(self.change, **{name: getattr(WELL, name) for name in fields}))

    def open_flow(self) -> Flow:
        """Somebody in the house opens a connection, by the routes as they are."""
        mobile = self.carried_by_mobile
        line = UplinkName.CELLULAR if mobile else WIRED
        flow = Flow(line=line, opened=self.world.now, answered=self.mobile_passes if mobile else self.carries)
        self.flows = [each for each in self.flows[-50:] if each.killed is None]
        self.flows.append(flow)
        return flow

    @property
    def carries(self) -> bool:
        """Whether what the Pi asks over the wired port comes back: it passes, and nothing is diverted."""
        return self.condition.passes and not self.router.uses_us

    @property
    def reaches_router(self) -> bool:
        """Whether whoever is at the other end of the cable answers."""
        condition = self.condition
        return condition.carrier and condition.address and condition.broken != 0

    @property
    def carried_by_mobile(self) -> bool:
        """Whether new connections of the house take the mobile line."""
        if not self.dual:
            return self.router.uses_us
        return any(rule.priority == PRIORITY_ACTIVE and rule.family == 4 for rule in self.world.ours.rules)

    @property
    def mobile_passes(self) -> bool:
        session = self.world.session
        up = session is not None and session.local is not None
        return up and outside.reach(self.world) is model.Reach.EVERYWHERE

    # --- the router --------------------------------------------------------------------------

    def _router_looks(self) -> None:
        """The router's own watch: a line that is dead for long is left, and taken back after a while."""
        router = self.router
        router.watch += 1
        if not self.reaches_router:
            return  # it is the router itself, or the cable to it
        wish = not self.condition.passes and (bool(self.offered) or not router.heeds)
        if wish is not router.uses_us:
            patience = router.finds if wish else router.returns
            self.world.later(patience, partial(self._router_turns, router.watch, uses_us=wish))

    def _router_turns(self, watch: int, *, uses_us: bool) -> None:
        router = self.router
        if watch != router.watch:
            return
        self._accrue()
        self.asker.wake()
        router.uses_us = uses_us
        router.turns += 1
        self._changed()

    def _changed(self) -> None:
        self.changed = self.world.now
        self.serial += 1
        for each in self.watchers:
            each()

    def read_filter(self) -> None:
        """See what stands in the packet filter against our own pings, and for the canary."""
        intent = self.world.filter
        if intent is self._filter or intent is None:
            return
        self._filter = intent
        lan = self.world.config.lan_interface
        targets = tuple(map(ip_address, self.world.config.probe.targets))
        guards = [
            rule.destination
            for rule in intent.rules
            if rule.chain is Chain.FORWARD
            and isinstance(rule.verdict, Drop)
            and rule.input_interface == lan
            and rule.length == (37 if rule.family == 4 else 57)
        ]
        self.guards = frozenset(
            each
            for each in targets
            if any(net is not None and net.version == each.version and each in net for net in guards)
        )
        self.blocked = any(
            rule.chain is Chain.FORWARD and isinstance(rule.verdict, Reject) and "data cap" in rule.why
            for rule in intent.rules
        )
        self.redirects = any(
            rule.chain is Chain.NAT_PREROUTING
            and isinstance(rule.verdict, Dnat)
            and "icmp" in (rule.protocol or "")
            for rule in intent.rules
        )

    # --- deeds and standing wishes -----------------------------------------------------------

    def take(self, action: do.Action) -> bool:  # noqa: C901  one case for each action
        """Do what belongs to the lines; return whether it did."""
        match action:
            case do.ApplyProbes():
                self.asker.apply(action.plans[0] if action.plans else None)
            case do.ApplyResolvers():
                self.resolvers = action.servers
            case do.ApplyStandby():
                before, self.offered = self.offered, action.proven
                if not self.dual and before is not self.offered:
                    self._router_looks()
            case do.DropFlows():
                self._drop(action)
            case do.WeighFlows():
                self._weigh(action)
            case do.TracePath():
                self._trace(action)
            case do.ProvePinning():
                self.world.answer(0.01, ev.PinningProved(deed=action.deed))
            case do.StoreUsage():
                if self.world.disk_problem is None:
                    self.usage = action.record
                self.world.answer(0.02, ev.UsageStored(deed=action.deed, problem=self.world.disk_problem))
            case do.ReadCounters():
                self._count(action)
            case do.ProbeLine():
                self._ask(action)
            case _:
                return False
        return True

    def _drop(self, action: do.DropFlows) -> None:
        doomed = [
            each
            for each in self.flows
            if self.dual  # beside a router the house's connections do not pass here
            and each.killed is None
            and each.line is action.line
            and not (each.answered and action.flows is do.Flows.UNANSWERED)
        ]
        for each in doomed:
            each.killed = self.world.now
        self.drops.append((action, len(doomed)))
        self.world.answer(0.02, ev.FlowsDropped(deed=action.deed, count=len(doomed)))

    def _weigh(self, action: do.WeighFlows) -> None:
        """Open connections carry as long as the line passes, whoever answers pings."""
        carries = self.condition.passes and any(
            each.line is action.line and each.answered and each.killed is None for each in self.flows
        )
        self._packets += 10 * carries
        self.world.answer(0.01, ev.FlowsWeighed(deed=action.deed, packets_in=self._packets))

    def _trace(self, action: do.TracePath) -> None:
        way: tuple[Address, ...] = ((PROVIDER,) if self.dual else (ROUTER, PROVIDER)) + BEYOND
        if action.target.version == 6:
            way = (IPv6Address("2001:db8:1::1"), IPv6Address("2001:db8:2::1"))
        broken = self.condition.broken
        if not self.condition.carrier or not self.condition.address:
            broken = 0
        if self.router.uses_us:
            broken = 1
        if action.target.version == 6 and self.condition.broken6:
            broken = 1
        hops = way if broken is None else way[:broken] + (None,) * (action.hops - len(way[:broken]))
        reached = broken is None and action.target not in self.condition.unreached
        answer = ev.PathTraced(deed=action.deed, hops=hops, reached=reached)
        self.world.answer(0.1 if reached else action.timeout, answer)

    # --- the mobile line's bytes ---------------------------------------------------------------

    def _accrue(self) -> None:
        """What the house has moved over the mobile line since the last look."""
        world = self.world
        session = world.session.pid if world.session is not None and world.session.local is not None else 0
        if session != self._metered:
            self._metered, self._moved, self._accrued, self._told = session, [0.0, 0.0], world.now, 0
        elapsed, self._accrued = world.now - self._accrued, world.now
        self.read_filter()
        if session and self.house_rate and self.carried_by_mobile and not self.blocked:
            self._moved[1] += 0.2 * self.house_rate * elapsed
            self._moved[0] += 0.8 * self.house_rate * elapsed * self.mobile_passes

    def _count(self, action: do.ReadCounters) -> None:
        self._accrue()
        world = self.world
        if not self._metered:
            world.answer(0.001, ev.CountersRead(deed=action.deed, received=None, sent=None))
            return
        if world.traffic:
            self._moved[1] += 1000
            self._moved[0] += 1000 * self.mobile_passes
        if self.mobile_passes and (world.traffic or (self.house_rate and self.carried_by_mobile)):
            self.heard = world.now
        received, sent = map(int, self._moved)
        event = ev.CountersRead(
            deed=action.deed,
            received=received,
            sent=sent,
            interface=action.interface,
            index=7 + self._metered,
        )
        more, self._told = received + sent - self._told, received + sent

        def tell() -> None:
            self.counted += more
            world.post(event)

        world.later(0.001, tell, daemon=True)

    def _ask(self, action: do.ProbeLine) -> None:
        self._accrue()
        size = 37 * len(action.targets) + 45 * len(action.servers)
        back = 37 * len(action.targets) + 120 * len(action.servers)
        back *= self.mobile_passes
        if self.mobile_passes:
            self.heard = self.world.now
        if self.world.appliance.wired.verdict.state is not LineState.DOWN:
            self.asked_bytes += size + back
        self._moved[1] += size
        self._moved[0] += back
        outside.probe(self.world, action)
