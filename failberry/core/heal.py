"""What each rung of the ladder does: scripts that end with what was done, in words.

They run while the modem's state is ``unknown``: no session is up, and the dial that follows shows whether
the step helped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from failberry.at import commands
from failberry.core import actions as do
from failberry.core.ask import Dialog, send
from failberry.core.dialogue import Wait
from failberry.core.events import (
    ModemLocated,
    PortsOpened,
    PowerCycled,
    RebootAnswered,
    StepStored,
    UsbChanged,
    UsbReset,
)
from failberry.core.facts import ModemHardware, PortRole
from failberry.core.modem_known import Desk, Plan
from failberry.core.power import PowerOutcome
from failberry.core.recovery import HOUR, SPECS
from failberry.core.steps import Rung, Step

RADIO_REST = 3.0
"""Seconds with the radio off."""
GONE_WITHIN = 20.0
"""Seconds in which a modem that was told to reboot leaves the bus; one that stays has ignored us."""
REBOOT_TIMEOUT = 300.0
"""Seconds in which this machine goes down once it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a step went; whether it helped shows at the next dial."""

    words: str
    impossible_for: float | None = None
    """Set when it could not be taken at all: seconds in which not to try it again."""


def heal(desk: Desk, plan: Plan) -> Dialog[None]:
    """Take one step, and write it down before and after."""
    step = Step(rung=plan.rung, cause=plan.cause, why=plan.why)
    desk.ladder.begin(step, desk.now)
    spec = SPECS[plan.rung]
    yield do.Report(
        subject="recovery",
        what=spec.words,
        why=plan.why,
        next="see whether the modem comes back",
        severity=do.Severity.WARNING if spec.hardware else do.Severity.NOTICE,
    )
    stored = yield do.StoreStep(step=step)
    problem = stored.problem if isinstance(stored, StepStored) else "no answer"
    if problem is not None and plan.rung is Rung.REBOOT:
        done = Done(words=f"its budget cannot be kept on the disk: {problem}", impossible_for=HOUR)
    else:
        done = yield from _STEPS[plan.rung](desk, plan)
    if done.impossible_for is not None:
        desk.ladder.impossible(plan.rung, done.words, desk.now, believed_for=done.impossible_for)
        yield from close(desk, f"not possible: {done.words}")
        return
    yield do.Report(subject="recovery", what=f"{spec.words}: done", why=done.words, next="dial")


def close(desk: Desk, result: str) -> Dialog[None]:
    """Write down what came of the step under way, if there is one."""
    closed = desk.ladder.finish(result)
    if closed is not None:
        yield from tell_result(closed)


def tell_result(closed: Step) -> Dialog[None]:
    """Report a step's result and put it on the disk."""
    yield do.Report(subject="recovery", what=SPECS[closed.rung].words, why=closed.result)
    yield do.StoreStep(step=closed)


# --- over AT -------------------------------------------------------------------------------------


def _open(desk: Desk) -> Dialog[tuple[PortRole, ...]]:
    """Find the modem and open its ports; return those that answer, the dial port first."""
    located = yield do.LocateModem()
    assert isinstance(located, ModemLocated)  # noqa: S101  (each deed has exactly this answer)
    hardware = located.hardware
    if hardware is None or hardware.network_interface is not None:
        return ()
    opened = yield do.OpenPorts(hardware=hardware)
    if not isinstance(opened, PortsOpened) or opened.problem is not None:
        return ()
    answering = []
    for role in _roles(hardware):
        answer = yield from send(commands.ATTENTION, role)
        if answer.result is not None:
            answering.append(role)
    return tuple(answering)


def _roles(hardware: ModemHardware) -> tuple[PortRole, ...]:
    return (PortRole.DIAL,) if hardware.status_tty is None else (PortRole.DIAL, PortRole.STATUS)


_SILENT = Done(words="the modem answers on neither port", impossible_for=60.0)


def _hang_up(desk: Desk, plan: Plan) -> Dialog[Done]:
    answering = yield from _open(desk)
    yield do.PulseDtr(port=PortRole.DIAL, seconds=1.0)
    if PortRole.DIAL in answering:
        yield from send(commands.HANG_UP)
    if answering:
        # By the second port where there is one: not every modem listens on the first while it is in a call.
        yield from send(commands.activate_context(commands.DIAL_CONTEXT, active=False), answering[-1])
    return Done(words="DTR was lowered and the data connection released")


def _radio(desk: Desk, plan: Plan) -> Dialog[Done]:
    answering = yield from _open(desk)
    if not answering:
        return _SILENT
    yield from send(commands.set_function(4), answering[0])
    yield Wait(seconds=RADIO_REST)
    answer = yield from send(commands.set_function(1), answering[0])
    if answer.result is None or not answer.result.ok:
        return Done(words="the radio was switched off, and the modem did not say that it is on again")
    return Done(words="the radio was switched off and on")


def _reboot_modem(desk: Desk, plan: Plan) -> Dialog[Done]:
    answering = yield from _open(desk)
    if not answering:
        return _SILENT
    answer = yield from send(desk.known.quirk.reboot, answering[0])
    yield do.ClosePorts()
    if answer.result is not None and not answer.result.ok:
        return Done(words=f'the modem refuses to reboot: "{answer.result.text}"', impossible_for=HOUR)
    gone = yield Wait(seconds=GONE_WITHIN, until=(UsbChanged,))
    return Done(words="it left the bus" if gone else "it took the order and stayed on the bus")


# --- over USB ------------------------------------------------------------------------------------


def _reset_usb(desk: Desk, plan: Plan) -> Dialog[Done]:
    yield do.ClosePorts()
    answer = yield do.ResetUsb(usb_path=plan.usb_path)
    return _usb_done(answer, "the modem was configured anew")


def _cycle_power(desk: Desk, plan: Plan) -> Dialog[Done]:
    yield do.ClosePorts()
    # A second cut in one climb lasts twice as long: the first may have been carried over by capacitors.
    off_time = desk.config.power.off_time * (2.0 if plan.again else 1.0)
    force = plan.force or desk.config.power.force
    answer = yield do.CyclePower(usb_path=plan.usb_path, off_time=off_time, force=force)
    if not isinstance(answer, PowerCycled):
        return Done(words="no answer")
    match answer.outcome:
        case PowerOutcome.CYCLED:
            desk.ladder.switches_power = True
        case PowerOutcome.NOT_SWITCHED:
            desk.ladder.switches_power = False
            return Done(words=answer.words, impossible_for=24 * HOUR)
        case PowerOutcome.REFUSED:
            return Done(words=answer.words, impossible_for=24 * HOUR)
        case PowerOutcome.FAILED:
            return Done(words=answer.words, impossible_for=HOUR)
    return Done(words=answer.words)


def _switch_mode(desk: Desk, plan: Plan) -> Dialog[Done]:
    if plan.stray is None:
        return Done(words="there is no CD-ROM to switch", impossible_for=60.0)
    yield do.ClosePorts()
    answer = yield do.SwitchMode(stray=plan.stray)
    return _usb_done(answer, f"{plan.stray.product} was told to be a modem")


def _rebind(desk: Desk, plan: Plan) -> Dialog[Done]:
    yield do.ClosePorts()
    answer = yield do.RebindController(usb_path=plan.usb_path, force=plan.force or desk.config.power.force)
    return _usb_done(answer, "the controller was taken from its driver and given back")


def _usb_done(answer: object, words: str) -> Done:
    problem = answer.problem if isinstance(answer, UsbReset) else "no answer"
    return Done(words=words) if problem is None else Done(words=problem, impossible_for=HOUR)


def _reboot(desk: Desk, plan: Plan) -> Dialog[Done]:
    yield do.ClosePorts()
    answer = yield do.Reboot(why=plan.why)
    problem = answer.problem if isinstance(answer, RebootAnswered) else "no answer"
    if problem is not None:
        return Done(words=problem, impossible_for=HOUR)
    yield Wait(seconds=REBOOT_TIMEOUT)
    return Done(words="this machine was told to reboot and did not", impossible_for=HOUR)


_STEPS: Mapping[Rung, Callable[[Desk, Plan], Dialog[Done]]] = {
    Rung.HANG_UP: _hang_up,
    Rung.RADIO: _radio,
    Rung.MODEM_REBOOT: _reboot_modem,
    Rung.USB_RESET: _reset_usb,
    Rung.POWER_CYCLE: _cycle_power,
    Rung.SWITCH_MODE: _switch_mode,
    Rung.CONTROLLER: _rebind,
    Rung.REBOOT: _reboot,
}
