"""The wired line: all evidence of it, weighed into one verdict for each family, with reason and place.

Four tests, each of which may fail by itself: the *link* (carrier, address, gateway), the *pings*
(:mod:`failberry.core.detector`), the *names* and the *pages*.  A silence of the pings is a dead line.  Names
that cannot be resolved by anybody, or a portal that speaks for every page, are a line that is of no use, and
no reason to cut connections that still pass.

Where it breaks is told by the hops (RFC 792, time exceeded): the way is learnt while the line is well, and
walked again when it falls silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from failberry.config import Config, Mode
from failberry.core.actions import TracePath
from failberry.core.detector import Detector, Finding, Limits
from failberry.core.dialogue import DeedNumbers
from failberry.core.events import (
    ConfigChanged,
    Event,
    PathTraced,
    ResolversObserved,
)
from failberry.core.facts import Address, NetworkFacts
from failberry.core.links import Link, wired_link
from failberry.core.probing import Kind, Page, ProbeAnswered, ProbeMissed, ProbePlan
from failberry.core.snapshot import LineState, UplinkName

NAMES_DEAD = 5.0
"""Seconds without an answer from any name server …"""
NAMES_MISSED = 3
"""… and questions that each of them has missed, until names cannot be resolved."""
NAME_INTERVAL, NAME_HURRY = 2.0, 1.0
PORTAL_PAGES = 2
"""Pages in a row for which somebody else must speak."""
PAGE_HURRY = 10.0
CANARY_LIFE = 3.5
"""Seconds for which an answered canary says that the router sends its traffic here: three may be lost."""
RETRACE = 1800.0
"""Seconds between two walks of the way while all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a line is worth in one family."""

    state: LineState
    since: float
    reason: str
    where: str = ""
    degraded: str = ""
    """What is wrong with a line that works."""
    leave: bool = False
    """It works so badly that a better line shall carry what is new."""
    silent_since: float | None = None
    """Nothing has come back since then: connections over it are lost.  ``None``: something still does."""


@dataclass(slots=True)
class _Server:
    """One name server, as far as it was asked over this line."""

    answered: float | None = None
    missed: int = 0
    missing_since: float | None = None
    problem: str = ""


@dataclass(slots=True)
class _Family:
    """One family of the line."""

    detector: Detector
    link: Link
    link_since: float
    verdict: Verdict
    hops: tuple[Address | None, ...] = ()
    """Who answered on the way while the line was well."""
    where: str = ""
    walked: float | None = None
    walk: int = 0
    """Number of the last deed that walked the way."""


@dataclass(slots=True)
class WiredLine:
    """Pure: events and instants in, verdicts and a plan out."""

    config: Config
    facts: NetworkFacts = field(default_factory=NetworkFacts)
    servers: tuple[Address, ...] = ()
    """Name servers of the line."""
    families: dict[int, _Family] = field(default_factory=dict)
    _servers: dict[Address, _Server] = field(default_factory=dict)
    _portal: int = 0
    _portal_words: str = ""
    _canary: float | None = None
    _pages: tuple[Page, ...] = ()
    _targets: tuple[Address, ...] = ()

    def __post_init__(self) -> None:
        self._reconfigure(self.config)

    # --- what happens ------------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> None:
        """Take note of what concerns this line."""
        match event:
            case ConfigChanged():
                self._reconfigure(event.config)
            case ResolversObserved():
                self._name_servers(event.servers)
            case ProbeAnswered(line=UplinkName.WIRED, canary=True):
                self._canary = now
            case ProbeAnswered(line=UplinkName.WIRED):
                self._answered(event, now)
            case ProbeMissed(line=UplinkName.WIRED):
                self._missed(event, now)
            case PathTraced():
                self._walked(event)
            case _:
                pass
        for family in self.families.values():
            family.detector.tick(now)

    def observe(self, facts: NetworkFacts, now: float) -> None:
        """Take the kernel's view of the network."""
        self.facts = facts
        for number in (4, 6):
            link = wired_link(self.config, facts, number)
            family = self.families.get(number)
            if family is None:
                if link.usable or number == 4:
                    detector = Detector(self._limits(number))
                    detector.forget(now)
                    start = Verdict(state=LineState.SUSPECT, since=now, reason="not asked yet")
                    self.families[number] = _Family(
                        detector=detector, link=link, link_since=now, verdict=start
                    )
                continue
            if link.usable != family.link.usable:
                family.link_since = now
                family.detector.forget(now)
            family.link = link
        six = self.families.get(6)
        if six is not None and not six.link.usable and self.families[4].link.usable:
            # The provider has taken IPv6 away; a line without a link keeps its family, to be told of it.
            del self.families[6]

    def weigh(self, now: float) -> None:
        """Form the verdicts anew."""
        for number, family in self.families.items():
            before = family.verdict
            found = self._judge(number, family, now)
            since = before.since if found.state is before.state else now
            family.verdict = Verdict(
                state=found.state,
                since=since,
                reason=found.reason,
                where=found.where,
                degraded=found.degraded,
                leave=found.leave,
                silent_since=found.silent_since,
            )

    @property
    def verdict(self) -> Verdict:
        """IPv4's; or IPv6's where that is all there is."""
        four = self.families.get(4)
        six = self.families.get(6)
        if four is None:
            return Verdict(state=LineState.DOWN, since=0.0, reason="not looked at yet")
        if six is not None and six.link.usable and not four.link.usable:
            return six.verdict
        return four.verdict

    @property
    def verdict6(self) -> Verdict | None:
        """IPv6's; ``None``: the line has none."""
        six = self.families.get(6)
        return six.verdict if six is not None else None

    def router_uses_us(self, now: float) -> bool | None:
        """Whether the main router sends its traffic to this Pi; ``None``: not asked."""
        if self.config.mode is not Mode.STANDBY_GATEWAY or not self.config.standby.canary:
            return None
        return self._canary is not None and now < self._canary + CANARY_LIFE

    @property
    def own_names_dead(self) -> bool:
        """Whether the line's own name servers are silent, whoever else answers."""
        own = [self._servers.get(each) for each in self.servers]
        return bool(own) and all(each is not None and each.missed >= NAMES_MISSED for each in own)

    def deadline(self, now: float) -> float | None:
        """When a verdict may change by itself."""
        candidates = [family.detector.deadline for family in self.families.values()]
        candidates += [self._given_up(each) for each in self.families.values() if not each.link.usable]
        if self._canary is not None:
            candidates.append(self._canary + CANARY_LIFE)
        candidates += [
            each.missing_since + NAMES_DEAD
            for each in self._servers.values()
            if each.missing_since is not None
        ]
        return min((each for each in candidates if each is not None and each > now), default=None)

    # --- what shall be asked -----------------------------------------------------------------

    def plan(self) -> ProbePlan | None:
        """Return what shall be asked over the line; ``None``: it has no link that could carry a question."""
        alive = [number for number, family in self.families.items() if family.link.usable]
        if not alive:
            return None
        paces = [self.families[number].detector.pace for number in alive]
        probe = self.config.probe
        return ProbePlan(
            line=UplinkName.WIRED,
            interface=self.config.wired.interface,
            targets=tuple(each for each in self._targets if each.version in alive),
            interval=probe.wired_interval,
            timeout=max(each.timeout for each in paces),
            volley=sum(each.volley for each in paces),
            servers=tuple(self._asked()),
            name=probe.name,
            name_interval=NAME_HURRY if self._names_trouble else NAME_INTERVAL,
            pages=self._pages,
            page_interval=PAGE_HURRY if self._portal else probe.page_interval,
            canary=ip_address(self.config.standby.canary) if self._canary_wanted(alive) else None,
        )

    def _canary_wanted(self, alive: list[int]) -> bool:
        standby = self.config.mode is Mode.STANDBY_GATEWAY
        return standby and bool(self.config.standby.canary) and 4 in alive

    @property
    def _names_trouble(self) -> bool:
        return any(self._servers[each].missed for each in self.servers if each in self._servers)

    def _asked(self) -> Iterator[Address]:
        """The line's own servers; while they are silent the public ones, too, to tell who is at fault."""
        candidates = list(self.servers)
        if self.servers and self._names_trouble:
            candidates += [each for each in self._targets if each not in self.servers]
        for each in candidates:
            family = self.families.get(each.version)
            if family is not None and family.link.usable:
                yield each

    def walk(self, now: float, numbers: DeedNumbers) -> Iterator[TracePath]:
        """Walk the way to the first target where it is time: when it has fallen silent, and now and then."""
        for version, family in self.families.items():
            targets = [each for each in self._targets if each.version == version]
            if not family.link.usable or not targets:
                continue
            silent = family.detector.silent_since
            walked = family.walked
            match family.detector.finding:
                case Finding.UP:
                    due = silent is None and (walked is None or now >= walked + RETRACE)
                case Finding.SUSPECT:
                    due = silent is not None and (walked is None or walked < silent)
                case Finding.DOWN:
                    due = False
            if due:
                family.walked, family.walk = now, numbers.next()
                yield TracePath(
                    deed=family.walk,
                    line=UplinkName.WIRED,
                    interface=self.config.wired.interface,
                    target=targets[0],
                )

    def _walked(self, event: PathTraced) -> None:
        """Learn the way, or where it ends now."""
        family = next((each for each in self.families.values() if each.walk == event.deed), None)
        if family is None or event.problem is not None:
            return
        if event.reached:
            family.hops, family.where = event.hops, ""
        elif family.detector.finding is not Finding.UP:
            family.where = _where(event.hops, family.hops, router=self.config.mode is Mode.STANDBY_GATEWAY)

    # --- notes -------------------------------------------------------------------------------

    def _reconfigure(self, config: Config) -> None:
        self.config = config
        self._pages = tuple(_page(each) for each in config.probe.pages)
        self._targets = tuple(map(ip_address, config.probe.targets))
        if config.wired.dns:
            self._name_servers(())
        for number, family in self.families.items():
            family.detector.retune(self._limits(number))

    def _limits(self, family: int) -> Limits:
        wishes = self.config.failover
        return Limits(
            targets=tuple(each for each in self._targets if each.version == family),
            interval=self.config.probe.wired_interval,
            confirm=wishes.confirm,
            loss_limit=wishes.loss_limit,
            latency_limit=wishes.latency_limit,
        )

    def _name_servers(self, observed: tuple[Address, ...]) -> None:
        servers = tuple(map(ip_address, self.config.wired.dns)) or observed
        if servers == self.servers:
            return
        self.servers = servers
        for gone in [each for each in self._servers if each not in self.servers]:
            del self._servers[gone]

    def _answered(self, event: ProbeAnswered, now: float) -> None:
        if event.kind is Kind.ECHO:
            family = self.families.get(event.peer.version)
            if family is not None and family.link.usable:
                family.detector.answered(event.peer, sent=event.sent, rtt=event.rtt, now=now)
        elif event.kind is Kind.NAME:
            self._servers[event.peer] = _Server(answered=now)
        else:
            self._portal, self._portal_words = 0, ""

    def _missed(self, event: ProbeMissed, now: float) -> None:
        if event.kind is Kind.ECHO:
            family = self.families.get(event.peer.version) if event.peer is not None else None
            if family is not None and family.link.usable and event.peer is not None:
                family.detector.missed(event.peer, sent=event.sent, now=now, problem=event.problem)
        elif event.kind is Kind.NAME:
            if event.peer is None:
                return
            server = self._servers.setdefault(event.peer, _Server())
            server.missed += 1
            server.problem = event.problem
            if server.missing_since is None:
                server.missing_since = event.sent
        elif event.portal:
            self._portal += 1
            self._portal_words = event.problem

    # --- judging -----------------------------------------------------------------------------

    def _given_up(self, family: _Family) -> float:
        return family.link_since + self.config.failover.confirm

    def _judge(self, number: int, family: _Family, now: float) -> Verdict:
        detector = family.detector
        if not family.link.usable:
            # New connections leave at once; open ones are given up when it lasts.
            lasting = now >= self._given_up(family)
            return Verdict(
                state=LineState.DOWN if lasting else LineState.SUSPECT,
                since=now,
                reason=family.link.reason,
                where="at the Pi itself: cable, plug or the device at its other end",
                silent_since=family.link_since,
            )
        if not any(each.version == number for each in self._targets):
            return Verdict(state=LineState.UP, since=now, reason=family.link.reason)
        hairpin = bool(self.router_uses_us(now))
        if detector.finding is Finding.UP and not hairpin:
            family.where = ""
            return self._of_use(detector, now)
        state = LineState(detector.finding.value)
        reason = detector.reason
        if hairpin:
            state = LineState.DOWN if detector.finding is not Finding.SUSPECT else LineState.SUSPECT
            reason = (
                f"the router sends its traffic to this Pi, so that it calls the wired line dead; {reason}"
            )
        return Verdict(
            state=state,
            since=now,
            reason=reason,
            where=family.where,
            silent_since=detector.silent_since if detector.silent_since is not None else detector.since,
        )

    def _of_use(self, detector: Detector, now: float) -> Verdict:
        """A line that answers pings may still be of no use, or of little."""
        if self._portal >= PORTAL_PAGES:
            reason = f"pings pass, but somebody else answers for every page: {self._portal_words}"
            return Verdict(state=LineState.DOWN, since=now, reason=reason)
        if words := self._nameless(now):
            return Verdict(state=LineState.DOWN, since=now, reason=f"pings pass, but {words}")
        degraded = [each for each in (detector.lossy, detector.slow) if each]
        leave = bool(degraded)
        if detector.unreached:
            degraded.append(f"not reached: {', '.join(map(str, detector.unreached))}")
            leave = leave or self.config.failover.partial == "leave"
        if self.own_names_dead:
            degraded.append(
                f"its own name servers ({', '.join(map(str, self.servers))}) do not answer, public ones do"
            )
        return Verdict(
            state=LineState.UP, since=now, reason=detector.reason, degraded="; ".join(degraded), leave=leave
        )

    def _nameless(self, now: float) -> str:
        """Why names cannot be resolved over this line, by anybody; empty: they can."""
        asked = [self._servers.get(each) for each in self._asked()]
        if not asked or not self.servers:
            return ""
        first = now
        for each in asked:
            if each is None or each.missed < NAMES_MISSED or each.missing_since is None:
                return ""
            first = min(first, each.missing_since)
        if now < first + NAMES_DEAD:
            return ""
        problem = next((each.problem for each in asked if each is not None and each.problem), "silence")
        return (
            f"no name server has resolved {self.config.probe.name} for {now - first:.0f} s: "
            f"{', '.join(map(str, self._asked()))} ({problem})"
        )


def _page(text: str) -> Page:
    address, _, wanted = text.partition(" ")
    host, slash, path = address.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    return Page(host=name, port=int(port or 80), path=slash + path, text=wanted)


def _where(hops: tuple[Address | None, ...], known: tuple[Address | None, ...], *, router: bool) -> str:
    """Say where the way ends, by the last hop that answers."""
    last = max((number for number, hop in enumerate(hops, 1) if hop is not None), default=0)
    first = "the main router" if router else "the provider's first router"
    if last == 0:
        if known and known[0] is not None:
            return f"at the first hop: {first}, {known[0]}, is silent, or the way to it is"
        return "before or at the first hop: nobody on the way answers"
    who = f"{hops[last - 1]} (hop {last})"
    provider = 2 if router else 1
    if last <= provider:
        return f"behind {who}, in the provider's network"
    return f"behind {who}, beyond the provider's first routers"
