"""Keeps the lines' addresses at their names: the lines go in, calls come out, answers go in.

Each line has a state of its own and one call under way at a time, whoever writes its name: our function at
AWS, asked over that very line, or the child that speaks to Route 53.  Every call has a time limit, and an
answer that was lost is missed soon after it.  Pure: time is an argument, chance has a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from typing import assert_never

from failberry.config import HEALTH_PORT, Config
from failberry.core.facts import Address
from failberry.core.names import NamedLine, NamesIntent, PublishedName, PublishedNames
from failberry.core.snapshot import LineState, Notice, UplinkName
from failberry.dns import namewords
from failberry.dns.calls import (
    Abandon,
    Answer,
    Call,
    Failed,
    Move,
    Moved,
    Publish,
    Question,
    Reflect,
    Trouble,
    Verify,
)
from failberry.dns.fastpath import FastPath
from failberry.dns.protocol import LONGEST_PROBE
from failberry.dns.publication import Publication, Step
from failberry.naming import Dns
from failberry.naming import Publisher as Writer

OURS = {Writer.LAMBDA, Writer.ROUTE53}
PUBLISH_TIME, REFLECT_TIME, VERIFY_TIME, CHILD_TIME = 25.0, 15.0, 9.0, 65.0
"""Seconds for a call.  Our function takes up to five to ask back."""
LOST = 5.0
"""Seconds after that until an answer is missed."""
CHILD_OCTETS = 25_000
"""Bytes of an errand of the child, by estimate: two or three TLS connections to AWS."""
PATIENCE = 3
"""Failures of the other line to learn where it is found, for which this one waits."""


@dataclass(slots=True)
class _Flight:
    """A call under way."""

    call: Question
    until: float
    publication: Publication | None


class Publisher:
    """Pure; instants are the engine's."""

    def __init__(self, *, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311  (jitter)
        self._numbers = count(1)
        self._intent: NamesIntent | None = None
        self._publications: dict[UplinkName, list[Publication]] = {}
        self._flights: dict[UplinkName, _Flight] = {}
        self._moving: _Flight | None = None
        self._fast = FastPath(self._dice)
        self._told: dict[UplinkName, PublishedName] = {}
        self.spent = 0
        """Bytes on the mobile line."""

    # --- what goes in ------------------------------------------------------------------------

    def apply(self, intent: NamesIntent | None, now: float) -> list[Call]:
        """Take the lines as they are now; return what shall be given up."""
        before, self._intent = self._intent, intent
        self._fast.observe(intent, now)
        calls: list[Call] = []
        dns = None if intent is None else intent.config.dns
        wanted: dict[UplinkName, NamedLine] = {}
        if intent is not None and dns is not None:
            wanted = {each.line: each for each in intent.lines if _source(dns, each.line) in OURS}
            if before is None or before.config is not intent.config:
                self._reconfigure(intent.config, dns, wanted)
        for gone in [each for each in self._publications if each not in wanted]:
            del self._publications[gone]
        for name, line in wanted.items():
            for each in self._publications[name]:
                each.observe(line, now)
                if intent is not None:
                    each.where.disown(
                        (it for there in intent.lines if there is not line for it in there.addresses), now
                    )
        for name, flight in list(self._flights.items()):
            if _moot(flight, wanted.get(name), self._publications.get(name, [])):
                del self._flights[name]
                calls.append(Abandon(number=flight.call.number))
                if flight.publication is not None:
                    flight.publication.abandoned(flight.call)
        return calls

    def take(self, answer: Answer, now: float) -> None:
        """Take an answer; one to a call that was given up says nothing."""
        if self._moving is not None and self._moving.call.number == answer.number:
            self._moved(self._moving, answer, now)
            return
        for name, flight in self._flights.items():
            if flight.call.number == answer.number:
                del self._flights[name]
                self._landed(name, flight, answer, now)
                return

    # --- what comes out ----------------------------------------------------------------------

    def turn(self, now: float) -> list[Call]:
        """Return the calls that are due; each is answered by :meth:`take`."""
        calls = self._miss(now)
        if self._moving is None and (due := self._fast.due(now)) is not None and due <= now:
            self._fast.pace.spend(now)
            move = Move(number=next(self._numbers), timeout=CHILD_TIME, forced=self._fast.wanted)
            self._moving = _Flight(move, now + move.timeout + LOST, None)
            calls.append(move)
        for line in self._idle():
            step = self._first(line, now)
            if step is not None and step[0] <= now:
                _, what, publication = step
                call = self._call(what, line, publication)
                publication.spend(what, now)
                self._flights[line.line] = _Flight(call, now + call.timeout + LOST, publication)
                calls.append(call)
        return calls

    def deadline(self, now: float) -> float | None:
        """When :meth:`turn` has something to do, or what is told changes, if nothing happens before."""
        candidates = [each.until for each in (*self._flights.values(), self._moving) if each is not None]
        if self._moving is None:
            candidates += [due for due in (self._fast.due(now),) if due is not None]
        for line in self._idle():
            if (step := self._first(line, now)) is not None:
                candidates.append(step[0])
        candidates += [at for at in map(namewords.expiry, self._every()) if at is not None and at > now]
        return min(candidates, default=None)

    def view(self, now: float) -> PublishedNames | None:
        """Return how it stands; instants change only when something happens."""
        intent = self._intent
        dns = None if intent is None else intent.config.dns
        if intent is None or dns is None:
            return None
        told = {}
        for line in intent.lines:
            source, name = _source(dns, line.line), _name(dns, line.line)
            publications = self._publications.get(line.line, [])
            first = self._first(line, now) if line.line not in self._flights else None
            told[line.line] = namewords.told(
                line, name, source, publications, self._told.get(line.line), first, now
            )
        self._told = told
        return PublishedNames(
            name=dns.name,
            lines=tuple(told.values()),
            moved=self._fast.holds if self._fast.known else None,
            moved_since=self._fast.since,
            spent=self.spent,
        )

    def notices(self, now: float) -> tuple[Notice, ...]:
        """What a person should know, worst first."""
        up = {each.line for each in self._lines() if each.state is LineState.UP}
        return tuple(namewords.notices(self._every(), self._fast, up, now))

    # --- inside ------------------------------------------------------------------------------

    def _lines(self) -> tuple[NamedLine, ...]:
        return () if self._intent is None else self._intent.lines

    def _every(self) -> Iterator[Publication]:
        for publications in self._publications.values():
            yield from publications

    def _idle(self) -> Iterator[NamedLine]:
        """Lines that could be asked over, and have no call under way."""
        for line in self._lines():
            works = line.state is LineState.UP and line.line in self._publications
            if works and line.line not in self._flights:
                yield line

    def _first(self, line: NamedLine, now: float) -> tuple[float, Step, Publication] | None:
        if line.state is not LineState.UP:
            return None
        steps = [
            (*step, each)
            for each in self._publications.get(line.line, ())
            if (step := each.next(now)) is not None
        ]
        return min(steps, key=lambda each: each[0], default=None)

    def _reconfigure(self, config: Config, dns: Dns, wanted: dict[UplinkName, NamedLine]) -> None:
        for name in wanted:
            source, host = _source(dns, name), _name(dns, name)
            made = [
                Publication(
                    line=name,
                    family=family,
                    name=host,
                    source=source,
                    reflector=bool(dns.url),
                    probes=source is Writer.LAMBDA and bool(_probe(config, dns, name)),
                    dice=self._dice,
                )
                for family in (4, 6)
            ]
            old = self._publications.get(name)
            if old is None or [_identity(each) for each in old] != [_identity(each) for each in made]:
                self._publications[name] = made

    def _call(self, step: Step, line: NamedLine, publication: Publication) -> Question:
        number = next(self._numbers)
        match step:
            case Step.PUBLISH:
                intent, address = self._intent, publication.where.address
                assert intent is not None  # noqa: S101  (for mypy: what is to be done has been wished)
                assert intent.config.dns is not None  # noqa: S101
                assert address is not None  # noqa: S101
                by_child = publication.source is Writer.ROUTE53
                return Publish(
                    number=number,
                    timeout=CHILD_TIME if by_child else PUBLISH_TIME,
                    over=line,
                    source=publication.source,
                    name=publication.name,
                    address=address,
                    own=not publication.where.translated,
                    probe=_probe(intent.config, intent.config.dns, line.line) if publication.probes else "",
                )
            case Step.REFLECT:
                return Reflect(number=number, timeout=REFLECT_TIME, over=line, family=publication.family)
            case Step.VERIFY:
                return Verify(
                    number=number,
                    timeout=VERIFY_TIME,
                    line=line.line,
                    over=self._verifier(publication, line),
                    name=publication.name,
                    family=publication.family,
                )
            case _:
                assert_never(step)

    def _verifier(self, publication: Publication, line: NamedLine) -> NamedLine:
        """The line to ask the name servers over: any will do; the active one first, then in turn."""
        intent = self._intent
        active = None if intent is None else intent.active
        live = [each for each in self._lines() if each.state is LineState.UP] or [line]
        live.sort(key=lambda each: each.line is not active)
        return live[publication.unverified % len(live)]

    def _landed(self, name: UplinkName, flight: _Flight, answer: Answer, now: float) -> None:
        call, publication = flight.call, flight.publication
        octets = 0 if isinstance(answer, Moved) else answer.octets
        over = None if isinstance(call, Move) else call.over.line
        if isinstance(call, Publish) and call.source is Writer.ROUTE53:
            self._child_spent()
        elif over is UplinkName.CELLULAR:
            self.spent += octets
        if publication is not None:
            publication.take(call, answer, self._foreign(name, publication.family), now)

    def _moved(self, flight: _Flight, answer: Answer, now: float) -> None:
        self._moving = None
        self._child_spent()
        if isinstance(flight.call, Move) and isinstance(answer, Moved | Failed):
            self._fast.moved(flight.call.forced, answer, now)

    def _child_spent(self) -> None:
        if self._intent is not None and self._intent.active is UplinkName.CELLULAR:
            self.spent += CHILD_OCTETS

    def _foreign(self, name: UplinkName, family: int) -> frozenset[Address] | None:
        """Where the other line is found; ``None``: that will soon be known."""
        found: set[Address] = set()
        for line in self._lines():
            if line.line is name:
                continue
            found.update(line.addresses)
            found.update(self._fixed(line.line))
            for each in self._publications.get(line.line, ()):
                found.update(each.where.heard_of)
                unknown = each.where.translated and each.where.exists and not each.where.heard_of
                asked = each.family == family and each.where.reflector and line.state is LineState.UP
                if unknown and asked and each.where.pace.failures < PATIENCE:
                    return None
        return frozenset(found)

    def _fixed(self, line: UplinkName) -> Iterator[Address]:
        """Addresses that the owner wrote down for a line."""
        if self._intent is not None and (dns := self._intent.config.dns) is not None:
            yield from map(
                ip_address, dns.wired_address if line is UplinkName.WIRED else dns.cellular_address
            )

    def _miss(self, now: float) -> list[Call]:
        """Answer in the world's stead where no answer came, and give those calls up."""
        missed: list[Call] = []
        flights = [*self._flights.values(), *([self._moving] if self._moving is not None else [])]
        for flight in flights:
            if now >= flight.until:
                words = f"no answer for {flight.call.timeout + LOST:.0f} s"
                missed.append(Abandon(number=flight.call.number))
                self.take(
                    Failed(number=flight.call.number, trouble=Trouble.SILENT, evidence=words),
                    now,
                )
        return missed


def _moot(flight: _Flight, line: NamedLine | None, publications: list[Publication]) -> bool:
    """Whether the answer to a call would be of no use any more."""
    call, publication = flight.call, flight.publication
    if isinstance(call, Move):
        return False
    if isinstance(call, Publish) and call.source is Writer.ROUTE53:
        # The child goes on whatever we do; what it writes must not come after what the next one does.
        return False
    if line is None or all(each is not publication for each in publications):
        return True
    if call.over.line is not line.line:
        return False
    if (call.over.session, call.over.interface) != (line.session, line.interface):
        return True
    if isinstance(call, Publish) and call.own:
        return call.address not in line.addresses
    return isinstance(call, Reflect) and line.state is not LineState.UP


def _identity(publication: Publication) -> tuple[object, ...]:
    return publication.family, publication.name, publication.source, publication.reflector, publication.probes


def _source(dns: Dns, line: UplinkName) -> Writer:
    return dns.wired_source if line is UplinkName.WIRED else dns.cellular_source


def _name(dns: Dns, line: UplinkName) -> str:
    return dns.wired_name if line is UplinkName.WIRED else dns.cellular_name


def _probe(config: Config, dns: Dns, line: UplinkName) -> str:
    """What our function may ask the health server for; empty where it would ask at another port than ours."""
    wired = line is UplinkName.WIRED
    path = (config.health.wired_path if wired else config.health.cellular_path) or "/"
    return path if (not wired or dns.wired_port == HEALTH_PORT) and len(path) <= LONGEST_PROBE else ""
