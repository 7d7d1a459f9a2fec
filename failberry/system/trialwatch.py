"""Whether a new slot is kept: its daemon's status over time, and what comes of it.  Pure.

A new release is good when it does what the appliance is for: a line carries the house, and somebody out
there answers over it, for five minutes on end.  That it has booted, or that a unit is active, is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from failberry.ctl.kinds import LINES
from failberry.units import duration

GOOD_FOR = 300.0
"""Seconds for which a line has to pass traffic without a gap."""
GIVE_UP_AFTER = 900.0
"""Seconds from the start of the watch until the new slot is given up."""
ANSWERED_WITHIN = 90.0
"""Seconds; an answer from outside that is older proves nothing any more."""
SILENCE = 30.0
"""Seconds without a status from the daemon that are a gap: it is restarted within two."""


class Outcome(StrEnum):
    """What comes of a trial."""

    WATCH = "watch"
    COMMIT = "commit"
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Where a trial stands."""

    outcome: Outcome
    reason: str
    """Why, in words; while it goes on: what it waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one status of the daemon tells of a trial."""

    passes: bool
    """A line carries the house, and somebody out there has just answered over it."""
    words: str
    """Which line that is; or why none does."""
    running_for: float = 0.0
    """Seconds since the daemon started."""


def seen(document: dict[str, Any]) -> Seen:
    """Read it out of the status as the control socket gives it."""
    active = document.get("active")
    line = document.get(active) if active in LINES else None
    running_for = _number(document.get("running_for"))
    if not isinstance(line, dict):
        told = "; ".join(
            f"{name}: {(document.get(key) or {}).get('reason') or 'nothing known'}"
            for key, name in (("wired", "wired line"), ("cellular", "mobile line"))
        )
        return Seen(passes=False, words=f"no line works ({told})", running_for=running_for)
    name = "wired line" if active == "wired" else "mobile line"
    if line.get("state") != "up":
        words = f"the {name} is {line.get('state')}: {line.get('reason')}"
        return Seen(passes=False, words=words, running_for=running_for)
    age = line.get("proven_age")
    if age is None or _number(age) > ANSWERED_WITHIN:
        when = "ever" if age is None else f"for {duration(_number(age))}"
        words = f"nobody outside has answered over the {name} {when}"
        return Seen(passes=False, words=words, running_for=running_for)
    return Seen(passes=True, words=f"the {name} passes traffic", running_for=running_for)


class Trial:
    """Told what is seen, and when (seconds from any fixed point); says what comes of it."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._good_since: float | None = None
        self._heard: float | None = None
        self._running_for = 0.0
        self._longest = 0.0
        self._words = "the daemon was never heard"

    @property
    def waits_for(self) -> str:
        """What keeps it from being good, in words without a time; for whoever finds the trial cut off."""
        return "a line passed traffic" if self._good_since is not None else self._words

    def status(self, what: Seen, now: float) -> Judgement:
        """A status of the daemon came."""
        restarted = what.running_for < self._running_for
        late = self._heard is not None and now - self._heard > SILENCE
        if not what.passes or restarted or late:
            self._good_since = None
        if what.passes and self._good_since is None:
            self._good_since = now
        if not what.passes:
            self._words = what.words
        elif restarted:
            self._words = "the daemon keeps restarting"
        self._heard, self._running_for = now, what.running_for
        return self.judge(now)

    def silence(self, why: str, now: float) -> Judgement:
        """The daemon could not be asked."""
        if self._heard is None or now - self._heard > SILENCE:
            self._good_since = None
            self._words = f"the daemon does not answer: {why}"
        return self.judge(now)

    def judge(self, now: float) -> Judgement:
        """Where the trial stands."""
        good = now - self._good_since if self._good_since is not None else 0.0
        self._longest = max(self._longest, good)
        if good >= GOOD_FOR:
            return Judgement(outcome=Outcome.COMMIT, reason=f"a line has passed traffic for {duration(good)}")
        waited = now - self._began
        # A line that has come up late is not cut off in the middle of its proof.
        if waited >= GIVE_UP_AFTER and (self._good_since is None or waited >= GIVE_UP_AFTER + GOOD_FOR):
            at_best = f"; at best it passed traffic for {duration(self._longest)}" if self._longest else ""
            reason = f"no line passed traffic for {duration(GOOD_FOR)} within {duration(GIVE_UP_AFTER)}: "
            return Judgement(outcome=Outcome.GIVE_UP, reason=f"{reason}{self._words}{at_best}")
        if self._good_since is not None:
            return Judgement(
                outcome=Outcome.WATCH,
                reason=f"a line passes traffic; kept in {duration(GOOD_FOR - good)} if it goes on",
            )
        left = duration(GIVE_UP_AFTER - waited)
        return Judgement(outcome=Outcome.WATCH, reason=f"{self._words}; given up in {left}")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
