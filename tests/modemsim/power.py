"""What a modem comes back from: its power, its place on the USB bus, and the remedies for what hangs."""

from functools import partial
from typing import TYPE_CHECKING

from . import calls, radio
from .model import REMEDIES, Appear, Shows, StopPpp, Vanish, replace_fields
from .port import Mode
from .profiles import Flood

if TYPE_CHECKING:
    from .modem import SimModem

REBOOT_TIME = 1.0
HEALED: dict[str, object] = {
    "heals_by": "",
    "silent": False,
    "silent_ports": (),
    "no_data": False,
    "garbage": 0,
    "garbage_only": False,
    "stuck_in_data_mode": False,
    "dial_result": "",
}


def heal(modem: "SimModem", remedy: str, now: float) -> None:
    """End what hangs, if this remedy is strong enough for it."""
    needed = modem.faults.heals_by
    if not needed or REMEDIES.index(remedy) < REMEDIES.index(needed):
        return
    modem.note(now, f"healed by {remedy}")
    modem.faults, _ = replace_fields(modem.faults, HEALED)
    for port in modem.ports:
        if port.mode is Mode.STUCK:
            modem.command_mode(port, "")


def cut(modem: "SimModem", now: float) -> None:
    """Power is gone."""
    _leave(modem)
    modem.note(now, "power off")
    modem.powered = False
    modem.forget()
    heal(modem, "power", now)


def start(modem: "SimModem", now: float) -> None:
    """Power is there, and the firmware starts."""
    if not modem.powered:
        modem.note(now, "power on")
        modem.powered = True
        modem.forget()
        _boot(modem, now)


def reboot(modem: "SimModem", now: float) -> None:
    """The firmware starts anew; power was there all the time."""
    modem.note(now, "reboot")
    stuck = [port.number for port in modem.ports if calls.held(modem, port)]
    _leave(modem)
    modem.forget()
    for number in stuck:
        modem.ports[number].mode = Mode.STUCK
    heal(modem, "reboot", now)
    _boot(modem, now + REBOOT_TIME)


def usb_reset(modem: "SimModem", now: float) -> None:
    """The device leaves the bus and joins it again; what the firmware knows it still knows."""
    if modem.shows is Shows.NOTHING:
        return
    shows = modem.shows
    modem.note(now, "usb reset")
    for port in modem.ports:
        calls.drop(modem, port, now, text="")
    heal(modem, "usb_reset", now)
    _leave(modem)
    modem.at(now + modem.faults.enumerates_after, partial(_appear, modem, shows))


def switch_mode(modem: "SimModem", now: float) -> None:
    """The CD-ROM turns into the modem."""
    if modem.shows is Shows.CD_ROM:
        modem.note(now, "switched")
        _leave(modem)
        modem.at(now + modem.faults.enumerates_after, partial(_boot_as, modem, Shows.MODEM))


def _leave(modem: "SimModem") -> None:
    for port in modem.ports:
        if port.cid is not None:
            modem.put(StopPpp(port=port.number, graceful=False))
    if modem.shows is not Shows.NOTHING:
        modem.shows = Shows.NOTHING
        modem.put(Vanish())


def _boot(modem: "SimModem", now: float) -> None:
    shows = Shows.CD_ROM if modem.faults.cd_rom else Shows.MODEM
    modem.at(now + modem.faults.enumerates_after, partial(_boot_as, modem, shows))


def _boot_as(modem: "SimModem", shows: Shows, now: float) -> None:
    _appear(modem, shows, now)
    if shows is Shows.CD_ROM:
        return
    modem.counters["boots"] += 1
    modem.note(now, "started")
    modem.booted_at = now
    radio.start_search(modem, now + modem.sim.sim_busy)
    for flood in modem.profile.floods:
        modem.at(now + flood.first, partial(_flood, modem, flood))


def _appear(modem: "SimModem", shows: Shows, now: float) -> None:
    modem.note(now, f"on the bus as {shows}")
    modem.shows = shows
    modem.put(Appear(shows=shows))


def _flood(modem: "SimModem", flood: Flood, now: float) -> None:
    if modem.flooding:
        if not flood.registered_only or radio.registered(modem, now):
            modem.announce(flood.text.format(**modem.facts(now)))
        modem.at(now + flood.every, partial(_flood, modem, flood))
