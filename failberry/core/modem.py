"""The modem machine: one state, one script for it, and what is known of the modem.

Each state has a script (:mod:`failberry.core.dial`) that talks to the modem and returns where to go
next and why.  This machine checks every step against the table, watches the maximum stay, counts
failures, and reports each transition once.
"""

from __future__ import annotations

import random

from failberry.at.parse import Stat
from failberry.config import Config, Roaming
from failberry.core import dial, poll, search, unlock
from failberry.core.actions import Action, Report, Severity
from failberry.core.causes import Cause, Remedy, cause_of_exit
from failberry.core.dialogue import DeedNumbers, Dialogue, Script
from failberry.core.events import (
    Event,
    FilterApplied,
    PinForgotten,
    PortLost,
    RedialRequested,
    SessionEnded,
    SessionUp,
    Started,
    UrcReceived,
    UsbChanged,
)
from failberry.core.facts import PortRole, Session
from failberry.core.modem_known import Failed, Known, Next, Outcome
from failberry.core.modem_state import MAX_STAY, ModemState, may_follow
from failberry.core.pin import PinRecord
from failberry.core.recovery import GOOD_SESSION, retry_delay
from failberry.errors import InvariantError

HOPELESS_RETRY = 3600.0
"""Seconds until the next look at what only a person can mend, where there is no resting in ``failed``."""


class Modem:
    """One modem, from the bus to the address."""

    def __init__(self, config: Config, *, numbers: DeedNumbers, rng: random.Random) -> None:
        self.config = config
        self.known = Known()
        self.pin_records: tuple[PinRecord, ...] = ()
        self.pin_records_problem: str | None = None
        self.protected = False
        """Whether the packet filter stands; before that nothing is dialled."""
        self.state = ModemState.UNKNOWN
        self.since = 0.0
        self.reason = "just started"
        self.cause: Cause | None = None
        """Why the last dial or session failed; ``None`` once one works."""
        self.next_step = ""
        """What comes next, in words."""
        self.retry_at: float | None = None
        self.failures = 0
        self.dials = 0
        self.sessions = 0
        self.now = 0.0
        """The instant of the event being handled; scripts read it."""
        self._rng = rng
        self._main: Dialogue[Outcome] = Dialogue(numbers)
        self._poll: Dialogue[None] = Dialogue(numbers)
        self._adopted: Session | None = None

    # --- what others see ---------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When something is due if nothing happens before."""
        stay = self._max_stay()
        candidates = (
            self._main.deadline,
            self._poll.deadline,
            None if stay is None else self.since + stay,
        )
        return min((each for each in candidates if each is not None), default=None)

    @property
    def foreign(self) -> bool:
        """Whether the modem was last heard on a network that may not be used."""
        told = self.known.signal.registration
        forbidden = self.config.cellular.roaming is Roaming.FORBID
        return forbidden and told is not None and told.stat is Stat.ROAMING

    # --- what happens ------------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one event; return what shall be done."""
        self.now = now
        reaction = self._react(event, now)
        if reaction is not None:
            return reaction
        actions = self._poll.handle(event, now) + self._main.handle(event, now) + self._proceed(now)
        if self.known.poll_wanted:
            self.known.poll_wanted = False
            actions += self._poll.start(poll.poll(self), now)
        if self.state is ModemState.CONNECTED and self.foreign:
            # A border, a dead mast: a modem may change networks in mid-session, and bills do not forgive.
            why = "the modem went over to a foreign network, and roaming is forbidden"
            actions += self._enter(ModemState.DISCONNECTING, why, now)
        stay = self._max_stay()
        if stay is not None and now >= self.since + stay:
            why = f"no progress in state {self.state} for {stay:.0f} s"
            actions += self._fail(Cause(remedy=Remedy.MODEM, why=why), now)
        return actions

    def _react(self, event: Event, now: float) -> list[Action] | None:
        """Take note, and answer what cuts across the scripts; ``None``: pass the event on to them."""
        match event:
            case Started():
                self.pin_records = event.pin_records
                self.pin_records_problem = event.pin_records_problem
                self._adopted = event.session
                self.since = now
                return self._enter_script(now)
            case FilterApplied(problem=None):
                self.protected = True
            case PinForgotten():
                self.pin_records = ()
                if self.state in (ModemState.LOCKED, ModemState.FAILED):
                    return self._start_over("the owner asked to forget refused PINs", now)
            case RedialRequested():
                return self.redial("the owner asked for a new dial", now)
            case PortLost():
                return self._port_lost(event, now)
            case UrcReceived() if event.text.startswith(self.known.quirk.noise):
                return []  # chatter, some of it many times a second: nothing may wake up from it
            case UsbChanged() if self.state is ModemState.FAILED:
                return self._start_over("the USB bus has changed", now)
            case SessionUp():
                self.known.session = event.session
            case SessionEnded():
                return self._session_ended(event, now)
            case _:
                pass
        return None

    def _port_lost(self, event: PortLost, now: float) -> list[Action] | None:
        if event.port is PortRole.STATUS:
            self._poll.abandon()
        elif self.state not in (ModemState.UNKNOWN, ModemState.CONNECTED, ModemState.DISCONNECTING):
            cause = Cause(remedy=Remedy.DEVICE, why="the modem's port was lost", evidence=event.problem)
            return self._fail(cause, now)
        return None

    def reconfigure(self, config: Config, now: float) -> list[Action]:
        """Take a new configuration; redial only if it concerns the modem."""
        before, self.config = self.config, config
        self.now = now
        concerned = (before.cellular, before.modem, before.ppp) != (config.cellular, config.modem, config.ppp)
        return self.redial("the configuration of the modem has changed", now) if concerned else []

    def redial(self, why: str, now: float) -> list[Action]:
        """Hang up what is up, and dial at once."""
        self.now = now
        self.failures = 0
        self.cause = None
        self.retry_at = None
        if self.state in (ModemState.CONNECTING, ModemState.CONNECTED):
            return self._enter(ModemState.DISCONNECTING, why, now)
        if self.state is ModemState.DISCONNECTING:
            return []
        return self._start_over(why, now)

    # --- steps -------------------------------------------------------------------------------

    def _max_stay(self) -> float | None:
        if self.state is ModemState.SEARCHING:
            return 2 * self.config.cellular.registration_timeout + 60.0
        return MAX_STAY[self.state]

    def _proceed(self, now: float) -> list[Action]:
        """Follow finished scripts to their next state, and that one's script to its first wait."""
        actions: list[Action] = []
        while not self._main.running and self._main.result is not None:
            outcome, self._main.result = self._main.result, None
            match outcome:
                case Next():
                    actions += self._enter(outcome.state, outcome.why, now)
                case Failed():
                    actions += self._fail(outcome.cause, now)
        return actions

    def _enter(self, state: ModemState, why: str, now: float, *, next_step: str = "") -> list[Action]:
        if not may_follow(self.state, state):
            raise InvariantError(f"modem: {self.state} must not be followed by {state} ({why})")
        before, self.state, self.since, self.reason = self.state, state, now, why
        if state is ModemState.CONNECTING:
            self.dials += 1
        if state is ModemState.CONNECTED:
            self.sessions += 1
            self.cause = None
        severity = Severity.WARNING if self.cause is not None else Severity.INFO
        if state is ModemState.FAILED:
            severity = Severity.ERROR
        waits = self.retry_at is not None and state is ModemState.UNKNOWN
        self.next_step = next_step or ("dial again" if waits else _NEXT[state])
        wait = f" in {max(0.0, self.retry_at - now):.0f} s" if waits and self.retry_at is not None else ""
        report = Report(
            subject="modem",
            what=f"{before} -> {state}",
            why=why,
            next=self.next_step + wait,
            severity=severity,
        )
        return [report, *self._enter_script(now)]

    def _enter_script(self, now: float) -> list[Action]:
        actions = self._main.start(self._script(), now)
        return actions + self._proceed(now)

    def _script(self) -> Script[Outcome]:
        if self.state is ModemState.UNKNOWN and self._adopted is not None:
            session, self._adopted = self._adopted, None
            return dial.adopt(self, session)
        return {
            ModemState.UNKNOWN: dial.locate,
            ModemState.INITIALIZING: dial.initialize,
            ModemState.LOCKED: unlock.unlock,
            ModemState.DISABLED: search.disabled,
            ModemState.ENABLING: search.enable,
            ModemState.ENABLED: search.enabled,
            ModemState.SEARCHING: search.search,
            ModemState.REGISTERED: search.registered,
            ModemState.CONNECTING: dial.connect,
            ModemState.CONNECTED: dial.attend,
            ModemState.DISCONNECTING: dial.hang_up,
            ModemState.FAILED: dial.rest,
        }[self.state](self)

    def _start_over(self, why: str, now: float) -> list[Action]:
        self._poll.abandon()
        return self._enter(ModemState.UNKNOWN, why, now)

    def _fail(self, cause: Cause, now: float) -> list[Action]:
        if not self._count_failure(cause, now) and may_follow(self.state, ModemState.FAILED):
            self.retry_at = None
            return self._enter(ModemState.FAILED, cause.why, now, next_step=cause.advice)
        if self.state in (ModemState.CONNECTING, ModemState.CONNECTED):
            return self._enter(ModemState.DISCONNECTING, cause.why, now)
        return self._enter(ModemState.UNKNOWN, cause.why, now)

    def _count_failure(self, cause: Cause, now: float) -> bool:
        """Note the failure and when to dial again; return whether waiting can help at all."""
        self.failures += 1
        self.cause = cause
        delay = retry_delay(cause, failures=self.failures, rng=self._rng)
        self.retry_at = now + (HOPELESS_RETRY if delay is None else delay)
        return delay is not None

    def _session_ended(self, event: SessionEnded, now: float) -> list[Action]:
        lasted = now - self.since if self.state is ModemState.CONNECTED else 0.0
        self.known.session = None
        cause = cause_of_exit(event.exit_code, port_gone=event.port_gone, evidence=event.evidence)
        if self.state is ModemState.DISCONNECTING:
            return self._main.handle(event, now) + self._proceed(now)
        if self.state not in (ModemState.CONNECTED, ModemState.CONNECTING):
            return []
        if lasted >= GOOD_SESSION:
            self.failures = 0
        self._count_failure(cause, now)
        self._poll.abandon()
        return self._enter(ModemState.UNKNOWN, f"session ended: {cause.why}", now)


_NEXT: dict[ModemState, str] = {
    ModemState.UNKNOWN: "look for the modem on the USB bus",
    ModemState.INITIALIZING: "prepare the modem and ask for the SIM",
    ModemState.LOCKED: "see whether the PIN may be entered",
    ModemState.DISABLED: "switch the radio on",
    ModemState.ENABLING: "wait for the radio",
    ModemState.ENABLED: "look for the network",
    ModemState.SEARCHING: "wait for the network",
    ModemState.REGISTERED: "see whether this network may be used",
    ModemState.CONNECTING: "dial, then negotiate PPP",
    ModemState.CONNECTED: "watch the session",
    ModemState.DISCONNECTING: "hang up",
    ModemState.FAILED: "wait for a person",
}
