"""A day of the house's names: lines that flap, AWS in trouble, a clock at 1970, a reflector that lies."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from failberry.core.snapshot import NameState, UplinkName
from failberry.naming import Dns
from failberry.naming import Publisher as Writer
from tests.simulation.naming import (
    CELLULAR,
    HOUR,
    LIES,
    MINUTE,
    OTHERS,
    WIRED,
    NameWorld,
)
from tests.simulation.world import BASE

DAY = 24 * HOUR
CALM = 2.5 * HOUR
"""At the end nothing happens any more."""
SEEDS = range(48)


def dns(**settings: object) -> Dns:
    return Dns(
        zone="example.com",
        name="home.example.com",
        wired_name="wired.example.com",
        cellular_name="mobile.example.com",
        url="https://abc.lambda-url.eu-central-1.on.aws/",
        **settings,  # type: ignore[arg-type]
    )


def world(seed: int) -> NameWorld:
    dice = random.Random(seed)  # noqa: S311
    ours = (Writer.LAMBDA, Writer.ROUTE53)
    wish = dns(wired_source=dice.choice(ours), cellular_source=dice.choice(ours))
    if Writer.ROUTE53 in (wish.wired_source, wish.cellular_source):
        wish = replace(wish, fast=dice.random() < 0.7)
    made = NameWorld(replace(BASE, dns=wish), seed)
    made.lines[WIRED].translated = dice.random() < 0.5
    made.tell()
    return made


class Day:
    """Everything that may happen, at times that the seed says."""

    def __init__(self, world: NameWorld) -> None:
        self.world, self.dice = world, world.dice
        world.clock_set = self.dice.random() < 0.5
        if not world.clock_set:
            self.at(self.dice.uniform(10, 3 * HOUR), self.set_clock)
        for _ in range(6):
            self.at(self.some_time(), self.flapping)
        for _ in range(2):
            self.at(self.some_time(), self.rush)
        for _ in range(4):
            self.at(self.some_time(), self.trouble)
        for _ in range(5):
            self.at(self.some_time(), self.nat)
            self.at(self.some_time(), self.new_address)
            self.at(self.some_time(), self.hairpin)
            self.at(self.some_time(), self.drift)
            self.at(self.some_time(), lambda: setattr(world, "lies", 1))
        for _ in range(2):
            self.at(self.some_time(), world.start)

    def some_time(self) -> float:
        return self.dice.uniform(0.0, DAY - CALM - HOUR)

    def at(self, seconds: float, what: object) -> None:
        self.world.later(seconds, what)  # type: ignore[arg-type]

    def set_clock(self) -> None:
        self.world.clock_set = True

    def line(self) -> UplinkName:
        return self.dice.choice((WIRED, CELLULAR))

    def new_address(self, name: UplinkName | None = None) -> None:
        line = self.world.lines[name or self.line()]
        line.move()
        line.session += 1
        self.world.tell()

    def flapping(self) -> None:
        """For some minutes a line comes and goes; the mobile one with another address each time."""
        name, at = self.line(), 0.0
        for _ in range(self.dice.randint(3, 25)):
            at += self.dice.uniform(1.0, 40.0)
            self.at(at, lambda: self.set(name, up=False))
            at += self.dice.uniform(0.5, 30.0)
            self.at(at, lambda: self.set(name, up=True))

    def set(self, name: UplinkName, *, up: bool) -> None:
        line = self.world.lines[name]
        if up and not line.up and name is CELLULAR:
            line.session += 1
            if self.dice.random() < 0.8:
                line.move()
        line.up = up
        self.world.tell()

    def rush(self) -> None:
        """Two new addresses a minute, for a while."""
        name = self.line()
        for step in range(self.dice.randint(20, 60)):
            self.at(30.0 * step, lambda: self.new_address(name))

    def trouble(self) -> None:
        """AWS, or the way there, is not well."""
        self.world.faults = self.dice.uniform(0.2, 1.0)
        self.world.zone.busy = self.dice.random() < 0.3
        self.at(self.dice.uniform(MINUTE, 50 * MINUTE), self.mended)

    def mended(self) -> None:
        self.world.faults, self.world.zone.busy = 0.0, False

    def nat(self) -> None:
        line = self.world.lines[self.line()]
        line.translated = not line.translated
        line.session += 1
        self.world.tell()

    def hairpin(self) -> None:
        """The wired line dies, and the router sends what it gets back over the Pi.

        That is known a little later; and the line may be believed to be well while it still does.
        """
        wired = self.world.lines[WIRED]
        if not wired.up or not wired.translated:
            return
        wired.hairpin = True
        self.at(self.dice.uniform(0.5, 4.0), lambda: self.set(WIRED, up=False))

        back = self.dice.uniform(30.0, 20 * MINUTE)
        self.at(back, lambda: self.set(WIRED, up=True))
        self.at(back + self.dice.uniform(-20.0, 40.0), lambda: setattr(wired, "hairpin", False))

    def drift(self) -> None:
        name = self.dice.choice((self.world.dns.wired_name, self.world.dns.cellular_name))
        self.world.zone.set(name, 4, f"{OTHERS}.{self.dice.randint(1, 250)}")


def lived(seed: int) -> NameWorld:
    """A day, to its end."""
    made = world(seed)
    day = Day(made)
    made.run(DAY - CALM)
    day.mended()
    day.set_clock()
    for line in made.lines.values():
        line.up, line.hairpin = True, False
    made.tell()
    made.run(CALM)
    return made


def of(made: NameWorld, name: str) -> UplinkName:
    return WIRED if name == made.dns.wired_name else CELLULAR


@pytest.mark.parametrize("first", range(0, len(SEEDS), 12), ids=lambda first: f"from {first}")
def test_a_day(first: int) -> None:
    """Single flight, the budget and what may be published are laws that :class:`NameWorld` looks after."""
    for seed in SEEDS[first : first + 12]:
        made = lived(seed)
        for name, line in ((made.dns.wired_name, WIRED), (made.dns.cellular_name, CELLULAR)):
            there = made.lines[line]
            wanted = {(name, 4): there.four} | ({(name, 6): there.own6} if there.own6 else {})
            held = {key: made.zone.records.get(key) for key in wanted}
            assert held == wanted, f"seed {seed}: {made.publisher.view(made.now)}"
        for at, name, _, value in made.zone.writes:
            assert value in made.lines[of(made, name)].had, f"seed {seed} at {at}: {name} is {value}"
            assert not value.startswith(LIES)
        view = made.publisher.view(made.now)
        assert view is not None
        assert {each.state for each in view.lines} == {NameState.PUBLISHED}, f"seed {seed}: {view}"
        assert made.forced is None, f"seed {seed}"
        assert view.moved is None


def test_a_quiet_day_costs_little() -> None:
    """Per line: six looks an hour at the most, one write in all; of the mobile line nothing else is asked."""
    made = NameWorld(replace(BASE, dns=dns(wired_source=Writer.LAMBDA)), 1)
    made.run(DAY)
    counted = Counter((kind, line, family) for _, kind, line, family in made.calls)
    assert counted["Publish", CELLULAR, 4] <= 6, "what is not reached is asked again each six hours"
    assert 24 * 4 <= counted["Verify", CELLULAR, 4] <= 24 * 6 + 3
    assert ("Reflect", CELLULAR, 4) not in counted
    assert [name for _, name, _, _ in made.zone.writes if of(made, name) is CELLULAR] == [
        made.dns.cellular_name
    ]


def test_a_new_address_stands_there_within_seconds() -> None:
    made = NameWorld(replace(BASE, dns=dns()), 3)
    made.run(HOUR)
    line = made.lines[CELLULAR]
    for _ in range(20):
        line.move()
        line.session += 1
        made.tell()
        made.run(5.0)
        assert made.zone.records[made.dns.cellular_name, 4] == line.four
        made.run(115.0)


def test_two_new_addresses_a_minute_are_one_write_a_minute() -> None:
    made = NameWorld(replace(BASE, dns=dns()), 4)
    made.run(HOUR)
    before = len(made.zone.writes)
    for _ in range(60):
        made.lines[CELLULAR].move()
        made.lines[CELLULAR].session += 1
        made.tell()
        made.run(30.0)
    made.run(65.0)
    writes = [at for at, *_ in made.zone.writes[before:]]
    assert 25 <= len(writes) <= 32
    assert all(later - earlier >= 60.0 for earlier, later in pairwise(writes))
    assert made.zone.records[made.dns.cellular_name, 4] == made.lines[CELLULAR].four


def test_whoever_hears_nothing_asks_ever_more_seldom() -> None:
    made = NameWorld(replace(BASE, dns=dns()), 5)
    made.faults = 1.0
    made.run(6 * HOUR)
    asked = [at for at, kind, line, _ in made.calls if (kind, line) == ("Publish", CELLULAR)]
    assert len(asked) <= 12 + 6 * 14
    assert all(240.0 < later - earlier < 400.0 for earlier, later in pairwise(asked[20:]))


def test_a_fast_path_is_taken_at_once_and_given_back() -> None:
    made = NameWorld(replace(BASE, dns=dns(wired_source=Writer.ROUTE53, fast=True)), 6)
    made.forced = CELLULAR  # a daemon that died in an outage has left it so
    made.run(60.0)
    assert made.forced is None
    made.lines[WIRED].up = False
    began = made.now
    made.tell()
    made.run(60.0)
    assert made.moves[-1][1] is CELLULAR
    assert made.moves[-1][0] - began < 2.5
    view = made.publisher.view(made.now)
    assert view is not None
    assert view.moved is CELLULAR
    made.lines[WIRED].up = True
    made.tell()
    made.run(60.0)
    assert (made.forced, len(made.moves)) == (None, 3)
