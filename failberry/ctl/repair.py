"""What is wrong with the mobile line, and what is done about it, as rows of a screen.

Imported only where there is something to tell.
"""

from __future__ import annotations

import math

from failberry.ctl.words import count
from failberry.units import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from failberry.core.snapshot import RecoveryView, Snapshot, StepView, SupplyView
    from failberry.ctl.screen import Page

FAULTS = {
    "hung": "on the USB bus, and answers nobody",
    "crashed": "left the USB bus and did not come back",
    "absent": "not on the USB bus, and never was since the daemon looks",
    "stuck_in_data_mode": "takes commands for traffic, as if a session were up",
    "misbehaves": "answers, but not as a modem should",
    "no_data": "a session is up and the network is there, and nothing passes",
    "no_coverage": "no network that it may use, or too weak a one",
    "refused": "the network says no: APN, password, contract or roaming",
    "capped": "only the carrier's own servers answer: the plan is used up, or filtered",
    "brown_out": "the power supply is too weak, not the modem",
    "not_switched": "shows itself as a CD-ROM, not as a modem",
    "sim": "the SIM is missing, locked or failing",
    "host": "something on this machine: a driver that is missing, a port that is taken",
    "ended": "the session came to its end, as sessions do",
}
"""Each fault by its name in the document, and what it means."""

RUNGS = {
    "redial": "dial again",
    "hang_up": "hang up and release the data connection",
    "radio": "restart the radio",
    "modem_reboot": "reboot the modem",
    "switch_mode": "switch the CD-ROM to modem mode",
    "usb_reset": "reset the modem on the USB bus",
    "power_cycle": "cut the modem's power",
    "controller": "restart the USB controller",
    "reboot": "reboot this machine",
}
"""Each step by its name in the document, and what is done: the words of the journal."""

_TOLD = 4
"""Steps that the status shows; `modem status` shows all."""


def trouble(page: Page, status: Snapshot) -> None:
    """Write what is wrong, what is being done, and what was done; nothing where there is nothing."""
    if status.supply.good:
        fault(page, status.modem.fault)
    else:
        page.row("Power", supply(status.supply))
    doing(page, status.recovery)
    tried(page, status.recovery, at_most=_TOLD, why=False)


def fault(page: Page, name: str | None) -> None:
    """Name the fault; the end of a session is none."""
    if name is not None and name != "ended":
        page.row("Fault", f"{name}: {FAULTS.get(name, 'unknown to this failberryctl')}")


def doing(page: Page, recovery: RecoveryView) -> None:
    """The step under way, and what is not done although it could help."""
    if recovery.rung is not None:
        step = _under_way(recovery)
        # A step is under way until it is known what came of it, and that may take the dial that follows.
        more = f", begun {duration(step.age)} ago: {step.why}" if step is not None else ""
        page.row("Now", f"{step_words(recovery.rung)}{more}")
    page.row("On hold", recovery.held_back)


def coming(recovery: RecoveryView) -> str:
    """The step that is pending, and when."""
    if recovery.next is None:
        return ""
    # Rounded up: a countdown ends at nothing, not a second before.
    when = f" in {duration(math.ceil(recovery.next_in))}" if recovery.next_in is not None else ""
    return step_words(recovery.next) + when


def tried(page: Page, recovery: RecoveryView, *, at_most: int, why: bool) -> None:
    """The last steps, newest first."""
    done = [each for each in recovery.steps if each is not _under_way(recovery)]
    steps = [_step(each, why=why) for each in done[:at_most]]
    if more := len(done) - len(steps):
        steps.append(f"{count(more, 'step', 'steps')} before: `failberryctl modem status`")
    if recovery.switches_power is False:
        steps.append("the hub was seen not to cut power: it only says so")
    page.row("Tried", *steps)


def supply(told: SupplyView) -> str:
    """What is known of the power supply."""
    if told.good:
        return "good"
    facts = []
    if told.under_voltage:
        facts.append("under-voltage now")
    elif told.under_voltage_before:
        facts.append("under-voltage earlier since boot")
    if told.over_current:
        facts.append(f"{count(told.over_current, 'over-current event', 'over-current events')} since boot")
    if told.disconnects:
        facts.append(f"the modem left the bus {count(told.disconnects, 'time', 'times')} within an hour")
    return f"too weak: {', '.join(facts) or told.reason}"


def step_words(rung: str) -> str:
    """What a step does."""
    return RUNGS.get(rung, rung)


def _under_way(recovery: RecoveryView) -> StepView | None:
    """The newest step, if it is the one that is being taken."""
    newest = recovery.steps[0] if recovery.steps else None
    return newest if newest is not None and newest.rung == recovery.rung and not newest.result else None


def _step(step: StepView, *, why: bool) -> str:
    asked = step.cause == "owner"
    purpose = "you asked" if asked else step.cause
    reason = f"; why: {step.why}" if why and not asked else ""
    result = step.result or "result not known"
    return f"{duration(step.age)} ago: {step_words(step.rung)} ({purpose}): {result}{reason}"
