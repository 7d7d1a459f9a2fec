"""How long to wait before the next dial.

Growing waits with jitter, reset by a session that lasted.  What the wait is depends on the remedy:
hammering a network that said no gets SIMs throttled, and nobody wins by waiting after a session that
had worked for a day.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from failberry.core.causes import Cause, Remedy

GOOD_SESSION = 60.0
"""Seconds a session must last to count as a success that clears the backoff."""

# Remedy → (first wait, longest wait) in seconds; each failure in a row doubles the wait.
_WAITS: Mapping[Remedy, tuple[float, float] | None] = {
    Remedy.HUMAN: None,  # nothing but a person, a re-plug or a new configuration helps
    Remedy.PIN: None,
    Remedy.SIM_WAIT: (10.0, 300.0),
    Remedy.NETWORK: (5.0, 300.0),
    Remedy.PLAN: (3600.0, 3600.0),
    Remedy.APN: (600.0, 3600.0),
    Remedy.CONTEXT: (2.0, 300.0),
    Remedy.MODEM: (3.0, 300.0),
    Remedy.DEVICE: (1.0, 60.0),
    Remedy.HOST: (5.0, 300.0),
    Remedy.ENDED: (1.0, 300.0),
}
JITTER = 0.2
"""Share of a wait that is random, so that a street of these does not dial in step."""


def retry_delay(cause: Cause, *, failures: int, rng: random.Random) -> float | None:
    """Return seconds until the next dial; ``None``: wait for a person.

    ``failures`` counts the failures in a row, this one included.
    """
    waits = _WAITS[cause.remedy]
    if waits is None:
        return None
    first, longest = waits
    wait = min(longest, first * 2.0 ** min(max(0, failures - 1), 30))
    return wait * (1 - JITTER / 2 + JITTER * rng.random())
