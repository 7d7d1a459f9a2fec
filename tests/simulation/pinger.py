"""A small model of the prober before one detector: pings in turn, volleys when asked, and a line's fate."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from ipaddress import ip_address

from failberry.core.detector import Detector, Finding, Limits
from failberry.core.facts import Address
from failberry.core.probing import LATE, VOLLEY_GAP

TARGETS: tuple[Address, ...] = tuple(map(ip_address, ("1.1.1.1", "8.8.8.8", "9.9.9.9")))
RTT = 0.02
LAG = 0.005
"""Seconds from a decision to the packet."""
LIMITS = Limits(targets=TARGETS, interval=0.5, confirm=5.0, loss_limit=25.0, latency_limit=0.0)

Fate = Callable[[float, Address], float | None]
"""When it was sent, and to whom: seconds to the answer, or ``None``."""


class Pinger:
    """Time moves by ``run``; ``turns`` are the findings as they changed."""

    def __init__(self, fate: Fate, *, limits: Limits = LIMITS, start: float = 0.0) -> None:
        self.fate = fate
        self.detector = Detector(limits)
        self.limits = limits
        self.turns: list[tuple[float, Finding]] = []
        self.regular_at = start
        self._turn = 0
        self._coming: list[tuple[float, int, str, tuple[Address, ...], float]] = []
        self._number = 0
        self._finding = self.detector.finding
        self.asked = 0
        """The last volley that was sent."""

    def run(self, until: float) -> None:
        detector, coming = self.detector, self._coming
        while True:
            now, deadline = self.regular_at, detector.deadline
            if coming and coming[0][0] < now:
                now = coming[0][0]
            if deadline is not None and deadline <= now:
                if deadline >= until:
                    return
                detector.tick(deadline)
                after = detector.deadline
                assert after is None or after > deadline, "the detector would be asked for ever"
                self._look(deadline)
            elif now >= until:
                return
            else:
                self._step(now)

    def _step(self, now: float) -> None:
        detector = self.detector
        if self.regular_at <= now:
            self.regular_at += self.limits.interval
            self.send(now, (self.next_target(),))
        else:
            _, _, what, peers, sent = heapq.heappop(self._coming)
            if what == "send":
                self.send(now, peers)
            for peer in peers:
                if what == "answer":
                    detector.answered(peer, sent=sent, rtt=now - sent, now=now)
                elif what == "miss":
                    detector.missed(peer, sent=sent, now=now)
        self._look(now)

    def _look(self, now: float) -> None:
        """Carry out what the detector wants, and note what it found."""
        detector = self.detector
        if detector.pace.volley != self.asked:
            self.asked = detector.pace.volley
            for gap in (0.0, VOLLEY_GAP):
                self._push(now + LAG + gap, "send", self.limits.targets, 0.0)
        if detector.finding is not self._finding:
            self._finding = detector.finding
            self.turns.append((now, detector.finding))

    def next_target(self) -> Address:
        self._turn += 1
        return self.limits.targets[self._turn % len(self.limits.targets)]

    def send(self, now: float, peers: tuple[Address, ...]) -> None:
        timeout = self.detector.pace.timeout
        coming: dict[tuple[float, str], tuple[Address, ...]] = {}
        for peer in peers:
            rtt = self.fate(now, peer)
            if rtt is None or rtt > timeout:
                coming[timeout, "miss"] = (*coming.get((timeout, "miss"), ()), peer)
            if rtt is not None and rtt <= LATE:
                coming[rtt, "answer"] = (*coming.get((rtt, "answer"), ()), peer)
        for (wait, what), those in coming.items():
            self._push(now + wait, what, those, now)

    def _push(self, at: float, what: str, peers: tuple[Address, ...], sent: float) -> None:
        self._number += 1
        heapq.heappush(self._coming, (at, self._number, what, peers, sent))

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way and all is well, so that a stretch of answers may be skipped."""
        return not self._coming and self._finding is Finding.UP and self.detector.silent_since is None

    def skip(self, count: int) -> None:
        """Let ``count`` regular pings be answered."""
        sent = self.regular_at + (count - 1) * self.limits.interval
        self.regular_at = sent + self.limits.interval
        self._turn += count - 1
        self.detector.answered(self.next_target(), sent=sent, rtt=RTT, now=sent + RTT, count=count)


def well(limits: Limits = LIMITS, *, rtt: float = RTT) -> Detector:
    """Return the judge of a line that has answered for 100 s, up to the ping sent at 100.0."""
    detector = Detector(limits)
    for step in range(201):
        peer = limits.targets[(step + 1) % len(limits.targets)]
        detector.answered(peer, sent=step / 2, rtt=rtt, now=step / 2 + rtt)
    assert detector.finding is Finding.UP
    return detector


def lose(detector: Detector, start: float, pattern: str) -> float:
    """Regular pings from ``start`` on, ``x`` lost; return when the next is due."""
    for number, what in enumerate(pattern):
        sent, peer = start + number / 2, TARGETS[number % 3]
        if what == "x":
            detector.missed(peer, sent=sent, now=sent + 0.2)
        else:
            detector.answered(peer, sent=sent, rtt=RTT, now=sent + RTT)
    return start + len(pattern) / 2
