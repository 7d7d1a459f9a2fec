"""The modem machine: one state, one script for it, and what is known of the modem.

Each state has a script (:mod:`failberry.core.dial`) that talks to the modem and returns where to go
next and why.  This machine checks every step against the table, watches the maximum stay, counts
failures, and reports each transition once.
"""

from __future__ import annotations

import random
from collections import deque

from failberry.at.parse import Stat
from failberry.config import Config, Roaming
from failberry.core import dial, lease, planning, poll, search, standby, unlock, watch
from failberry.core.actions import Action, Report, Severity
from failberry.core.budget import ProbeBudget
from failberry.core.causes import Cause, Fault, Remedy, cause_of_exit
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
    StepRequested,
    SupplyObserved,
    UrcReceived,
    UsbChanged,
)
from failberry.core.facts import PortRole, Session, Stray, Supply
from failberry.core.modem_known import OWNER, Failed, Known, Next, Outcome, Plan
from failberry.core.modem_state import MAX_STAY, NEXT_STEP, ModemState, may_follow
from failberry.core.pin import PinRecord
from failberry.core.recovery import HOUR, SPECS, Ladder, retry_delay
from failberry.core.steps import Rung, Step
from failberry.core.supply import BLAMED_ON_SUPPLY, judge
from failberry.errors import InvariantError

HURRY = 2.0
"""Seconds until the next step when the other line has died, too."""
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
        self.ladder = Ladder()
        self.plan: Plan | None = None
        self.held_back = ""
        """Why no harder step is planned although the line is down."""
        self.healing = False
        self.closed: list[Step] = []
        self.last_usb_path: str | None = None
        self.met = False
        self.on_bus = False
        self.stray: Stray | None = None
        self.other_line_works = True
        self.standby = standby.Standby()
        self.budget = ProbeBudget(config.probe.cellular_budget)
        self.supply = Supply()
        self.disconnects: deque[float] = deque(maxlen=100)
        """When the modem left the bus without being told to."""
        self.over_currents: deque[float] = deque(maxlen=100)
        self._steps_problem: str | None = None
        self._booted = 0.0
        """The instant this machine booted; negative where that was before the clock's zero."""
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

    @property
    def fault(self) -> Fault | None:
        """What is wrong, by name: a modem that fails for want of power is not blamed for it."""
        if self.cause is None:
            return None
        if self.cause.fault in BLAMED_ON_SUPPLY and self.supply_trouble:
            return Fault.BROWN_OUT
        return self.cause.fault

    @property
    def supply_trouble(self) -> str:
        """What speaks against the power supply, in words; empty: nothing."""
        return judge(
            self.supply,
            over_currents=self._within_an_hour(self.over_currents),
            disconnects=self._within_an_hour(self.disconnects),
        )

    def hush(self) -> None:
        """Stop asking for the signal until the ports are opened again."""
        self._poll.abandon()

    def _within_an_hour(self, instants: deque[float]) -> int:
        return sum(1 for each in instants if each > self.now - HOUR)

    @property
    def usb_path(self) -> str | None:
        """Where the modem is, was, or is configured to be."""
        return self.config.modem.usb_path or self.last_usb_path

    # --- what happens ------------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one event; return what shall be done."""
        self.now = now
        self._note(event, now)
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

    def _note(self, event: Event, now: float) -> None:
        """Remember what the event says; nothing is done here."""
        match event:
            case Started():
                self.pin_records = event.pin_records
                self.pin_records_problem = event.pin_records_problem
                self._adopted = event.session
                self.last_usb_path = event.last_usb_path
                self.ladder.remember(event.steps, now)
                self._steps_problem = event.steps_problem
                self._booted = now - event.uptime
                self.since = now
            case FilterApplied(problem=None):
                self.protected = True
            case SupplyObserved():
                if event.supply.over_current > self.supply.over_current:
                    self.over_currents.append(now)
                self.supply = event.supply
            case SessionUp():
                self.known.session = event.session
            case _:
                pass

    def _react(self, event: Event, now: float) -> list[Action] | None:
        """Answer what cuts across the scripts; ``None``: pass the event on to them."""
        match event:
            case Started():
                return self._enter_script(now)
            case PinForgotten():
                self.pin_records = ()
                if self.state in (ModemState.LOCKED, ModemState.FAILED):
                    return self._start_over("the owner asked to forget refused PINs", now)
            case RedialRequested():
                self.standby.asked = True
                return self.redial("the owner asked for a new dial", now)
            case StepRequested():
                return self._step_requested(event, now)
            case PortLost():
                return self._port_lost(event, now)
            case UrcReceived() if event.text.startswith(self.known.quirk.noise):
                return []  # chatter, some of it many times a second: nothing may wake up from it
            case UsbChanged() if self.state is ModemState.FAILED:
                return self._start_over("the USB bus has changed", now)
            case SessionEnded():
                return self._session_ended(event, now)
            case _:
                pass
        return None

    def _port_lost(self, event: PortLost, now: float) -> list[Action] | None:
        if event.port is PortRole.STATUS:
            self._poll.abandon()
        elif self.healing:
            pass  # what heals it may well take it off the bus
        elif self.state not in (ModemState.UNKNOWN, ModemState.CONNECTED, ModemState.DISCONNECTING):
            cause = Cause(remedy=Remedy.DEVICE, why="the modem's port was lost", evidence=event.problem)
            self.disconnects.append(now)
            return self._fail(cause, now)
        return None

    def reconfigure(self, config: Config, now: float) -> list[Action]:
        """Take a new configuration; redial only if it concerns the modem."""
        before, self.config = self.config, config
        self.now = now
        self.budget.reconfigure(config.probe.cellular_budget)
        if before.power != config.power:
            self.ladder.unusable.clear()  # what could not be done may be possible now
        concerned = (before.cellular, before.modem, before.ppp) != (config.cellular, config.modem, config.ppp)
        return self.redial("the configuration of the modem has changed", now) if concerned else []

    def redial(self, why: str, now: float) -> list[Action]:
        """Hang up what is up, and dial at once."""
        self.now = now
        if self.healing:
            return []  # it ends with a dial anyway, and must not be left half done
        self.failures = 0
        self.cause = None
        self.retry_at = None
        self.plan = None
        if self.state in (ModemState.CONNECTING, ModemState.CONNECTED):
            return self._enter(ModemState.DISCONNECTING, why, now)
        if self.state is ModemState.DISCONNECTING:
            return []
        return self._start_over(why, now)

    def _step_requested(self, event: StepRequested, now: float) -> list[Action]:
        words = SPECS[event.rung].words
        if event.rung is Rung.REDIAL:
            return self.redial("the owner asked for a new dial", now)
        refusal = ""
        if self.healing:
            refusal = "another step is under way; ask again when it is done"
        elif SPECS[event.rung].hardware and self.usb_path is None:
            refusal = "it is not known where the modem is plugged in; name the place as modem.usb_path"
        if refusal:
            return [
                Report(subject="recovery", what=f"{words}: refused", why=refusal, severity=Severity.NOTICE)
            ]
        self.ladder.unusable.pop(event.rung, None)
        actions = self.redial(f"the owner asked: {words}", now)
        # After the redial, which forgets plans; an earlier step of the start-over has not been taken yet.
        self.plan = Plan(
            rung=event.rung,
            cause=OWNER,
            why="the owner asked for it",
            usb_path=self.usb_path or "",
            stray=self.stray,
            force=event.force,
        )
        return actions + (self._enter_script(now) if self.state is ModemState.UNKNOWN else [])

    def other_line(self, *, works: bool, now: float) -> list[Action]:
        """Take note of the other line; with both dead there is no patience left."""
        before, self.other_line_works = self.other_line_works, works
        waiting = self.state is ModemState.UNKNOWN and self.retry_at is not None and not self.healing
        if works or not before or not waiting or self.cause is None or not self.held_back:
            return []
        self.now = now
        self._plan(self.cause, now)
        self.retry_at = min(self.retry_at or now, now + HURRY)
        return self._start_over("the other line is dead: no more patience", now)

    def want(self, wanted: bool, now: float) -> list[Action]:  # noqa: FBT001
        """Take note whether the house needs this line, or may within moments."""
        before, self.standby.wanted = self.standby.wanted, wanted
        return self._wake(now) if wanted is not before else []

    def forbid(self, reason: str, now: float) -> list[Action]:
        """Hang up and dial no more, for this reason; empty: it may be used again."""
        before, self.standby.forbidden = self.standby.forbidden, reason
        if reason and self.state is ModemState.CONNECTING:
            self.now = now
            return self._enter(ModemState.DISCONNECTING, reason, now)
        return self._wake(now) if reason != before else []

    def prove_now(self, now: float) -> list[Action]:
        """Ask over the session at once: somebody is about to depend on it."""
        self.known.prove = self.state is ModemState.CONNECTED
        self.standby.spare(now)
        return self._wake(now) if self.known.prove else []

    @property
    def standing_by(self) -> bool:
        """Whether the line is in cold standby and could be dialled at any time."""
        rests = self.known.blocked == standby.COLD
        return rests and self.state is ModemState.REGISTERED

    def _wake(self, now: float) -> list[Action]:
        self.now = now
        return self._main.nudge(now) + self._proceed(now)

    # --- steps -------------------------------------------------------------------------------

    @property
    def _is_router(self) -> bool:
        hardware = self.known.hardware
        return hardware is not None and hardware.network_interface is not None

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
        due = SPECS[self.plan.rung if self.plan is not None else Rung.REDIAL].words
        self.next_step = next_step or (due if waits else NEXT_STEP[state])
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
            ModemState.REGISTERED: standby.rest if self._is_router else search.registered,
            ModemState.CONNECTING: lease.connect_ether if self._is_router else dial.connect,
            ModemState.CONNECTED: watch.attend,
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
        """Note the failure, what to do next and when; return whether waiting can help at all."""
        if self.state is ModemState.CONNECTED and not self.failures:
            # It had lasted.  One that had not is a failure like others, whose waits grow anyway.
            self.ladder.session_ended(now)
        self.failures += 1
        self.cause = cause
        if (vain := self.ladder.in_vain(cause.why)) is not None:
            self.closed.append(vain)
        effort = self._plan(cause, now)
        delay = retry_delay(cause, failures=self.failures, rng=self._rng, effort=effort)
        if delay is None:
            self.retry_at = now + HOPELESS_RETRY
            return False
        # A step harder than dialling has a budget, and is the cure for a line that flaps.
        self.retry_at = now + max(delay, self.ladder.hold_off(now) if self.plan is None else 0.0)
        return True

    def _plan(self, cause: Cause, now: float) -> int | None:
        uptime = now - self._booted
        return planning.plan(self, cause, uptime=uptime, disk_problem=self._steps_problem, now=now)

    def _session_ended(self, event: SessionEnded, now: float) -> list[Action]:
        session, self.known.session = self.known.session, None
        if self._is_router or (session is not None and session.gateway is not None):
            cause = lease.cause_of_end(event)
        else:
            cause = cause_of_exit(event.exit_code, port_gone=event.port_gone, evidence=event.evidence)
        if self.state is ModemState.DISCONNECTING:
            return self._main.handle(event, now) + self._proceed(now)
        if self.state not in (ModemState.CONNECTED, ModemState.CONNECTING):
            return []
        if event.port_gone:
            self.disconnects.append(now)
        self._count_failure(cause, now)
        self._poll.abandon()
        return self._enter(ModemState.UNKNOWN, f"session ended: {cause.why}", now)
