"""The radio and the network: enable, register, and whether this network may be used."""

from __future__ import annotations

from failberry.at import commands
from failberry.at.parse import Registration, Stat
from failberry.config import Roaming
from failberry.core.ask import Dialog, query, send
from failberry.core.causes import Cause, Remedy, cause_of_result
from failberry.core.dial import answers, await_protection, silence
from failberry.core.dialogue import Wait
from failberry.core.events import UrcReceived
from failberry.core.facts import PortRole
from failberry.core.modem_known import Desk, Failed, Next, Outcome
from failberry.core.modem_state import ModemState
from failberry.core.standby import NEXT

ASK_EVERY = 2.0
"""Seconds between two questions for the registration; an unsolicited answer ends the wait."""
ROAMING_RECHECK = 30.0
RESTING_RECHECK = 60.0
"""Seconds between two looks at modem and network while there shall be no session."""


def disabled(desk: Desk) -> Dialog[Outcome]:
    """Pass through: a radio that is off is switched on."""
    yield Wait(seconds=0.0)
    return Next(state=ModemState.ENABLING, why="the radio is wanted")


def enable(desk: Desk) -> Dialog[Outcome]:
    """Switch the radio on (3GPP TS 27.007 clause 8.2, full functionality)."""
    answer = yield from send(commands.set_function(1))
    if answer.result is None or not answer.result.ok:
        return Failed(cause=cause_of_result(answer.result, doing="switching the radio on"))
    return Next(state=ModemState.ENABLED, why="the radio is on")


def enabled(desk: Desk) -> Dialog[Outcome]:
    """Pass through: a radio that is on looks for its network by itself."""
    yield Wait(seconds=0.0)
    return Next(state=ModemState.SEARCHING, why="the radio is on")


def search(desk: Desk) -> Dialog[Outcome]:
    """Wait for a registration that carries data; restart the radio once."""
    for attempt in range(2):
        if attempt:
            yield from send(commands.set_function(4))
            yield Wait(seconds=3.0)
            yield from send(commands.set_function(1))
        deadline = desk.now + desk.config.cellular.registration_timeout
        while True:
            registration = yield from ask_registration(desk)
            if registration is not None and registration.carries_data:
                return Next(state=ModemState.REGISTERED, why=f"registered: {registration.stat.value}")
            if desk.now >= deadline:
                break
            yield Wait(seconds=ASK_EVERY, until=(UrcReceived,))
    told = desk.known.signal.registration
    if told is not None and told.stat is Stat.DENIED:
        return Failed(
            cause=Cause(
                remedy=Remedy.PLAN,
                why="the network denies registration to this SIM",
                advice="Ask the carrier whether the SIM is active and paid for.",
            )
        )
    return Failed(
        cause=Cause(
            remedy=Remedy.NETWORK,
            why="no network found",
            advice="Check antenna and coverage of this carrier at this place.",
        )
    )


def ask_registration(desk: Desk, port: PortRole = PortRole.DIAL) -> Dialog[Registration | None]:
    """Ask the domains that carry data, packet-switched before EPS; the best answer counts."""
    best: Registration | None = None
    for command in (
        commands.QUERY_GPRS_REGISTRATION,
        commands.QUERY_EPS_REGISTRATION,
        # Circuit-switched says little about data: asked only where nothing else is answered.
        commands.QUERY_REGISTRATION,
    ):
        if command is commands.QUERY_REGISTRATION and best is not None:
            break
        told, _ = yield from query(command, port)
        if told is None:
            continue
        if told.carries_data:
            best = told
            break
        if best is None or best.stat is not Stat.DENIED:
            best = told
    if best is not None:
        desk.known.signal.registration = best
        desk.known.signal.heard = desk.now
    return best


def registered(desk: Desk) -> Dialog[Outcome]:
    """Dial here only if this network is allowed, the packet filter stands, and a session is wanted."""
    while True:
        registration = desk.known.signal.registration
        if registration is None or not registration.carries_data:
            desk.known.blocked = ""
            return Next(state=ModemState.SEARCHING, why="the registration was lost")
        if registration.stat is not Stat.HOME and desk.config.cellular.roaming is Roaming.FORBID:
            desk.known.blocked = "registered on a foreign network, and roaming is forbidden"
            yield Wait(seconds=ROAMING_RECHECK)
            if silent := (yield from _look_round(desk)):
                desk.known.blocked = ""
                return silent
            continue
        desk.known.blocked = "the packet filter does not stand yet" if not desk.protected else ""
        yield from await_protection(desk)
        desk.known.blocked = desk.standby.rests(desk.config, desk.now)
        if not desk.known.blocked:
            return Next(
                state=ModemState.CONNECTING, why=f"the network may be used: {registration.stat.value}"
            )
        desk.next_step = NEXT
        yield Wait(seconds=RESTING_RECHECK, nudge=True)
        if desk.standby.rests(desk.config, desk.now) and (silent := (yield from _look_round(desk))):
            desk.known.blocked = ""
            return silent


def _look_round(desk: Desk) -> Dialog[Failed | None]:
    """See, in the middle of a rest, whether modem and network are still there; listen to the radio."""
    if (yield from ask_registration(desk)) is None and not (yield from answers(desk)):
        return Failed(cause=(yield from silence(desk)))
    hardware = desk.known.hardware
    if hardware is not None and hardware.status_tty is None:
        signal, _ = yield from query(commands.QUERY_SIGNAL)
        if signal is not None:
            desk.known.signal.dbm = None if signal.rssi is None else round(signal.rssi)
            desk.known.signal.heard = desk.now
    return None
