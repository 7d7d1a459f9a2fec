"""The ladder: which step to take next against a fault, when, and what holds a harder one back.

A climb starts at the gentlest step that can help against the fault and goes up when a step has had its
tries.  Four things hold a step back:

* *the cause*: a network, a plan, a SIM or a name that is wrong is not mended by cutting power;
* *what is there*: no AT command for a modem that answers none, no USB reset for one that has left the bus;
* *a budget*, which outlives restarts and reboots: so often in an hour, so often in a day;
* *patience*: while the other line works, a dead backup is no emergency, and impatience makes many faults
  worse (a modem that was locked out by its network comes back by itself after minutes).

When nothing harder is free the modem is dialled again, with growing waits.  Nothing here knows a clock.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from failberry.core.causes import Cause, Fault, Remedy
from failberry.core.steps import Rung, Step

GOOD_SESSION = 60.0
"""Seconds a session must last to count as a success that clears the backoff."""

HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most so many in any span of so many seconds."""

    count: int
    span: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RungSpec:
    """One rung of the ladder."""

    rung: Rung
    words: str
    tries: int
    """In one climb, before the next rung."""
    urgent: tuple[Budget, ...] = ()
    """While no other line works."""
    patient: tuple[Budget, ...] | None = ()
    """While another line works; ``None``: not at all."""
    needs_at: bool = False
    """Useless for a modem that answers on neither port."""
    needs_bus: bool = False
    """Useless for a modem that has left the bus."""
    only: frozenset[Fault] | None = None
    """Against these faults only."""
    hardware: bool = False
    """Touches more than the modem's own firmware."""


LADDER: tuple[RungSpec, ...] = (
    RungSpec(rung=Rung.REDIAL, words="dial again", tries=3),
    RungSpec(
        rung=Rung.HANG_UP,
        words="hang up and release the data connection",
        tries=1,
        urgent=(Budget(count=12, span=HOUR), Budget(count=96, span=DAY)),
        patient=(Budget(count=6, span=HOUR), Budget(count=48, span=DAY)),
        needs_at=True,  # a port that answers nobody was hung up by the dial already
        needs_bus=True,
    ),
    RungSpec(
        rung=Rung.RADIO,
        words="restart the radio",
        tries=2,
        urgent=(Budget(count=6, span=HOUR), Budget(count=48, span=DAY)),
        patient=(Budget(count=2, span=HOUR), Budget(count=12, span=DAY)),
        needs_at=True,
        needs_bus=True,
    ),
    RungSpec(
        rung=Rung.MODEM_REBOOT,
        words="reboot the modem",
        tries=2,
        urgent=(Budget(count=4, span=HOUR), Budget(count=24, span=DAY)),
        patient=(Budget(count=2, span=HOUR), Budget(count=8, span=DAY)),
        needs_at=True,
        needs_bus=True,
    ),
    RungSpec(
        rung=Rung.SWITCH_MODE,
        words="switch the CD-ROM to modem mode",
        tries=2,
        urgent=(Budget(count=6, span=HOUR), Budget(count=48, span=DAY)),
        patient=(Budget(count=6, span=HOUR), Budget(count=48, span=DAY)),
        needs_bus=True,
        only=frozenset({Fault.NOT_SWITCHED}),
    ),
    RungSpec(
        rung=Rung.USB_RESET,
        words="reset the modem on the USB bus",
        tries=1,
        urgent=(Budget(count=4, span=HOUR), Budget(count=24, span=DAY)),
        patient=(Budget(count=2, span=HOUR), Budget(count=8, span=DAY)),
        needs_bus=True,
        hardware=True,
    ),
    RungSpec(
        rung=Rung.POWER_CYCLE,
        words="cut the modem's power",
        tries=2,
        urgent=(Budget(count=3, span=HOUR), Budget(count=10, span=DAY)),
        patient=(Budget(count=2, span=3 * HOUR), Budget(count=6, span=DAY)),
        hardware=True,
    ),
    RungSpec(
        rung=Rung.CONTROLLER,
        words="restart the USB controller",
        tries=1,
        urgent=(Budget(count=1, span=HOUR), Budget(count=4, span=DAY)),
        patient=None,
        hardware=True,
    ),
    RungSpec(
        rung=Rung.REBOOT,
        words="reboot this machine",
        tries=1,
        urgent=(Budget(count=1, span=6 * HOUR), Budget(count=3, span=DAY)),
        patient=None,
        hardware=True,
    ),
)
SPECS: Mapping[Rung, RungSpec] = {spec.rung: spec for spec in LADDER}

_ALL = frozenset(SPECS)
_GENTLE = frozenset({Rung.REDIAL})
_FIRMWARE = frozenset({Rung.REDIAL, Rung.HANG_UP, Rung.RADIO, Rung.MODEM_REBOOT})

_PERMITTED: Mapping[Remedy, frozenset[Rung]] = {
    Remedy.HUMAN: frozenset(),
    Remedy.PIN: frozenset(),
    # A SIM that is not read may have lost its contact or its firmware; power is what both understand.
    Remedy.SIM_WAIT: frozenset({Rung.REDIAL, Rung.RADIO, Rung.POWER_CYCLE}),
    Remedy.NETWORK: frozenset({Rung.REDIAL, Rung.RADIO}),
    Remedy.PLAN: _GENTLE,
    Remedy.APN: _GENTLE,
    Remedy.CONTEXT: _FIRMWARE,
    Remedy.MODEM: _ALL,
    Remedy.DEVICE: _ALL,
    Remedy.HOST: _GENTLE,
    Remedy.ENDED: _GENTLE,
}

STUBBORN = 2
"""Climbs in vain after which a data connection that stays stuck is the modem's own fault."""

# How often to dial again before anything else; where the fault itself says that dialling is not enough, once.
_REDIALS: Mapping[Fault, int] = {
    Fault.HUNG: 1,
    Fault.CRASHED: 1,
    Fault.ABSENT: 1,
    Fault.STUCK_IN_DATA_MODE: 1,
    Fault.NO_DATA: 1,
    Fault.NOT_SWITCHED: 0,
}

UPTIME_BEFORE_REBOOT = HOUR
"""Seconds this machine must have been up: what a reboot has not mended, the next one will not."""
VAIN_BEFORE_REBOOT = 2
"""Power cycles, or whole climbs where power cannot be cut, that did not help."""

# Remedy → (first wait, longest wait) in seconds; each failure in a row doubles the wait.
_WAITS: Mapping[Remedy, tuple[float, float] | None] = {
    Remedy.HUMAN: None,  # nothing but a person, a re-plug or a new configuration helps
    Remedy.PIN: None,
    Remedy.SIM_WAIT: (10.0, 300.0),
    Remedy.NETWORK: (5.0, 300.0),
    Remedy.PLAN: (600.0, 3600.0),
    Remedy.APN: (600.0, 3600.0),
    Remedy.CONTEXT: (2.0, 300.0),
    Remedy.MODEM: (3.0, 300.0),
    Remedy.DEVICE: (1.0, 60.0),
    Remedy.HOST: (5.0, 300.0),
    Remedy.ENDED: (1.0, 300.0),
}
GROWTH = 3
"""Doublings of the waits from one climb to the next."""
JITTER = 0.2
"""Share of a wait that is random, so that a street of these does not dial in step."""

FLAPS_FORGIVEN = 5
"""Sessions that may end within an hour before dialling again is slowed down, however long they lasted."""
FLAP_WAIT, LONGEST_FLAP_WAIT = 10.0, 900.0
_REMEMBERED = 1000
"""Steps in memory: more than all budgets of a day together, which are counted from it."""


def retry_delay(
    cause: Cause, *, failures: int, rng: random.Random, effort: int | None = None
) -> float | None:
    """Return seconds until the next step; ``None``: wait for a person.

    ``failures`` counts the failures in a row, this one included.  Where the modem is to blame the climb
    itself is the progress, and waits grow with its ``effort`` only; a network that said no is given more
    time at every failure.
    """
    if effort is not None and _PERMITTED[cause.remedy] is _ALL:
        failures = min(failures, effort + 1)
    waits = _WAITS[cause.remedy]
    if waits is None:
        return None
    first, longest = waits
    wait = min(longest, first * 2.0 ** min(max(0, failures - 1), 30))
    return wait * (1 - JITTER / 2 + JITTER * rng.random())


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the ladder has to know of the world besides the cause."""

    other_line_works: bool
    on_bus: bool
    at_answers: bool
    """On at least one port."""
    usb_path: str | None
    """Where the modem is, was, or is configured to be."""
    may_power: bool
    may_reboot: bool
    uptime: float
    """Seconds since this machine booted."""
    disk_problem: str | None = None
    """Why budgets cannot be kept on the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The next step, and what a person should know about it."""

    rung: Rung
    effort: int | None = None
    """How many times this was tried before, all climbs counted; waits grow with it.  ``None``: unknown."""
    held_back: str = ""
    """Why nothing harder is done; empty: this is what the climb wants."""


@dataclass(slots=True, kw_only=True)
class Taken:
    """A step in memory, with the instant it was taken."""

    step: Step
    at: float


@dataclass(slots=True)
class _Position:
    """How far the climb against one fault has come."""

    index: int = 0
    tries: int = 0
    climbs: int = 0
    """Climbs that came to their top in vain."""


@dataclass(slots=True)
class Ladder:
    """The climb, its budgets and its memory."""

    taken: deque[Taken] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """Oldest first; the last one may still be without a result."""
    unusable: dict[Rung, tuple[str, float]] = field(default_factory=dict)
    """Rungs that turned out to be impossible here: why, and until when that is believed."""
    switches_power: bool | None = None
    _positions: dict[Fault, _Position] = field(default_factory=dict)
    _ends: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _cycles_in_vain: int = 0

    # --- memory ------------------------------------------------------------------------------

    def remember(self, steps: Iterable[Step], now: float) -> None:
        """Take over what the disk remembers of earlier lives."""
        for each in steps:
            # Of a reboot it can only be known now whether it helped; of any other step, no more.
            interrupted = not each.result and each.rung is not Rung.REBOOT
            step = replace(each, result="cut short: the daemon was started anew") if interrupted else each
            self.taken.append(Taken(step=step, at=now - each.age))

    @property
    def under_way(self) -> Step | None:
        """The step whose result is not known yet."""
        return self.taken[-1].step if self.taken and not self.taken[-1].step.result else None

    def begin(self, step: Step, now: float) -> None:
        """Note that a step is being taken: from now on it counts."""
        self.taken.append(Taken(step=step, at=now))

    def finish(self, result: str) -> Step | None:
        """Note what came of the step under way; return it, closed, if there was one."""
        if self.under_way is None:
            return None
        last = self.taken[-1]
        last.step = replace(last.step, result=result)
        return last.step

    def impossible(self, rung: Rung, why: str, now: float, *, believed_for: float = DAY) -> None:
        """Note that a step cannot be taken here, so that the climb passes it by for so many seconds."""
        self.unusable[rung] = (why, now + believed_for)

    def session_ended(self, now: float) -> None:
        """Note the end of a session that had lasted, for :meth:`hold_off`."""
        self._ends.append(now)

    def well(self) -> Step | None:
        """Note that the line works: climbs start from the bottom again.  Returns the step that helped."""
        self._positions.clear()
        self._cycles_in_vain = 0
        return self.finish("helped")

    def hold_off(self, now: float) -> float:
        """Seconds to wait at least before the next dial: a line that flaps is dialled ever more slowly."""
        recent = sum(1 for each in self._ends if each > now - HOUR)
        if recent <= FLAPS_FORGIVEN:
            return 0.0
        return min(LONGEST_FLAP_WAIT, FLAP_WAIT * 2.0 ** min(recent - FLAPS_FORGIVEN - 1, 30))

    # --- choice ------------------------------------------------------------------------------

    def choose(self, cause: Cause, situation: Situation, now: float) -> Choice | None:
        """Choose the next step against this cause and move the climb on; ``None``: wait for a person."""
        permitted = _PERMITTED[cause.remedy]
        if not permitted:
            return None
        position = self._positions.setdefault(cause.fault, _Position())
        if cause.remedy is Remedy.CONTEXT and position.climbs >= STUBBORN:
            permitted = _ALL
        held: dict[Rung, str] = {}
        for _ in range(2):
            for index in range(position.index, len(LADDER)):
                spec = LADDER[index]
                if not self._applies(spec, permitted, cause.fault, situation):
                    continue
                if index == position.index and position.tries >= _tries(spec, cause.fault):
                    continue
                if (obstacle := self._obstacle(spec, situation, position.climbs, now)) is not None:
                    held[spec.rung] = f"{spec.words}: {obstacle}"
                    continue
                position.tries = position.tries + 1 if position.index == index else 1
                position.index = index
                effort = position.tries - 1 + GROWTH * position.climbs
                return Choice(rung=spec.rung, effort=effort, held_back="; ".join(held.values()))
            # All that is free has been tried in vain: from the bottom again, with waits that have grown.
            position.index, position.tries = 0, 0
            position.climbs += 1
        return Choice(rung=Rung.REDIAL, held_back="; ".join(held.values()))

    @staticmethod
    def _applies(spec: RungSpec, permitted: frozenset[Rung], fault: Fault, situation: Situation) -> bool:
        """Whether the step could help at all; if not it is passed by without a word."""
        if spec.rung not in permitted or (spec.only is not None and fault not in spec.only):
            return False
        if spec.needs_at and not situation.at_answers:
            return False
        return situation.on_bus or not spec.needs_bus

    def _obstacle(self, spec: RungSpec, situation: Situation, climbs: int, now: float) -> str | None:
        """Why a step that might help is not taken now; words for the owner."""
        if spec.hardware and situation.usb_path is None:
            return "it is not known where the modem is plugged in; name the place as modem.usb_path"
        if spec.hardware and spec.rung is not Rung.REBOOT and not situation.may_power:
            return "switched off by recovery.usb_power"
        if spec.rung in self.unusable:
            why, until = self.unusable[spec.rung]
            if now < until:
                return why
            del self.unusable[spec.rung]
        if situation.other_line_works and spec.patient is None:
            return "not while the other line works"
        if spec.rung is Rung.REBOOT and (why_not := self._against_reboot(situation, climbs)):
            return why_not
        budgets = spec.patient if situation.other_line_works else spec.urgent
        return next(
            (words for budget in budgets or () if (words := self._exhausted(spec.rung, budget, now))), None
        )

    def _against_reboot(self, situation: Situation, climbs: int) -> str:
        if not situation.may_reboot:
            return "switched off by recovery.reboot"
        if situation.disk_problem is not None:
            return f"its budget cannot be kept on the disk: {situation.disk_problem}"
        if situation.uptime < UPTIME_BEFORE_REBOOT:
            return "this machine has been up for less than an hour"
        if self._cycles_in_vain < VAIN_BEFORE_REBOOT and climbs < VAIN_BEFORE_REBOOT:
            return "everything else has not been tried twice yet"
        return ""

    def _exhausted(self, rung: Rung, budget: Budget, now: float) -> str | None:
        recent = [each.at for each in self.taken if each.step.rung is rung and each.at > now - budget.span]
        if len(recent) < budget.count:
            return None
        free = recent[-budget.count] + budget.span - now
        return f"at most {budget.count} in {_span(budget.span)}; free again in {_span(free)}"

    def in_vain(self, why: str) -> Step | None:
        """Note that the modem failed again; the step under way, if any, did not help.  Returns it, closed."""
        open_step = self.under_way
        if open_step is not None and open_step.rung is Rung.POWER_CYCLE:
            self._cycles_in_vain += 1
        return self.finish(f"did not help: {why}")


def _tries(spec: RungSpec, fault: Fault) -> int:
    return _REDIALS.get(fault, spec.tries) if spec.rung is Rung.REDIAL else spec.tries


def _span(seconds: float) -> str:
    if seconds >= 2 * HOUR:
        return f"{seconds / HOUR:.0f} h"
    return f"{max(1.0, seconds / 60):.0f} min"
