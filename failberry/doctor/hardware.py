"""Power supply, modem, and who else wants it.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from failberry.config import MOBILE_INTERFACE, CellularType
from failberry.core.causes import Fault
from failberry.doctor.evidence import Evidence, Program
from failberry.doctor.finding import Finding, Severity

_LOW = re.compile(r"under-?voltage detected", re.IGNORECASE)
_DRAWN = re.compile(r"over-current (condition|change)", re.IGNORECASE)
UNSTEADY = 3
"""Times that the modem may leave the bus within an hour before it is said."""
SAID = 3
"""Lines of a log that are quoted."""
DIALLERS = ("wvdial", "sakis3g", "umtskeeper", "comgt", "gcom", "qmi-network", "mbim-network", "gammu-smsd")
_OURS = frozenset({"failberryd", "pppd", "python3"})
"""Who holds the modem's ports when all is well; pppd is ours unless there are two."""


def power(seen: Evidence) -> Iterator[Finding]:
    """The power supply."""
    supply = seen.told.status.supply if seen.told.status is not None else None
    low = tuple(line for line in seen.kernel_log if _LOW.search(line))
    now = seen.sensors.under_voltage or (supply is not None and supply.under_voltage)
    before = seen.sensors.under_voltage_before or (supply is not None and supply.under_voltage_before)
    where = seen.sensors.model or "this machine"
    cure = (
        "use the board's own power supply (5.1 V, 3 A or more) with a short, thick cable, and put the "
        "stick on "
        "a USB hub that has a supply of its own"
    )
    if now or before or low:
        when = "is too low now" if now else "was too low since it started"
        yield Finding(
            code="power-supply",
            severity=Severity.BAD if now else Severity.ATTENTION,
            where=where,
            what=f"the supply voltage {when}: sticks fall off the bus long before the board fails",
            evidence=(
                *(("the firmware reports under-voltage",) if now or before else ()),
                *_last(low),
            ),
            cure=cure,
        )
    drawn = sum(count for _, count in seen.sensors.over_current)
    if drawn:
        ports = tuple(
            f"{port.rpartition('/')[2] or port}: {count}" for port, count in seen.sensors.over_current
        )
        lines = _last(tuple(line for line in seen.kernel_log if _DRAWN.search(line)))
        yield Finding(
            code="over-current",
            severity=Severity.ATTENTION,
            where="USB",
            what="a USB port was switched off because its device drew too much current",
            evidence=(*ports, *lines),
            cure="put the stick on a USB hub that has a supply of its own",
        )
    if supply is not None and supply.disconnects >= UNSTEADY and not (now or before or low or drawn):
        yield Finding(
            code="unsteady-modem",
            severity=Severity.ATTENTION,
            where="modem",
            what=f"the modem left the USB bus {supply.disconnects} times within an hour, by itself",
            cure="try another cable or socket, then a USB hub that has a supply of its own",
        )


def modem(seen: Evidence) -> Iterator[Finding]:
    """The modem's place, mode and driver."""
    status, sticks = seen.told.status, seen.sticks
    if sticks is None:
        return
    known = status.modem.usb_path if status is not None else None
    fault = status.modem.fault if status is not None else None
    named = seen.config.modem.usb_path if seen.config is not None else ""
    for stick in sticks:
        if stick.storage_only and (fault is Fault.NOT_SWITCHED or known is None):
            yield Finding(
                code="modem-is-a-cdrom",
                severity=Severity.BAD,
                where=f"USB {stick.path}",
                what=f"{stick.product} shows itself as a CD-ROM, not as a modem",
                evidence=(f"{stick.ids} has mass storage only",),
                cure="see that usb-modeswitch is installed: `sudo apt install usb-modeswitch`; then "
                "`sudo failberryctl modem power-cycle`, or for good `sudo failberryctl modem disable-cdrom`",
            )
        if stick.driverless:
            yield Finding(
                code="modem-without-driver",
                severity=Severity.BAD,
                where=f"USB {stick.path}",
                what=f"{stick.product} is on the bus, and no driver took its ports",
                evidence=(f"{stick.ids} has no ttyUSB and no network interface",),
                cure="`sudo modprobe option`; if that says that there is none, `sudo apt full-upgrade` "
                "and restart",
            )
    usable = [each for each in sticks if each.ttys or each.interface]
    if known is None and not usable and not any(each.storage_only or each.driverless for each in sticks):
        place = f" at {named}, where modem.usb_path says that it is" if named else ""
        yield Finding(
            code="modem-absent",
            severity=Severity.BAD,
            where="USB",
            what=f"there is no modem on the USB bus{place}",
            evidence=(status.modem.reason,) if status is not None and status.modem.reason else (),
            cure="plug it in, and look at `failberryctl usb`"
            + ("; correct modem.usb_path if it is plugged in elsewhere" if named else ""),
        )
    elif known is None and named and usable and named not in {each.path for each in usable}:
        yield Finding(
            code="modem-elsewhere",
            severity=Severity.BAD,
            where=f"USB {named}",
            what="modem.usb_path names a place where there is no modem",
            evidence=tuple(f"{each.product} is at {each.path}" for each in usable),
            cure=f'write usb_path = "{usable[0].path}" under [modem], then `sudo failberryctl reload`',
        )
    if fault in (Fault.HUNG, Fault.CRASHED, Fault.STUCK_IN_DATA_MODE) and status is not None:
        yield Finding(
            code="modem-unreachable",
            severity=Severity.BAD,
            where="modem",
            what=f"the modem does not do its work ({fault}): {status.modem.reason}",
            evidence=(status.recovery.held_back,) if status.recovery.held_back else (),
            cure="it is being handled; by hand: `sudo failberryctl modem power-cycle`",
        )


def rivals(seen: Evidence) -> Iterator[Finding]:
    """Other programs that talk to the modem or dial with it."""
    ports = {tty for stick in seen.sticks or () for tty in stick.ttys}
    if any(each.name == "ModemManager" for each in seen.programs):
        for stick in seen.sticks or ():
            if stick.ttys and stick.kept_from_modemmanager is False:
                yield Finding(
                    code="modemmanager",
                    severity=Severity.BAD,
                    where=f"USB {stick.path}",
                    what=f"ModemManager runs, and nothing tells it to keep off {stick.product}",
                    evidence=(f"{stick.ids} lacks ID_MM_DEVICE_IGNORE in udev",),
                    cure="`sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=usb`, "
                    "then "
                    "plug it in again; or `sudo systemctl disable --now ModemManager`",
                )
    for each in seen.programs:
        if each.name in DIALLERS or any(name in each.command for name in DIALLERS):
            yield Finding(
                code="other-dialler",
                severity=Severity.BAD,
                where=each.name,
                what=f"{each.name} dials with the modem, too",
                evidence=(f"process {each.pid}", *each.ttys),
                cure=f"stop it (`sudo kill {each.pid}`), and take it out of whatever starts it",
            )
        elif (held := sorted(ports & set(each.ttys))) and not _is_ours(each):
            yield _holder(each, held)
    dialled = [each for each in seen.programs if each.name == "pppd" and ports & set(each.ttys)]
    if len(dialled) > 1:
        yield Finding(
            code="other-dialler",
            severity=Severity.BAD,
            where="pppd",
            what=f"{len(dialled)} pppd are on the modem's ports, and one of them is enough",
            evidence=tuple(f"process {each.pid}: {' '.join(each.ttys)}" for each in dialled),
            cure="look who started the other: `systemctl list-units '*ppp*'`, /etc/ppp/peers, "
            "/etc/network/interfaces",
        )
    if seen.profiles:
        yield Finding(
            code="networkmanager-dials",
            severity=Severity.ATTENTION,
            where="NetworkManager",
            what="NetworkManager has a mobile connection of its own, which it may dial",
            evidence=seen.profiles,
            cure="`nmcli connection show` names it; `sudo nmcli connection delete NAME`",
        )


def _is_ours(program: Program) -> bool:
    return program.name in _OURS or program.name.startswith("failberry")


def _holder(program: Program, held: list[str]) -> Finding:
    return Finding(
        code="modem-port-taken",
        severity=Severity.BAD,
        where=", ".join(held),
        what=f"{program.name} has the modem's port open: two readers get half of each answer",
        evidence=(f"process {program.pid}",),
        cure=f"end it: `sudo kill {program.pid}`",
    )


def switching(seen: Evidence) -> Iterator[Finding]:
    """Whether the modem's power can be cut, which is what a person would do by pulling the plug."""
    config, status = seen.config, seen.told.status
    if config is not None and not config.recovery.usb_power:
        return
    why = seen.told.no_power_switch
    if not why and status is not None:
        told = [each.text for each in status.warnings if each.code == "no-power-switch"]
        why = told[0].partition(": ")[2] or told[0] if told else ""
    if why:
        yield Finding(
            code="no-power-switch",
            severity=Severity.ATTENTION,
            where="USB",
            what="the modem's power cannot be cut, so that a modem that has hung waits for a person",
            evidence=(why,),
            cure="a hub that switches power per port, between the Pi and the stick; `failberryctl usb` shows "
            "what is there. If you know better: power.ports. To live with it: usb_power = false in "
            "[recovery]",
        )


def watchdog(seen: Evidence) -> Iterator[Finding]:
    """The hardware that resets a machine that has hung."""
    dog = seen.watchdog
    if dog is None:
        return
    if dog.device and dog.fed is False:
        yield Finding(
            code="watchdog-off",
            severity=Severity.ATTENTION,
            where="/dev/watchdog0",
            what="this machine has a watchdog, and nobody uses it: a machine that has hung stays so",
            cure="see that nothing in /etc/systemd/system.conf.d sets RuntimeWatchdogSec=0, then restart the "
            "machine; `systemctl show -p RuntimeWatchdogUSec` shows what is in force",
        )
    if not dog.device and "Raspberry" in seen.sensors.model:
        yield Finding(
            code="watchdog-absent",
            severity=Severity.ATTENTION,
            where=seen.sensors.model,
            what="the board's watchdog is not there: a machine that has hung stays so",
            cure="remove dtparam=watchdog=off from config.txt on the card's first partition, and restart",
        )


def modules(seen: Evidence) -> Iterator[Finding]:
    """The kernel's modules that the line needs."""
    found = seen.modules
    if found is None:
        return
    if not found.folder:
        yield Finding(
            code="modules-gone",
            severity=Severity.BAD,
            where=f"/lib/modules/{found.release}",
            what="the modules of the running kernel are gone, after an upgrade of the kernel: what is "
            "not loaded "
            "yet, such as PPP or the modem's driver, cannot be loaded any more",
            cure="restart the machine: `sudo reboot`",
        )
    elif found.missing:
        yield Finding(
            code="module-missing",
            severity=Severity.BAD,
            where=f"kernel {found.release}",
            what=f"this kernel has no module {', '.join(found.missing)}",
            cure="install the kernel's other modules (`apt search linux-modules-extra`), or another kernel",
        )


def foreign_routes(seen: Evidence) -> Iterator[Finding]:
    """A default route through the stick in the main table, which somebody else wrote."""
    for route in seen.main_routes:
        if route.interface in _mobile(seen):
            yield Finding(
                code="stick-default-route",
                severity=Severity.BAD,
                where=route.interface,
                what="another program put a default route through the stick into the main table: the "
                "house may "
                "use the mobile line while the wired one works",
                evidence=(
                    f"default{f' via {route.gateway}' if route.gateway else ''} dev {route.interface}"
                    f" proto {route.protocol or 'unknown'} metric {route.metric}",
                ),
                cure="have NetworkManager, dhcpcd or systemd-networkd leave the interface alone: plug "
                "the stick "
                f"in again; if it comes back, `sudo nmcli device set {route.interface} managed no`",
            )


def _mobile(seen: Evidence) -> set[str]:
    return {MOBILE_INTERFACE, *(each.interface for each in seen.sticks or () if each.interface)} - (
        {seen.config.wired.interface, seen.config.lan_interface} if seen.config is not None else set()
    )


def dials(seen: Evidence) -> bool:
    """Whether the stick is a modem, as far as is known."""
    kind = seen.config.cellular.type if seen.config is not None else CellularType.AUTO
    if kind is CellularType.AUTO and seen.told.status is not None:
        return seen.told.status.modem.dial_tty is not None
    return kind is CellularType.PPP


def _last(lines: tuple[str, ...]) -> tuple[str, ...]:
    return lines[-SAID:]
