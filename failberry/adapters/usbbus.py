"""The USB bus as sysfs shows it, and the kernel's word when something on it changes.

Layout: Documentation/ABI/testing/sysfs-bus-usb; a serial port is a directory ``ttyUSBn`` below the
interface (usb-serial) or ``tty/ttyACMn`` (cdc-acm), a network interface is ``net/NAME`` below it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Container
from pathlib import Path

from failberry.adapters.sysfs import target
from failberry.adapters.sysfs import text as _read
from failberry.config import Config
from failberry.core.events import ModemLocated, UsbChanged
from failberry.core.facts import ModemHardware, Sighting
from failberry.core.ports import UsbDevice, UsbNetwork, UsbPort, choose

SYSFS = Path("/sys/bus/usb/devices")
UDEV_DATA = Path("/run/udev/data")
_INTERRUPT = "03"
_MASS_STORAGE = "08"
"""bInterfaceClass"""
_NETLINK_KOBJECT_UEVENT = 15
_UDEV_GROUP = 2
"""Messages after udev's rules ran: device nodes exist and ModemManager has been told to keep off."""
QUIET = 0.2
"""Seconds without a further uevent before the change is told: one plug makes a dozen of them."""


def scan(root: Path = SYSFS) -> tuple[UsbDevice, ...]:
    """Return every USB device with what it has for us; devices that vanish meanwhile are left out."""
    devices = []
    with contextlib.suppress(OSError):
        for entry in sorted(root.iterdir()):
            vendor, product = _read(entry / "idVendor"), _read(entry / "idProduct")
            if ":" in entry.name or not vendor or not product or _read(entry / "bDeviceClass") == "09":
                continue
            name = " ".join(filter(None, (_read(entry / "manufacturer"), _read(entry / "product"))))
            devices.append(
                UsbDevice(
                    path=entry.name,
                    vendor_id=int(vendor, 16),
                    product_id=int(product, 16),
                    product=name or f"{vendor}:{product}",
                    ports=tuple(_ports(root, entry.name)),
                    networks=tuple(_networks(root, entry.name)),
                    storage_only=_storage_only(root, entry.name),
                )
            )
    return tuple(devices)


def _ports(root: Path, device: str) -> list[UsbPort]:
    found = []
    with contextlib.suppress(OSError):
        for interface in sorted(root.glob(f"{device}:*")):
            number = _read(interface / "bInterfaceNumber")
            ttys = [*interface.glob("tty[A-Z]*"), *interface.glob("tty/tty*")]
            if not number or not ttys:
                continue
            endpoints = [_read(each / "bmAttributes") for each in interface.glob("ep_*")]
            found.append(
                UsbPort(
                    interface=int(number, 16),
                    tty=f"/dev/{ttys[0].name}",
                    interrupt_endpoint=_INTERRUPT in endpoints,
                    hint=_udev_hint(ttys[0].name),
                )
            )
    return found


def _networks(root: Path, device: str) -> list[UsbNetwork]:
    found = []
    with contextlib.suppress(OSError):
        for interface in sorted(root.glob(f"{device}:*")):
            number = _read(interface / "bInterfaceNumber")
            driver = target(interface / "driver")
            names = sorted(each.name for each in interface.glob("net/*"))
            found += [UsbNetwork(interface=int(number, 16), name=name, driver=driver) for name in names]
    return found


def _storage_only(root: Path, device: str) -> bool:
    with contextlib.suppress(OSError):
        classes = {_read(interface / "bInterfaceClass") for interface in root.glob(f"{device}:*")}
        return classes == {_MASS_STORAGE}
    return False


def _udev_hint(tty: str) -> str:
    properties = _read(UDEV_DATA / f"c{_read(Path('/sys/class/tty') / tty / 'dev')}")
    if "ID_MM_PORT_TYPE_AT_PPP=1" in properties:
        return "dial"
    return "status" if "ID_MM_PORT_TYPE_AT_SECONDARY=1" in properties else ""


def locate(
    deed: int, config: Config, root: Path = SYSFS, *, cd_roms: Container[tuple[int, int]] = ()
) -> ModemLocated:
    """Find the stick now; ``cd_roms``: ids of those that are CD-ROMs before they are switched."""
    taken = (config.wired.interface, config.lan_interface)
    found = choose(scan(root), config.modem, kind=config.cellular.type, taken=taken, cd_roms=cd_roms)
    if isinstance(found, ModemHardware):
        sighting = Sighting.MODEM if found.network_interface is None else Sighting.ROUTER
        return ModemLocated(deed=deed, hardware=found, sighting=sighting)
    return ModemLocated(
        deed=deed, hardware=None, problem=found.problem, sighting=found.sighting, stray=found.stray
    )


class UsbWatch:
    """Tells when something was plugged, unplugged or renamed (uevents, by netlink)."""

    def __init__(self, post: Callable[[UsbChanged], None]) -> None:
        self._post = post
        self._timer: asyncio.TimerHandle | None = None
        self._socket = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            _NETLINK_KOBJECT_UEVENT,
        )

    def start(self) -> None:
        """Begin to listen."""
        self._socket.bind((0, _UDEV_GROUP))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._socket.close()

    def _readable(self) -> None:
        try:
            message = self._socket.recv(8192)
        except BlockingIOError:
            return
        except OSError:
            message = b"SUBSYSTEM=usb\0"  # ENOBUFS: messages were lost, so assume that they concerned us
        if not any(b"SUBSYSTEM=%s\0" % each in message for each in (b"usb", b"tty", b"net")):
            return
        if b"SUBSYSTEM=net\0" in message and b"/usb" not in message:
            return  # a container's, a tunnel's: no stick
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(QUIET, self._post, UsbChanged())
