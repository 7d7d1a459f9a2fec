"""When to apply an intent: at once when it changes, again when the world drifts, never in a storm."""

from __future__ import annotations

from typing import Generic, TypeVar

from failberry.core.snapshot import KernelState

T = TypeVar("T")

MIN_GAP = 1.0
"""Seconds between two repairs of drift, so that two programs that fight do not burn the CPU."""
FIRST_RETRY, LAST_RETRY = 1.0, 30.0
"""Seconds before a failed apply is tried again: doubling, from the one to the other."""
CHECK_EVERY = 60.0
"""Seconds after which an intent is applied again although nobody saw drift."""


class Reconciler(Generic[T]):
    """Keeps one intent applied; at most one apply is under way at any time."""

    def __init__(self) -> None:
        self.intent: T | None = None
        self.problem: str | None = None
        """Why the last apply failed."""
        self.settled = False
        """Whether the newest intent has been applied without a problem."""
        self._busy = False
        self._due: float | None = None
        self._retry = FIRST_RETRY

    @property
    def state(self) -> KernelState:
        """Whether the kernel holds the wish."""
        if self.problem is not None:
            return KernelState.FAILED
        return KernelState.OK if self.settled else KernelState.PENDING

    @property
    def deadline(self) -> float | None:
        """When the next apply is due."""
        return None if self._busy else self._due

    def want(self, intent: T, now: float) -> None:
        """Set the wish."""
        if intent != self.intent:
            self.intent = intent
            self.settled = False
            self._due = now

    def drifted(self, now: float) -> None:
        """Somebody else changed what is ours."""
        if self.settled and not self._busy:
            self.settled = False
            self._due = now + MIN_GAP

    def applied(self, problem: str | None, now: float) -> None:
        """The apply that was under way has ended; without one, nothing is learnt."""
        if not self._busy:
            return
        self._busy = False
        self.problem = problem
        changed_meanwhile = self._due is not None
        if problem is not None:
            self._due = now if changed_meanwhile else now + self._retry
            self._retry = min(LAST_RETRY, 2 * self._retry)
            return
        self._retry = FIRST_RETRY
        if not changed_meanwhile:
            self.settled = True
            self._due = now + CHECK_EVERY

    def take(self, now: float) -> T | None:
        """Return the intent if it shall be applied now; the caller then owes an ``applied``."""
        if self._busy or self.intent is None or self._due is None or now < self._due:
            return None
        self._busy = True
        self._due = None
        return self.intent
