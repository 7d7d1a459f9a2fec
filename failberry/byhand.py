"""What the owner does to modem and bus by hand: looked at first, then refused with a reason, or done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from failberry.adapters import usbbus
from failberry.adapters.serialport import ModemPorts
from failberry.adapters.store import Store
from failberry.adapters.usbpower import UsbPower
from failberry.at.commands import Command
from failberry.at.quirks import quirk_for
from failberry.at.results import explain
from failberry.config import Config
from failberry.configfile import load
from failberry.control.answers import AtAnswer, CdromSwitch, PowerPreview, RefusedError, UsbView
from failberry.control.usbview import usb_view
from failberry.core.actions import Report, Severity
from failberry.core.events import CommandAnswered, StepRequested
from failberry.core.facts import PortRole
from failberry.core.modem import Modem
from failberry.core.permission import Denied, permit, port_for
from failberry.core.recovery import SPECS
from failberry.core.steps import Rung
from failberry.core.usbtree import UsbTree
from failberry.errors import ConfigError
from failberry.usbdeeds import UsbDeeds, plan_cycle, survey

FRESH = 3.0
"""Seconds for which a look at the bus is good enough for everybody."""
_NOWHERE = "It is not known where the modem is plugged in; name the place as modem.usb_path."


class Bus:
    """The USB bus, looked at once for all who ask within a moment.

    Whoever may read may ask: that must not keep the hubs busy while power has to be switched.
    """

    def __init__(self, power: UsbPower) -> None:
        self._power = power
        self._looking = asyncio.Lock()
        self._seen: tuple[UsbTree, str] | None = None
        self._until = 0.0

    async def look(self) -> tuple[UsbTree, str]:
        """The tree, and which hubs could not be asked."""
        async with self._looking:
            clock = asyncio.get_running_loop().time
            if self._seen is None or clock() >= self._until:
                self._seen = await survey(self._power)
                self._until = clock() + FRESH
            return self._seen


def preview(tree: UsbTree, config: Config, target: str) -> PowerPreview:
    """What a power cycle of the device at ``target`` would do."""
    plan = plan_cycle(tree, config, target)
    return PowerPreview(
        plan=plan, refusal=plan.refusal, off_time=config.power.off_time, forced=config.power.force
    )


async def look(bus: Bus, config: Config | None, target: str | None) -> UsbView:
    """The USB bus now; with a plan where there is a configuration and a place."""
    tree, problem = await bus.look()
    devices = await asyncio.to_thread(usbbus.scan)
    return usb_view(
        tree,
        ttys={each.path: tuple(port.tty for port in each.ports) for each in devices},
        modem=target,
        power=preview(tree, config, target) if config is not None and target is not None else None,
        problem=problem,
    )


async def look_alone(path: str) -> UsbView:
    """The same without a daemon; a configuration that cannot be read is done without."""
    config: Config | None = None
    target: str | None = None
    with contextlib.suppress(ConfigError):
        config = load(path)
        found = await asyncio.to_thread(usbbus.locate, 0, config)
        target = found.hardware.usb_path if found.hardware is not None else config.modem.usb_path or None
    return await look(Bus(UsbDeeds(Store()).power), config, target)


async def power_plan(bus: Bus, config: Config, target: str | None) -> PowerPreview:
    """What a power cycle of the modem would do; raises :class:`RefusedError` if its place is not known."""
    if target is None:
        raise RefusedError(_NOWHERE)
    tree, _ = await bus.look()
    return preview(tree, config, target)


async def allow_step(modem: Modem, bus: Bus, config: Config, rung: Rung, *, force: bool) -> StepRequested:
    """Look whether a step can be taken now; raises :class:`RefusedError`.

    The core has the last word; what it would refuse in the journal only is refused here with an answer.
    """
    if modem.healing:
        raise RefusedError(
            "Another step is under way; `failberryctl modem status` shows it. Try again when it is done."
        )
    if SPECS[rung].hardware and modem.usb_path is None:
        raise RefusedError(_NOWHERE)
    if rung is Rung.POWER_CYCLE:
        told = await power_plan(bus, config, modem.usb_path)
        if told.plan.impossible:
            raise RefusedError(f"The modem's power cannot be cut: {told.plan.impossible}.")
        if told.refusal and not (force or told.forced):
            raise RefusedError(
                f"Something else would lose its power: {told.refusal}. `failberryctl modem power-cycle "
                "--dry-run` shows all; `--force` does it all the same."
            )
    return StepRequested(rung=rung, force=force)


async def send_command(
    modem: Modem, ports: ModemPorts, text: str, *, report: Callable[[Report], None]
) -> AtAnswer:
    """Send one AT command of the owner's, if it may be sent now; raises :class:`RefusedError`."""
    decision = permit(text, state=modem.state, stepping=modem.healing, open_ports=_open(ports))
    if isinstance(decision, Denied):
        raise RefusedError(decision.why)
    return await _ask(ports, decision.port, decision.command, report=report)


async def disable_cdrom(
    modem: Modem, ports: ModemPorts, *, confirmed: bool, report: Callable[[Report], None]
) -> CdromSwitch:
    """Take the stick's CD-ROM away for good, or only tell how; raises :class:`RefusedError`."""
    hardware = modem.known.hardware
    if hardware is None:
        raise RefusedError("There is no modem to speak to; `failberryctl modem status` tells why.")
    cdrom = quirk_for(hardware.vendor_id, hardware.product_id).cdrom
    if cdrom is None:
        raise RefusedError(f"No command that takes away the CD-ROM is known for {hardware.product}.")
    answer = None
    if confirmed:
        port = port_for(modem.state, _open(ports))
        if isinstance(port, Denied):
            raise RefusedError(port.why)
        answer = await _ask(ports, port, cdrom.off, report=report)
    return CdromSwitch(product=hardware.product, command=cdrom.off.text, back=cdrom.on, answer=answer)


def _open(ports: ModemPorts) -> frozenset[PortRole]:
    return frozenset(role for role in PortRole if ports.port(role) is not None)


async def _ask(
    ports: ModemPorts, role: PortRole, command: Command[None], *, report: Callable[[Report], None]
) -> AtAnswer:
    port = ports.port(role)
    if port is None:  # the modem left in this very moment
        raise RefusedError("The modem's port was just closed; try again.")
    answer = _told(role, await port.ask_between(command))
    report(
        Report(
            subject="modem",
            what=f"sent {command.shown} on the {role} port",
            why="the owner typed it",
            next=f"answered {answer.result}" if answer.result else "no answer",
            severity=Severity.NOTICE,
        )
    )
    return answer


def _told(role: PortRole, answered: CommandAnswered) -> AtAnswer:
    result = answered.result
    if result is None:
        return AtAnswer(
            port=role,
            lines=answered.lines,
            result="",
            ok=False,
            meaning=answered.problem or "the modem did not answer in time",
        )
    error = explain(result)
    return AtAnswer(
        port=role,
        lines=answered.lines,
        result=result.text,
        ok=result.ok,
        meaning=f"{error.name}. {error.advice}" if error is not None else "",
    )
