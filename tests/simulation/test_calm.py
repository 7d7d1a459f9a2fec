"""A year of bad but living lines: no line is called down, and none lossy that is not.

A year is run in parts; without ``FAILBERRY_MONTHS`` the first part of each.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf, log, sin

import pytest

from failberry.core.detector import Detector, Finding
from failberry.core.facts import Address
from failberry.core.probing import VOLLEY_GAP
from tests.simulation.pinger import LAG, LIMITS, RTT, TARGETS, Pinger

HOUR, DAY = 3600.0, 86_400.0
YEAR = 365 * DAY
WHOLE = "FAILBERRY_MONTHS" in os.environ


def parts(number: int) -> range:
    """Which parts of so many are run."""
    return range(number if WHOLE else 1)


@dataclass
class Tally:
    """What became of a line over a time."""

    downs: int = 0
    suspicions: int = 0
    lossy: int = 0
    volleys: int = 0
    longest_suspicion: float = 0.0
    _suspect_since: float = field(default=0.0, repr=False)

    def turned(self, turns: list[tuple[float, Finding]]) -> None:
        for at, finding in turns:
            if finding is Finding.SUSPECT:
                self.suspicions += 1
                self._suspect_since = at
            elif self._suspect_since:
                self.longest_suspicion = max(self.longest_suspicion, at - self._suspect_since)
            self.downs += finding is Finding.DOWN
        turns.clear()


def lasting(pinger: Pinger, until: float, tally: Tally) -> None:
    """Run until a time, and on until nothing is under way."""
    pinger.run(until)
    while not pinger.quiet:
        pinger.run(pinger.regular_at + 0.4)
    tally.turned(pinger.turns)
    tally.lossy += bool(pinger.detector.lossy)


def settled(pinger: Pinger) -> Pinger:
    """The line has been well for two minutes."""
    pinger.run(pinger.regular_at + 0.4)
    pinger.skip(240)
    assert pinger.quiet
    pinger.turns.clear()
    return pinger


class RandomLoss:
    """A line that loses each ping with the same probability.

    Nearly always a miss is followed by a volley of which each half is answered at least once.  Then only the
    pings of it to one target can matter, for they may count as samples of the line; and, where one of those
    is lost, any other of its half, which proves life before.  So only these are told.  All other volleys are
    left to the model of the prober.
    """

    def __init__(self, loss: float, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311  fate, not a secret
        self.loss = loss
        self.script: deque[bool] = deque()
        self.pinger = Pinger(lambda _sent, _peer: RTT)
        settled(self.pinger).fate = self.fate
        self.tally = Tally()

    def fate(self, _sent: float, _peer: Address) -> float | None:
        lost = self.script.popleft() if self.script else self.rng.random() < self.loss
        return None if lost else RTT

    def run(self, seconds: float) -> Tally:
        pinger, detector, rng, loss = self.pinger, self.pinger.detector, self.rng, self.loss
        shrink = 1 / log(1 - loss)
        end = pinger.regular_at + seconds
        while pinger.regular_at < end:
            answered = int(log(1.0 - rng.random()) * shrink)
            if answered:
                pinger.skip(answered)
            # The odds that neither half of a volley is lost wholly.
            if rng.random() < (1 - loss**3) ** 2:
                self.miss(pinger, detector)
            else:
                self.script.extend(self.bad_volley())
                lasting(pinger, pinger.regular_at + 0.4, self.tally)
        self.tally.turned(pinger.turns)
        return self.tally

    def bad_volley(self) -> Iterator[bool]:
        """One loss, then a volley of which one half at least is lost wholly."""
        yield True
        while True:
            lost = [self.rng.random() < self.loss for _ in range(6)]
            if all(lost[:3]) or all(lost[3:]):
                yield from lost
                return

    def miss(self, pinger: Pinger, detector: Detector) -> None:
        sent, loss = pinger.regular_at, self.loss
        timeout = detector.pace.timeout
        pinger.regular_at += LIMITS.interval
        detector.missed(pinger.next_target(), sent=sent, now=sent + timeout)
        pinger.asked = number = detector.pace.volley
        self.tally.volleys += 1
        sample, other = TARGETS[number % 3], TARGETS[number % 3 - 1]
        halves = (sent + timeout + LAG, sent + timeout + LAG + VOLLEY_GAP)
        # The odds of one of three, given that not all are lost.
        odds = (loss - loss**3) / (1 - loss**3)
        lost = [self.rng.random() < odds for _ in halves]
        if not any(lost):
            detector.answered(sample, sent=halves[1], rtt=RTT, now=halves[1] + RTT, count=2)
        else:
            for at, gone in zip(halves, lost, strict=True):
                detector.answered(other if gone else sample, sent=at, rtt=RTT, now=at + RTT)
            for at, gone in zip(halves, lost, strict=True):
                if gone:
                    detector.missed(sample, sent=at, now=at + timeout)
        assert detector.finding is Finding.UP
        if detector.lossy:
            self.tally.lossy += 1


@pytest.mark.parametrize(
    ("percent", "part", "of"),
    [*((1, part, 4) for part in parts(4)), *((5, part, 8) for part in parts(8))],
)
def test_a_year_of_random_loss(percent: int, part: int, of: int) -> None:
    tally = RandomLoss(percent / 100, seed=100 * percent + part).run(YEAR / of)
    print(f"{percent} % loss, {365 / of:.2f} days: {tally}")
    assert tally.downs == tally.lossy == 0
    assert tally.suspicions <= 1
    assert tally.volleys > 1000


@pytest.mark.parametrize("part", parts(4))
def test_a_year_of_bursts(part: int) -> None:
    """For two seconds every ten minutes nothing passes."""
    rng = random.Random(part)  # noqa: S311  fate, not a secret
    tally, begin = Tally(), inf
    pinger = settled(Pinger(lambda sent, _peer: None if begin <= sent < begin + 2.0 else RTT))
    end = pinger.regular_at + YEAR / 4
    bursts = 0
    while pinger.regular_at < end:
        pinger.skip(1190)
        begin = pinger.regular_at + rng.uniform(0.0, 5.0)
        lasting(pinger, begin + 2.0, tally)
        bursts += 1
    print(f"{bursts} bursts of 2 s: {tally}")
    assert tally.downs == tally.lossy == 0
    # Until it is known that this line stutters; then it gets the patience for it.
    assert 1 <= tally.suspicions <= 4


@pytest.mark.parametrize("part", parts(4))
def test_a_year_of_uploads(part: int) -> None:
    """A minute in each hour somebody fills a buffer that takes two seconds to drain."""
    rng = random.Random(part)  # noqa: S311  fate, not a secret
    tally, begin, deepest = Tally(), inf, 0.0

    def fate(sent: float, _peer: Address) -> float | None:
        return RTT + (deepest - 0.1 + 0.1 * sin(sent) if begin <= sent < begin + 60.0 else 0.0)

    pinger = settled(Pinger(fate))
    end = pinger.regular_at + YEAR / 4
    uploads = 0
    while pinger.regular_at < end:
        pinger.skip(7070)
        # Each sixth time it is around the longest timeout, so that half of the answers are late for ever.
        deepest = 2.1 if uploads % 6 == 5 else 1.95
        begin = pinger.regular_at + rng.uniform(0.0, 5.0)
        lasting(pinger, begin + 62.5, tally)
        uploads += 1
    print(f"{uploads} uploads: {tally}")
    assert tally.downs == tally.lossy == 0
    assert tally.suspicions <= 4


def test_forty_percent_of_loss_is_named_in_time() -> None:
    needed = []
    for seed in range(100):
        rng = random.Random(seed)  # noqa: S311  fate, not a secret
        pinger = settled(Pinger(lambda _sent, _peer: RTT))
        begin = pinger.regular_at
        pinger.fate = lambda _sent, _peer, rng=rng: None if rng.random() < 0.4 else RTT
        while not pinger.detector.lossy and pinger.regular_at < begin + 120.0:
            pinger.run(pinger.regular_at + 0.25)
        needed.append(pinger.regular_at - begin)
        assert all(finding is not Finding.DOWN for _, finding in pinger.turns)
    needed.sort()
    print(f"40 % loss named after {needed[49]:.1f} s (p50), {needed[94]:.1f} s (p95), {needed[99]:.1f} s")
    assert needed[49] <= 20.0
    assert needed[94] <= 30.0
