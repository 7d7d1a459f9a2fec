"""What was seen of the house at one moment, as values.  Pure.

``None`` means that it could not be looked at, or that there is no such thing on this machine; a check
says nothing of what it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from failberry.config import Config
from failberry.core.snapshot import Snapshot, UplinkName
from failberry.doctor.ruleset import BaseChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the daemon said of itself."""

    status: Snapshot | None = None
    problem: str = ""
    """Why it said nothing; empty: it did."""
    stopped: bool = False
    """Whether there is simply no daemon."""
    no_power_switch: str = ""
    """Why the modem's power cannot be cut; empty: it can, or this is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSensors:
    """What board and hubs measure."""

    model: str = ""
    """What the board calls itself; empty: it does not."""
    under_voltage: bool = False
    under_voltage_before: bool = False
    """Since boot."""
    over_current: tuple[tuple[str, int], ...] = ()
    """Hub ports that drew too much, and how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stick:
    """One USB device that is a modem, a stick with a network interface, or about to become one."""

    path: str
    ids: str
    """Vendor and product: 19d2:0117."""
    product: str
    ttys: tuple[str, ...] = ()
    interface: str = ""
    """Its network interface."""
    storage_only: bool = False
    """Whether it shows itself as a CD-ROM and nothing else."""
    kept_from_modemmanager: bool | None = None
    """Whether udev tells ModemManager to keep off."""
    driverless: bool = False
    """A known maker's modem for whose ports no driver is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program that runs here."""

    pid: int
    name: str
    command: str = ""
    ttys: tuple[str, ...] = ()
    """Serial ports that it holds open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One APN that the operators of a network are known to use (mobile-broadband-provider-info)."""

    name: str
    apn: str
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimFacts:
    """What modem and SIM say, and what the Pi remembers of them."""

    home: str = ""
    """MCC and MNC of the network that issued it; empty: not known."""
    modem_apn: str | None = None
    """The APN that is stored in the modem; empty: none."""
    providers: tuple[Provider, ...] | None = None
    """For ``home``; ``None``: the list is not installed."""
    refused_pins: int = 0
    """PINs that were refused, or whose answer was lost: they are not tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time of day."""

    now: float
    """Seconds since the epoch, by this machine."""
    synchronised: bool | None = None
    service: bool | None = None
    """Whether anything would set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """One file system that the daemon writes to."""

    path: str
    size: int
    free: int
    """Bytes"""
    inodes_free: float = 100.0
    """Percent"""
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit of systemd's."""

    name: str
    load: str = "loaded"
    active: str = "active"
    sub: str = "running"
    enabled: str = "enabled"
    result: str = "success"
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One network interface."""

    name: str
    up: bool = True
    addresses: tuple[str, ...] = ()
    """With prefix lengths."""
    rp_filter: int | None = None
    """The kernel's value in force: the larger of its own and of ``all``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MainRoute:
    """One default route of the main table."""

    family: int
    interface: str
    gateway: str = ""
    protocol: str = ""
    metric: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTest:
    """One name, asked of the name servers of one place."""

    line: UplinkName | None
    """``None``: this Pi, by whatever line."""
    servers: tuple[str, ...]
    answered: bool
    problems: tuple[str, ...] = ()
    """What each server said instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpServer:
    """One DHCP server that offered an address."""

    interface: str
    address: str
    gateway: str = ""
    own: bool = False
    """Whether it is this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who holds the port of the health server."""

    port: int
    program: str
    """Empty: not known."""
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """The hardware that resets a machine that has hung."""

    device: bool
    fed: bool | None = None
    """Whether systemd feeds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """The kernel's modules."""

    release: str
    folder: bool = True
    """Whether there are any for the kernel that runs."""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The kernel's table of connections."""

    count: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One finding of the AWS side."""

    bad: bool
    unknown: bool
    what: str
    words: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsFacts:
    """What the AWS side needs of this machine, and what was said over there."""

    key: str = ""
    """What is wrong with the secret of ``failberry-dns`` or of the function; empty: nothing."""
    boto: bool = True
    """Whether python3-boto3 is installed."""
    findings: tuple[Remote, ...] = ()
    """Without those that are good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything."""

    root: bool = True
    """Whether whoever looked may see all of it."""
    config_path: str = "/etc/failberry/failberry.toml"
    config: Config | None
    config_problems: tuple[str, ...] = ()
    """Each with its line and cure; empty: it can be used."""
    config_warnings: tuple[str, ...] = ()
    told: Told
    installed: str
    """Version of the program that looked."""
    packaged: str | None = None
    """What dpkg says is installed; ``None``: not known."""
    uptime: float
    kernel_log: tuple[str, ...] = ()
    sensors: PowerSensors = PowerSensors()
    sticks: tuple[Stick, ...] | None = ()
    programs: tuple[Program, ...] = ()
    """Of those that are known to dial, hold a serial port, or manage networks."""
    profiles: tuple[str, ...] = ()
    """Mobile connections that NetworkManager would dial, by their file."""
    sim: SimFacts = SimFacts()
    interfaces: tuple[Interface, ...] = ()
    main_routes: tuple[MainRoute, ...] = ()
    forwarding: bool | None = True
    forwarding6: bool | None = True
    filters: tuple[BaseChain, ...] = ()
    """Of other programs."""
    names: tuple[NameTest, ...] = ()
    dhcp: tuple[DhcpServer, ...] = ()
    disks: tuple[Disk, ...] = ()
    watchdog: Watchdog | None = None
    modules: Modules | None = None
    units: tuple[Unit, ...] = ()
    """Empty: there is no systemd."""
    listener: Listener | None = None
    connections: Connections | None = None
    clock: Clock
    aws: AwsFacts | None = None
    """``None``: no house is named, or AWS was not to be asked."""
    oddities: tuple[str, ...] = field(default=())
    """What could not be looked at, and why."""
