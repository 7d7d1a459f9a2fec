"""Power, USB, programs, disks, units, clock: the machine itself, as its small files tell."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from failberry.adapters import usbbus
from failberry.adapters.inspection.programs import output
from failberry.adapters.modeswitch import known_cd_roms
from failberry.adapters.supply import SupplyWatch
from failberry.adapters.sysfs import number, octets, text
from failberry.at.quirks import GENERIC, quirk_for
from failberry.config import Config
from failberry.core.ports import DIALLED_DRIVER, ETHERNET_CHIPS, STICK_DRIVERS, UsbDevice
from failberry.core.snapshot import Snapshot
from failberry.doctor.evidence import (
    Clock,
    Disk,
    Modules,
    PowerSensors,
    Program,
    Stick,
    Unit,
    Watchdog,
)
from failberry.doctor.hardware import DIALLERS

MOST_LINES = 4000
"""Of the kernel's log."""
UNITS = (
    "failberry.service",
    "failberry-health.socket",
    "failberry-dns.socket",
    "failberry-health.service",
    "failberry-notify.service",
)
_PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts"
_FOLLOWED = frozenset({"ModemManager", "pppd", "NetworkManager"})
_TIME_SERVICES = ("systemd-timesyncd", "chrony", "ntpsec", "ntp", "openntpd")


def uptime(root: Path) -> float:
    """Seconds since the machine started."""
    try:
        return float(text(root / "proc/uptime").split()[0])
    except (IndexError, ValueError):
        return time.monotonic()


def kernel_log() -> tuple[str, ...]:
    """The end of it; empty for whoever may not read it."""
    told = output("dmesg") or ""
    return tuple(told.splitlines()[-MOST_LINES:])


def packaged() -> str | None:
    """Version of the installed package."""
    told = output("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "failberry")
    state, _, version = (told or "").partition(" ")
    return version if state == "installed" else None


def sensors(root: Path) -> PowerSensors:
    """What the board measures."""
    supply = SupplyWatch(lambda _: None, root / "sys").look()
    counts = {
        str(path.parent): number(path) or 0
        for path in (root / "sys/bus/usb/devices").glob("*/*-port*/over_current_count")
    }
    return PowerSensors(
        model=text(root / "proc/device-tree/model") or text(root / "sys/firmware/devicetree/base/model"),
        under_voltage=supply.under_voltage,
        under_voltage_before=supply.under_voltage_before,
        over_current=tuple((port, count) for port, count in sorted(counts.items()) if count),
    )


# --- USB -------------------------------------------------------------------------------------------


def sticks(root: Path, status: Snapshot | None) -> tuple[Stick, ...] | None:
    """Whatever is a modem, or may become one; ``None``: there is no USB here."""
    devices = root / "sys/bus/usb/devices"
    if not devices.is_dir():
        return None
    ours, cd_roms = status.modem.usb_path if status is not None else None, known_cd_roms()
    found = []
    for each in usbbus.scan(devices):
        known = quirk_for(each.vendor_id, each.product_id) is not GENERIC
        network = next((net.name for net in each.networks if _is_sticks(each, net.driver)), "")
        cd_rom = each.storage_only and (known or (each.vendor_id, each.product_id) in cd_roms)
        if each.path != ours and not (network or cd_rom or (known and not each.storage_only)):
            continue
        found.append(
            Stick(
                path=each.path,
                ids=f"{each.vendor_id:04x}:{each.product_id:04x}",
                product=each.product,
                ttys=tuple(port.tty for port in each.ports),
                interface=network,
                storage_only=cd_rom,
                kept_from_modemmanager=_kept(root, devices / each.path),
                driverless=known and not (each.ports or each.networks or each.storage_only),
            )
        )
    return tuple(found)


def _is_sticks(device: UsbDevice, driver: str) -> bool:
    return driver in STICK_DRIVERS | {DIALLED_DRIVER} and device.vendor_id not in ETHERNET_CHIPS


def _kept(root: Path, device: Path) -> bool | None:
    properties = text(root / "run/udev/data" / f"c{text(device / 'dev')}")
    return "E:ID_MM_DEVICE_IGNORE=1" in properties if properties else None


# --- programs --------------------------------------------------------------------------------------


def programs(root: Path) -> tuple[Program, ...]:
    """Those that are known to dial, and those that hold a serial port; of our own network namespace."""
    mine = _link(root / "proc/self/ns/net")
    found = []
    for folder in _processes(root):
        name = text(folder / "comm")
        if mine and _link(folder / "ns/net") != mine:
            continue
        ttys = tuple(sorted(_ttys(folder)))
        command = octets(folder / "cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()
        if name in _FOLLOWED or ttys or any(each in (name, *_words(command)) for each in DIALLERS):
            found.append(Program(pid=int(folder.name), name=name, command=command, ttys=ttys))
    return tuple(found)


def _words(command: str) -> list[str]:
    """The program's own name, and that of the script that it runs."""
    return [each.rpartition("/")[2] for each in command.split()[:2]]


def _processes(root: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (each for each in (root / "proc").iterdir() if each.name.isdigit())


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _ttys(folder: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for each in (folder / "fd").iterdir():
            if (held := _link(each)).startswith(("/dev/ttyUSB", "/dev/ttyACM")):
                found.add(held)
    return found


def profiles(root: Path) -> tuple[str, ...]:
    """Mobile connections that NetworkManager knows."""
    found = []
    for folder in ("etc/NetworkManager/system-connections", "run/NetworkManager/system-connections"):
        for file in sorted((root / folder).glob("*")):
            kinds = [line.strip().replace(" ", "") for line in text(file).splitlines()]
            if "type=gsm" in kinds and "autoconnect=false" not in kinds:
                found.append(f"/{file.relative_to(root)}")
    return tuple(found)


# --- disks, watchdog, modules ----------------------------------------------------------------------


def disks(*places: Path) -> tuple[Disk, ...]:
    """The file systems of these places."""
    found = []
    for each in places:
        with contextlib.suppress(OSError):
            told = os.statvfs(each)
            found.append(
                Disk(
                    path=str(each),
                    size=told.f_blocks * told.f_frsize,
                    free=told.f_bavail * told.f_frsize,
                    inodes_free=100 * told.f_favail / told.f_files if told.f_files else 100.0,
                    read_only=bool(told.f_flag & os.ST_RDONLY),
                )
            )
    return tuple(found)


def watchdog(root: Path) -> Watchdog | None:
    """``None``: systemd does not run this machine."""
    if not is_systemds():
        return None
    told = (output("systemctl", "show", "--property=RuntimeWatchdogUSec", "--value") or "").strip()
    fed = told not in ("0", "off", "infinity") if told else None
    return Watchdog(device=(root / "dev/watchdog0").exists(), fed=fed)


def modules(root: Path, config: Config | None, status: Snapshot | None) -> Modules | None:
    """Whether those are there that are needed; ``None``: this kernel has none."""
    if config is None or not (root / "proc/modules").exists():
        return None
    release = platform.release()
    folder = any((root / each / release).is_dir() for each in ("lib/modules", "usr/lib/modules"))
    dials = status is not None and status.modem.dial_tty is not None
    wanted = ["nf_conntrack", *(("ppp_async", "option") if dials else ())]
    missing = [each for each in wanted if folder and output("modprobe", "-n", "-q", each) is None]
    return Modules(release=release, folder=folder, missing=tuple(missing))


# --- systemd ---------------------------------------------------------------------------------------


def is_systemds() -> bool:
    """Whether systemd runs this machine (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def units() -> tuple[Unit, ...]:
    """Ours; empty: there is no systemd."""
    if not is_systemds():
        return ()
    return parse_units(output("systemctl", "show", f"--property={_PROPERTIES}", *UNITS) or "")


def parse_units(told: str) -> tuple[Unit, ...]:
    """Read ``systemctl show``: a block of NAME=VALUE for each unit."""
    found = []
    for block in told.split("\n\n"):
        facts = dict(line.partition("=")[::2] for line in block.splitlines())
        if name := facts.get("Id"):
            restarts = facts.get("NRestarts", "")
            found.append(
                Unit(
                    name=name,
                    load=facts.get("LoadState", ""),
                    active=facts.get("ActiveState", ""),
                    sub=facts.get("SubState", ""),
                    enabled=facts.get("UnitFileState", ""),
                    result=facts.get("Result", ""),
                    restarts=int(restarts) if restarts.isdigit() else 0,
                )
            )
    return tuple(found)


def clock() -> Clock:
    """The time of day, and whether anybody sets it."""
    if not is_systemds():
        return Clock(now=time.time())
    told = dict(line.partition("=")[::2] for line in (output("timedatectl", "show") or "").splitlines())
    synchronised = {"yes": True, "no": False}.get(told.get("NTPSynchronized", ""))
    service = {"yes": True, "no": False}.get(told.get("NTP", ""))
    if service is False:
        # timedatectl knows those only that have said so to it.
        active = ("systemctl", "is-active", "--quiet")
        service = any(output(*active, each) is not None for each in _TIME_SERVICES)
    return Clock(now=time.time(), synchronised=synchronised, service=service)
