"""How often something may be asked: soon at first, then ever more seldom, and never beyond a budget."""

from __future__ import annotations

import random
from dataclasses import dataclass

FIRST, LONGEST = 5.0, 300.0
"""Seconds until the second try, and between two of many."""
LASTING = 3600.0
"""The longest where only a person can mend it."""
JITTER = 0.2
"""Part of a pause by which it is longer or shorter, so that a thousand houses do not come back at once."""
BURST, REFILL = 10, 60.0
"""Calls that may be made at once, and seconds for each further one: 70 in the worst hour, 1,450 in a day."""


def about(seconds: float, dice: random.Random) -> float:
    """So many seconds, a little more or less."""
    return seconds * dice.uniform(1 - JITTER, 1 + JITTER)


@dataclass(slots=True)
class Pace:
    """Pure.  One kind of call: its failures in a row, and its budget."""

    dice: random.Random
    failures: int = 0
    resume: float = 0.0
    """No call before, for the failures' sake."""
    _tokens: float = BURST
    _filled: float = 0.0

    def due(self, wanted: float, now: float) -> float:
        """When a call may be made that is wanted from that instant on."""
        self._fill(now)
        short = 1 - self._tokens
        # Not to the last bit: what is due by rounding alone is due.
        return max(wanted, self.resume, now + short * REFILL if short > 1e-6 else 0.0)

    def spend(self, now: float) -> None:
        """Note that a call is made."""
        self._fill(now)
        self._tokens -= 1

    def refund(self) -> None:
        """Note that nothing was sent after all."""
        self._tokens = min(float(BURST), self._tokens + 1)

    def failed(self, now: float, *, lasting: bool = False, least: float = 0.0) -> None:
        """Note that it failed: wait longer than the last time."""
        most = LASTING if lasting else LONGEST
        pause = min(most, FIRST * 2.0 ** min(self.failures, 16))
        self.failures += 1
        self.resume = now + max(least, about(pause, self.dice))

    def reset(self) -> None:
        """Begin anew: what failed before says nothing about now."""
        self.failures, self.resume = 0, 0.0

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self._filled) / REFILL
        self._tokens, self._filled = min(float(BURST), self._tokens + gained), max(self._filled, now)
