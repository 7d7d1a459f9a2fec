"""The whole USB tree as values: hubs and their ports, devices, and what each device carries.

Paths are the kernel's: ``1-1.3`` is bus 1, root port 1, hub port 3; a root hub is ``usb1``
(Documentation/ABI/stable/sysfs-bus-usb).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from failberry.at.quirks import quirk_for
from failberry.core.power import HubPort

_PATH = re.compile(r"(?P<bus>[1-9][0-9]*)-(?P<chain>[1-9][0-9]*(\.[1-9][0-9]*)*)")
_ROOT = re.compile(r"usb(?P<bus>[1-9][0-9]*)")
HUB_CLASS = 9
SUPERSPEED = 0x0300
"""bcdUSB from which a hub has USB 3 ports (USB 3.2 section 10.15.1)."""


class Switching(StrEnum):
    """What a hub says of switching the power of its ports (USB 2.0 table 11-13, bits 1..0)."""

    PER_PORT = "per-port"
    GANGED = "ganged"
    """All ports at once."""
    NONE = "none"
    UNKNOWN = "unknown"
    """Nobody asked it, or it did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One downstream port as sysfs shows it."""

    number: int
    peer: tuple[str, int] | None = None
    """Hub and port of the other half of the same socket, as far as the kernel knows."""
    connect_type: str = ""
    """``hotplug``, ``hardwired``, ``not used`` or ``unknown``."""
    can_disable: bool = False
    """Has the attribute ``disable`` (Linux 6.0); it is there on hubs that switch nothing, too."""
    exposes_power: bool = False
    """Has ``power/pm_qos_no_power_off``: the kernel read from the hub that it switches power somehow."""
    over_current_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbInterface:
    """One interface of the active configuration."""

    number: int
    usb_class: int
    driver: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetInterface:
    """A network interface that a USB device provides."""

    name: str
    ethernet: bool
    """An Ethernet interface that is neither WLAN nor, by its driver's word, a modem."""
    above: tuple[str, ...] = ()
    """Bridges, bonds and VLANs made of it, at any depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burdens:
    """What the machine does with a device right now."""

    mounts: tuple[str, ...] = ()
    """Mount points of its disks, directly or by LVM, RAID, encryption; ``/`` first."""
    discs: tuple[str, ...] = ()
    """Mount points of its CD-ROMs: what many a stick pretends to be."""
    swap: tuple[str, ...] = ()
    """Block devices swapped to."""
    interfaces: tuple[NetInterface, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The device that carries one bus, or the USB 2 and USB 3 buses of one xHCI."""

    name: str
    """``0000:01:00.0``, ``3f980000.usb``: the name by which its driver is unbound and bound."""
    subsystem: str = ""
    """``pci``, ``platform``…"""
    driver: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDevice:
    """One USB device; a hub if it has ports."""

    path: str
    vendor_id: int
    product_id: int
    product: str
    """Manufacturer and product strings, for people."""
    usb_class: int = 0
    bcd_usb: int = 0x0200
    speed: float = 480.0
    """Mbit/s"""
    self_powered: bool = False
    """By its own word (bmAttributes, bit 6): it does not live on its port's power."""
    configuration: int = 1
    interfaces: tuple[UsbInterface, ...] = ()
    ports: tuple[Port, ...] = ()
    characteristics: int | None = None
    """wHubCharacteristics, if somebody asked the hub."""
    power_good: float | None = None
    """Seconds from power on to power good at a port (bPwrOn2PwrGood), likewise."""
    container: str = ""
    """Container ID in hexadecimal: the same on both halves of a USB 3 hub (USB 3.2 section 9.6.2.3)."""
    controller: Controller | None = None
    burdens: Burdens = Burdens()

    @property
    def superspeed(self) -> bool:
        """Whether it is the USB 3 half of a hub."""
        return self.bcd_usb >= SUPERSPEED

    @property
    def compound(self) -> bool | None:
        """Whether the hub is built into a device together with what hangs on it; None: unknown."""
        return None if self.characteristics is None else bool(self.characteristics & 0b100)

    @property
    def switching(self) -> Switching:
        """What it says of power switching; one port alone is switched per port, however that is called."""
        if self.characteristics is None:
            sure = len(self.ports) == 1 and self.ports[0].exposes_power
            return Switching.PER_PORT if sure else Switching.UNKNOWN
        match self.characteristics & 0b11:
            case 0b00:
                return Switching.PER_PORT if len(self.ports) == 1 else Switching.GANGED
            case 0b01:
                return Switching.PER_PORT
            case _:
                return Switching.NONE

    def __str__(self) -> str:
        return f"{self.product} at USB {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbTree:
    """All of it, at one moment."""

    model: str = ""
    """The computer's name for itself, for example ``Raspberry Pi 3 Model B Rev 1.2``."""
    devices: tuple[TreeDevice, ...] = ()

    def device(self, path: str) -> TreeDevice | None:
        """The device of that path, if it is there."""
        return next((each for each in self.devices if each.path == path), None)

    def port(self, hub: str, number: int) -> HubPort | None:
        """A port, if it exists."""
        found = self.device(hub)
        if found is None or all(each.number != number for each in found.ports):
            return None
        return HubPort(hub=hub, port=number, superspeed=found.superspeed)

    def below(self, port: HubPort) -> Iterator[TreeDevice]:
        """Every device on a port, at any depth."""
        nearest = child_of(port.hub, port.port)
        for each in self.devices:
            if each.path == nearest or each.path.startswith(f"{nearest}."):
                yield each


def is_path(path: str) -> bool:
    """Whether this can be the path of a device that is plugged in somewhere."""
    return _PATH.fullmatch(path) is not None


def bus_of(path: str) -> int:
    """Number of the bus of a device or root hub."""
    found = _PATH.fullmatch(path) or _ROOT.fullmatch(path)
    if found is None:
        raise ValueError(f"{path!r} is no USB path")
    return int(found["bus"])


def chain_of(path: str) -> tuple[int, ...]:
    """The ports on the way from the root hub: ``1-1.3`` is (1, 3), ``usb1`` is ()."""
    found = _PATH.fullmatch(path)
    return tuple(map(int, found["chain"].split("."))) if found else ()


def path_of(bus: int, chain: tuple[int, ...]) -> str:
    """The reverse of :func:`bus_of` and :func:`chain_of`."""
    return f"{bus}-{'.'.join(map(str, chain))}" if chain else f"usb{bus}"


def child_of(hub: str, port: int) -> str:
    """Path of what is plugged into a port."""
    return path_of(bus_of(hub), (*chain_of(hub), port))


def way_up(path: str) -> Iterator[tuple[str, int]]:
    """Hub and port of each port between a device and its bus, the nearest first."""
    bus, chain = bus_of(path), chain_of(path)
    for depth in range(len(chain) - 1, -1, -1):
        yield path_of(bus, chain[:depth]), chain[depth]


_ETHERNET_CHIPS = {(0x0424, 0x9512), (0x0424, 0x9514), (0x0424, 0xEC00), (0x0424, 0x7800)}
"""LAN9512 and LAN9514 (hub and Ethernet in one), LAN7800 and LAN7515: the Ethernet of Raspberry Pis."""
_ETHERNET_DRIVERS = {"smsc95xx", "lan78xx"}
_STICK_DRIVERS = {"rndis_host", "qmi_wwan", "cdc_mbim", "huawei_cdc_ncm", "sierra_net", "hso", "option"}


def is_ethernet_chip(device: TreeDevice) -> bool:
    """Whether it is one of the chips that are soldered to boards, whatever its driver does now."""
    drivers = {each.driver for each in device.interfaces}
    return (device.vendor_id, device.product_id) in _ETHERNET_CHIPS or bool(drivers & _ETHERNET_DRIVERS)


def is_stick(device: TreeDevice) -> bool:
    """Whether a network interface of this device belongs to a modem or a telephone rather than to a cable."""
    known = quirk_for(device.vendor_id, device.product_id).name != "generic"
    return known or any(each.driver in _STICK_DRIVERS for each in device.interfaces)
