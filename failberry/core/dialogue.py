"""Talking to something that answers later, written as prose.

A *script* is a generator: it yields a deed and gets back the event that answers it, or yields a
:class:`Wait` and gets back the event that ended it (``None``: the time was up).  What it returns is
its result.  A :class:`Dialogue` runs one script at a time.  Neither knows a clock or a loop, so a
whole dial sequence reads from top to bottom and is tested without either.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, get_args

from failberry.core.actions import Action, Deed, Report
from failberry.core.events import Answer, Event
from failberry.errors import InvariantError

T = TypeVar("T")

_DEEDS = get_args(Deed)
_ANSWERS = get_args(Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Let time pass, or one of these events happen, whichever is first."""

    seconds: float | None
    """``None``: for ever (only in states where nothing is left to try)."""
    until: tuple[type, ...] = ()
    nudge: bool = False
    """Whether :meth:`Dialogue.nudge` ends it."""


Step = Deed | Wait | Report
Script = Generator[Step, Event | None, T]


class DeedNumbers:
    """Numbers for deeds, unique in the life of the daemon."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """Return a number never returned before."""
        self._last += 1
        return self._last


class Dialogue(Generic[T]):
    """Runs scripts, one at a time.

    An answer to a deed of an abandoned script is swallowed here: the deed was done, nobody cares.
    """

    def __init__(self, numbers: DeedNumbers) -> None:
        self._numbers = numbers
        self._script: Script[T] | None = None
        self._deed: int | None = None
        self._wait: Wait | None = None
        self._deadline: float | None = None
        self.result: T | None = None
        """What the script returned; ``None`` while it runs."""

    @property
    def running(self) -> bool:
        """Whether a script is under way."""
        return self._script is not None

    @property
    def deadline(self) -> float | None:
        """When the pending wait is over."""
        return self._deadline

    def start(self, script: Script[T], now: float) -> list[Action]:
        """Abandon what runs and run this instead, up to its first deed or wait."""
        self.abandon()
        self._script = script
        self.result = None
        return self._resume(None, now)

    def abandon(self) -> None:
        """Stop where it stands; the answer to a pending deed will be ignored."""
        if self._script is not None:
            self._script.close()
        self._script = None
        self._deed = None
        self._wait = None
        self._deadline = None

    def handle(self, event: Event, now: float) -> list[Action]:
        """Pass on the event if the script is waiting for it."""
        if self._script is None:
            return []
        if isinstance(event, _ANSWERS):
            return self._resume(event, now) if event.deed == self._deed else []
        if self._wait is not None and isinstance(event, self._wait.until):
            return self._resume(event, now)
        if self._deadline is not None and now >= self._deadline:
            return self._resume(None, now)
        return []

    def nudge(self, now: float) -> list[Action]:
        """End the pending wait as if its time were up, if it is one that may be cut short."""
        return self._resume(None, now) if self._wait is not None and self._wait.nudge else []

    def _resume(self, event: Event | None, now: float) -> list[Action]:
        assert self._script is not None  # noqa: S101  (callers checked; this is for the type checker)
        self._deed = None
        self._wait = None
        self._deadline = None
        actions: list[Action] = []
        while True:
            try:
                step = self._script.send(event)
            except StopIteration as stop:
                self._script = None
                self.result = stop.value
                return actions
            event = None
            if isinstance(step, Report):
                actions.append(step)
            elif isinstance(step, Wait):
                if step.seconds is not None and step.seconds <= 0:
                    continue
                self._wait = step
                self._deadline = None if step.seconds is None else now + step.seconds
                return actions
            elif isinstance(step, _DEEDS):
                self._deed = self._numbers.next()
                actions.append(replace(step, deed=self._deed))
                return actions
            else:
                raise InvariantError(f"a script yielded {step!r}")
