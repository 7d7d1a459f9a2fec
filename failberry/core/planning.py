"""Which step of recovery comes next: the ladder is told the situation, its choice becomes a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from failberry.core.causes import Cause
from failberry.core.modem_known import Plan
from failberry.core.recovery import Situation
from failberry.core.steps import Rung

if TYPE_CHECKING:
    from failberry.core.modem import Modem


def plan(modem: Modem, cause: Cause, *, uptime: float, disk_problem: str | None, now: float) -> int | None:
    """Ask the ladder what is due against this cause, leave it with the modem; return the effort so far."""
    modem.plan, modem.held_back = None, ""
    situation = Situation(
        other_line_works=modem.other_line_works,
        on_bus=modem.on_bus,
        at_answers=modem.known.answers,
        usb_path=modem.usb_path,
        may_power=modem.config.recovery.usb_power,
        may_reboot=modem.config.recovery.reboot,
        uptime=uptime,
        disk_problem=disk_problem,
    )
    choice = modem.ladder.choose(cause, situation, now)
    if choice is None:
        return None
    modem.held_back = choice.held_back
    if choice.rung is Rung.REDIAL:
        return choice.effort
    last = modem.ladder.taken[-1].step.rung if modem.ladder.taken else None
    modem.plan = Plan(
        rung=choice.rung,
        cause=cause.fault,
        why=cause.why,
        usb_path=modem.usb_path or "",
        stray=modem.stray,
        again=last is choice.rung,
    )
    return choice.effort
