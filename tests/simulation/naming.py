"""A world for the publisher of names, in virtual time: two lines, our function, Route 53, its name servers.

The decisions of our function are its own (lambda/ddns); addresses, faults and delays come from a seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from ddns.keys import Key
from ddns.ports import CloudError, Entry, Reached, RecordSet, Stale
from ddns.update import Publisher as Function
from ddns.update import Settings, Wish

from failberry.config import MOBILE_INTERFACE, Config
from failberry.core.facts import Address
from failberry.core.names import NamedLine, NamesIntent
from failberry.core.snapshot import LineState, UplinkName
from failberry.dns.calls import (
    Abandon,
    Answer,
    Call,
    Failed,
    Move,
    Moved,
    Publish,
    Published,
    Question,
    Reflect,
    Reflected,
    Trouble,
    Verdict,
    Verified,
    Verify,
)
from failberry.dns.checks import unreachable
from failberry.dns.publisher import CHILD_TIME, Publisher
from failberry.naming import Publisher as Writer

WIRED, CELLULAR = UplinkName.WIRED, UplinkName.CELLULAR
MINUTE, HOUR = 60.0, 3600.0
EPOCH = 1_795_000_000.0
"""The true time at the beginning."""
PREFIXES = {WIRED: ("198.13.32", "2a00:1450:4001"), CELLULAR: ("62.7.40", "2a00:1450:4002")}
LIES, OTHERS = "45.33.32", "45.79.1"
CGNAT, HOUSE = IPv4Address("100.72.3.4"), IPv4Address("192.168.1.10")
_VERDICTS = {each.value: each for each in Verdict}


@dataclass
class Zone:
    """The hosted zone: what the API holds, and what the name servers tell, some later."""

    clock: Callable[[], float]
    dice: random.Random
    records: dict[tuple[str, int], str] = field(default_factory=dict)
    writes: list[tuple[float, str, int, str]] = field(default_factory=list)
    busy: bool = False
    _told: dict[tuple[str, int], list[tuple[float, str]]] = field(default_factory=dict)

    def find(self, name: str) -> Sequence[RecordSet]:
        if self.busy:
            raise CloudError("Throttling")
        return [
            {
                "Name": f"{name}.",
                "Type": "A" if family == 4 else "AAAA",
                "TTL": 60,
                "ResourceRecords": [{"Value": value}],
            }
            for (host, family), value in sorted(self.records.items())
            if host == name
        ]

    def upsert(self, record: RecordSet) -> str:
        values = record["ResourceRecords"]
        assert isinstance(values, list)
        name, family = str(record["Name"]).removesuffix("."), 4 if record["Type"] == "A" else 6
        value = str(ip_address(values[0]["Value"]))
        assert self.records.get((name, family)) != value, f"{name}: {value} is written twice"
        self.writes.append((self.clock(), name, family, value))
        self.set(name, family, value)
        return f"C{len(self.writes)}"

    def set(self, name: str, family: int, value: str) -> None:
        """Write, whoever does."""
        self.records[name, family] = value
        history = self._told.setdefault((name, family), [])
        history.append((self.clock() + self.dice.uniform(1.0, 50.0), value))
        del history[:-8]

    def served(self, name: str, family: int) -> tuple[Address, ...]:
        """What a name server tells now."""
        known = [value for at, value in self._told.get((name, family), []) if at <= self.clock()]
        return (ip_address(known[-1]),) if known else ()


@dataclass
class Ledger:
    """What our function remembers."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def advance(self, key: str, host: str, *, ts: int) -> Entry | Stale:
        before = self.entries.get((key, host), Entry(ts=-1))
        if ts <= before.ts:
            return Stale(before.ts)
        self.entries[key, host] = replace(before, ts=ts)
        return before

    def changed(self, key: str, host: str, kind: str, *, ts: int, at: int) -> bool:
        entry = self.entries[key, host]
        self.entries[key, host] = replace(entry, changed={**entry.changed, kind: at})
        return entry.ts == ts


@dataclass
class SimLine:
    """One line as it really is."""

    name: UplinkName
    dice: random.Random
    six: bool = False
    up: bool = True
    session: int = 1
    translated: bool = False
    """Whether the interface has a private address, and somebody in front translates it."""
    four: str = ""
    own6: str = ""
    hairpin: bool = False
    """The router in front sends what comes from the Pi back over the other line."""
    had: set[str] = field(default_factory=set)
    """Every address that ever was this line's."""

    def __post_init__(self) -> None:
        self.move()

    def move(self) -> None:
        """Give it another address."""
        four, six = PREFIXES[self.name]
        self.four = f"{four}.{self.dice.randint(1, 250)}"
        self.own6 = str(IPv6Address(f"{six}::{self.dice.randint(1, 0xFFFF):x}")) if self.six else ""
        self.had |= {self.four, self.own6} - {""}

    def addresses(self) -> tuple[Address, ...]:
        hidden = HOUSE if self.name is WIRED else CGNAT
        four = hidden if self.translated else IPv4Address(self.four)
        return (four, *((IPv6Address(self.own6),) if self.own6 else ()))


class NameWorld:
    """The publisher, and everything that it asks."""

    def __init__(self, config: Config, seed: int) -> None:
        assert config.dns is not None
        self.config, self.dns = config, config.dns
        self.dice = random.Random(seed)  # noqa: S311  chance, not a secret
        self.now = 1000.0
        self.began = self.now
        six = self.dice.random() < 0.5
        self.lines = {each: SimLine(each, self.dice, six=six and each is WIRED) for each in UplinkName}
        self.zone = Zone(lambda: self.now, self.dice)
        self.ledger = Ledger()
        self.function = Function(
            zone=self.zone,
            ledger=self.ledger,
            probe=lambda *_: Reached("HTTP 200", reachable=True),
            settings=Settings(),
        )
        hosts = dict.fromkeys((self.dns.wired_name, self.dns.cellular_name))
        self.key = Key(name="pi", secrets=(b"\1" * 32,), hosts=hosts)
        self.faults = 0.0
        """Part of the calls that come to nothing."""
        self.lies = 0
        """Answers of the reflector that are still to be false."""
        self.clock_set = True
        self.forced: UplinkName | None = None
        """What Route 53 holds of the house's name."""
        self.active: UplinkName = WIRED
        self.moves: list[tuple[float, UplinkName | None]] = []
        self.calls: list[tuple[float, str, UplinkName | None, int]] = []
        """Instant, kind, line and family of each."""
        self.verdicts: Counter[str] = Counter()
        self.flying: dict[int, Question] = {}
        self.lives = 0
        self._stamp = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._recent: dict[tuple[str, UplinkName | None, int], deque[float]] = {}
        self.publisher = Publisher(seed=seed)
        self.start()

    # --- time --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemon anew."""
        self.lives += 1
        self.flying.clear()
        self._recent.clear()
        self.publisher = Publisher(seed=self.dice.randint(0, 1 << 30))
        self.tell()

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._order), what))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end, still, before = self.now + seconds, 0, -1.0
        while True:
            deadline = self.publisher.deadline(self.now)
            event = self._heap[0][0] if self._heap else end
            due = min(each for each in (end, event, deadline) if each is not None)
            self.now = max(self.now, due)
            still, before = (still + 1, before) if self.now == before else (0, self.now)
            assert still < 200, f"no time passes at {self.now}"
            if self._heap and event <= self.now:
                heapq.heappop(self._heap)[2]()
            elif deadline is not None and deadline <= self.now:
                self.perform(self.publisher.turn(self.now))
            elif self.now >= end:
                return

    def tell(self) -> None:
        """Tell the publisher how the lines are."""
        lines = tuple(
            NamedLine(
                line=each.name,
                interface="eth0" if each.name is WIRED else MOBILE_INTERFACE,
                state=LineState.UP if each.up else LineState.DOWN,
                addresses=each.addresses() if each.up or each.name is WIRED else (),
                session=each.session if each.name is CELLULAR else 0,
            )
            for each in self.lines.values()
        )
        if self.lines[WIRED].up or self.lines[CELLULAR].up:
            self.active = WIRED if self.lines[WIRED].up else CELLULAR
        intent = NamesIntent(config=self.config, lines=lines, active=self.active)
        self.perform(self.publisher.apply(intent, self.now))
        self.perform(self.publisher.turn(self.now))

    # --- calls -------------------------------------------------------------------------------

    def perform(self, calls: list[Call]) -> None:
        for call in calls:
            if isinstance(call, Abandon):
                self.flying.pop(call.number)
                continue
            self._note(call)
            self.flying[call.number] = call
            life = self.lives
            if isinstance(call, Publish) and not call.own and not self.lines[call.over.line].up:
                raise AssertionError("published over a line that is down")
            self._send(call, life)

    def _note(self, call: Question) -> None:
        line = None if isinstance(call, Move) else call.over.line
        if isinstance(call, Verify):
            line = call.line
        busy = [
            each
            for each in self.flying.values()
            if (None if isinstance(each, Move) else each.line if isinstance(each, Verify) else each.over.line)
            is line
        ]
        assert not busy, f"{call} while {busy} is under way"
        family = call.address.version if isinstance(call, Publish) else getattr(call, "family", 0)
        if not self.clock_set and not isinstance(call, Verify):
            return  # nothing is sent
        kind = type(call).__name__
        self.calls.append((self.now, kind, line, family))
        recent = self._recent.setdefault((kind, line, family), deque())
        recent.append(self.now)
        while recent[0] < self.now - HOUR:
            recent.popleft()
        assert len(recent) <= 71, f"{len(recent)} times {kind} for {line} within an hour"
        if isinstance(call, Publish):
            assert unreachable(call.address) is None, call
            if call.own:
                assert str(call.address) in self.lines[call.over.line].had

    def _send(self, call: Question, life: int) -> None:
        """Carry it there, and the answer back, if nothing happens on the way."""
        self._stamp += 1
        stamp = max(self._stamp, round((EPOCH + self.now) * 1000))
        self._stamp = stamp
        if not self.clock_set and not isinstance(call, Verify):
            words = "the clock was not set"
            self._answer(
                call, life, 0.01, Failed(number=call.number, trouble=Trouble.NO_CLOCK, evidence=words)
            )
            return
        fate = self.dice.random()
        there = self.dice.uniform(0.05, 2.0)
        silent = Failed(number=call.number, trouble=Trouble.SILENT, evidence="no answer in time")
        if fate < self.faults * 0.4:
            # It hangs; now and then even its end is lost.
            if self.dice.random() < 0.8:
                self._answer(call, life, call.timeout, silent)
        elif fate < self.faults * 0.7:
            # It is done, and nobody hears of it.
            self.later(there, lambda: self._done(call, stamp))
            self._answer(call, life, call.timeout, silent)
        elif fate < self.faults:
            words = Failed(number=call.number, trouble=Trouble.BUSY, evidence="Throttling")
            self._answer(call, life, there, words)
        else:
            self.later(there, lambda: self._back(call, life, stamp))

    def _back(self, call: Question, life: int, stamp: int) -> None:
        answer = self._done(call, stamp)
        self._answer(call, life, self.dice.uniform(0.02, 1.0), answer)

    def _answer(self, call: Question, life: int, seconds: float, answer: Answer) -> None:
        def landed() -> None:
            if life == self.lives and self.flying.pop(call.number, None) is not None:
                self.publisher.take(answer, self.now)
                self.perform(self.publisher.turn(self.now))

        self.later(seconds, landed)

    def _done(self, call: Question, stamp: int) -> Answer:
        """What happens at the far end."""
        match call:
            case Publish(source=Writer.LAMBDA):
                return self._updated(call, stamp)
            case Publish():
                return self._by_child(call)
            case Reflect():
                return self._reflected(call)
            case Verify():
                if not self.lines[call.over.line].up:
                    return Failed(number=call.number, trouble=Trouble.SILENT, evidence="no answer")
                return Verified(number=call.number, addresses=self.zone.served(call.name, call.family))
            case Move():
                changed, self.forced = self.forced is not call.forced, call.forced
                if changed:
                    self.moves.append((self.now, call.forced))
                return Moved(number=call.number, changed=changed)

    def seen_from(self, name: UplinkName, family: int) -> Address | None:
        """Which address the Internet sees of what is sent over this line now."""
        line = self.lines[name]
        if line.hairpin and family == 4:
            return self.seen_from(CELLULAR, family)
        if not line.up:
            return None
        return IPv4Address(line.four) if family == 4 else IPv6Address(line.own6)

    def _updated(self, call: Publish, stamp: int) -> Answer:
        source = self.seen_from(call.over.line, call.address.version)
        if source is None or (call.own and call.address != source):
            # The address that it was sent from is gone.
            return Failed(number=call.number, trouble=Trouble.SILENT, evidence="no answer in time")
        now = round((EPOCH + self.now) * 1000)
        wish = Wish(key=self.key, host=call.name, address=call.address, source=source, ts=stamp)
        outcome = self.function.publish(wish, now=now)
        self.verdicts[outcome.verdict] += 1
        if outcome.verdict in _VERDICTS:
            reachable = self.dice.random() < 0.7 if call.probe else None
            return Published(
                number=call.number, verdict=_VERDICTS[outcome.verdict], reachable=reachable, probe="no answer"
            )
        troubles = {"explicit": Trouble.OTHER_SOURCE, "address": Trouble.ADDRESS}
        return Failed(
            number=call.number,
            trouble=troubles.get(outcome.verdict, Trouble.BUSY),
            evidence=str(outcome.verdict),
            retry_after=outcome.retry_after,
        )

    def _by_child(self, call: Publish) -> Answer:
        assert call.timeout == CHILD_TIME
        if not any(each.up for each in self.lines.values()):
            return Failed(number=call.number, trouble=Trouble.SILENT, evidence="AWS did not answer")
        key = call.name, call.address.version
        if self.zone.records.get(key) == str(call.address):
            return Published(number=call.number, verdict=Verdict.UNCHANGED)
        kind = "A" if call.address.version == 4 else "AAAA"
        self.zone.upsert({"Name": call.name, "Type": kind, "ResourceRecords": [{"Value": str(call.address)}]})
        return Published(number=call.number, verdict=Verdict.CHANGED)

    def _reflected(self, call: Reflect) -> Answer:
        seen = self.seen_from(call.over.line, call.family)
        if seen is None:
            return Failed(number=call.number, trouble=Trouble.SILENT, evidence="no answer in time")
        if self.lies:
            self.lies -= 1
            seen = ip_address(f"{LIES}.{self.dice.randint(1, 250)}")
        return Reflected(number=call.number, address=seen)
