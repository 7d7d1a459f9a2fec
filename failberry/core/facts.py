"""What adapters see of the world, as values: hardware, interfaces, routes, a PPP session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from failberry.core.intent import RouteIntent

Address = IPv4Address | IPv6Address
InterfaceAddress = IPv4Interface | IPv6Interface


class PortRole(StrEnum):
    """Which of the modem's AT ports."""

    DIAL = "dial"
    """Carries PPP while a session is up."""
    STATUS = "status"
    """The second AT port: signal, operator, URCs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemHardware:
    """A stick on the USB bus: a modem and the two ports chosen from it, or a router and its interface."""

    usb_path: str
    """Kernel name of the USB device, for example ``1-1.3``: bus, then the chain of hub ports."""
    vendor_id: int
    product_id: int
    product: str
    """Manufacturer and product strings, for people."""
    dial_tty: str
    """Real device node, for example ``/dev/ttyUSB2``; valid for this one dial only; empty for a router."""
    status_tty: str | None
    dial_interface: int
    status_interface: int | None
    network_interface: str | None = None
    """Of a stick that is a router (type ``ether``): its interface as the kernel has it now; no ports then."""
    chosen_by: str
    """Why these ports: ``configuration``, ``table``, ``interrupt endpoint``, ``answered AT``…"""


class Sighting(StrEnum):
    """What there is on the USB bus where the modem belongs."""

    NOTHING = "nothing"
    MODEM = "modem"
    """With its serial ports: a modem that can be dialled."""
    ROUTER = "router"
    """With a network interface."""
    CD_ROM = "cd_rom"
    """A stick that has not been switched to its modem mode yet."""
    BARE = "bare"
    """A device with neither: its drivers are missing, or it is still starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A device in the modem's place that is no modem yet."""

    usb_path: str
    vendor_id: int
    product_id: int
    product: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """How the power supply is, as far as this machine can tell."""

    under_voltage: bool = False
    """Now (Raspberry Pi firmware, or its hwmon alarm)."""
    under_voltage_before: bool = False
    """At some time since boot."""
    over_current: int = 0
    """Over-current events that the hubs counted since boot (``over_current_count``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """What of the mobile plan was used, as it is on the disk."""

    used: int
    """Bytes in the cycle that ``day`` is in, both directions."""
    day: date | None = None
    """The last trusted day on which it was counted; ``None``: none yet."""
    interface: str = ""
    """The counters that were seen last, so that what was carried while nobody looked is counted once …"""
    index: int = 0
    received: int = 0
    sent: int = 0
    boot: str = ""
    """… which holds only within one boot (``/proc/sys/kernel/random/boot_id``)."""
    warned: int = 0
    """The highest percentage that was warned of in this cycle."""
    undated: int = 0
    """Of ``used``, what was counted while the clock could not be believed: the next cycle's, maybe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One network interface as netlink tells it."""

    index: int
    name: str
    up: bool
    """Administratively up (IFF_UP)."""
    carrier: bool
    """Link layer up (IFF_LOWER_UP)."""
    addresses: tuple[InterfaceAddress, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRoute:
    """A default route in the main table that is not ours."""

    interface: str
    gateway: Address | None
    metric: int
    family: int
    """4 or 6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """Everything the core needs to know of the kernel's network, as one observation."""

    interfaces: tuple[Interface, ...] = ()
    defaults: tuple[DefaultRoute, ...] = ()
    ours: RouteIntent = field(default_factory=RouteIntent)
    """Routes and rules in the kernel that carry our mark."""

    def interface(self, name: str) -> Interface | None:
        """The interface of that name, if it exists."""
        return next((each for each in self.interfaces if each.name == name), None)

    def default(self, interface: str, family: int) -> DefaultRoute | None:
        """The default route of lowest metric through that interface."""
        through = [each for each in self.defaults if each.interface == interface and each.family == family]
        return min(through, key=lambda each: each.metric, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One pppd (or, on a stick that is a router, one DHCP client) and what the network granted it."""

    pid: int
    tty: str
    interface: str
    local: IPv4Address | None = None
    remote: IPv4Address | None = None
    """``None`` where the stick named no peer, or pppd invented one."""
    local6: IPv6Address | None = None
    dns: tuple[Address, ...] = ()
    """Name servers that the network gave, known bogus ones removed."""
    gateway: IPv4Address | None = None
    """Of a stick that is a router: its own address; ``None`` on PPP, which needs none."""
    bogus_dns: bool = False
    """The stick handed out placeholder servers: its context was not up yet."""
