"""Everything the core can ask for, in the imperative.

*Intents* are state: the whole wish, applied again whenever the world drifts.  *Deeds* are done once,
have a deadline, and are answered by exactly one event that carries their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from failberry.at.commands import Command
from failberry.core.facts import Address, ModemHardware, PortRole, Stray, UsageRecord
from failberry.core.filter import FilterIntent
from failberry.core.intent import RouteIntent
from failberry.core.names import NamesIntent
from failberry.core.pin import PinRecord
from failberry.core.probing import ProbePlan
from failberry.core.snapshot import UplinkName
from failberry.core.steps import Step

# --- intents -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRoutes:
    """Make the kernel's routes and rules of ours exactly these."""

    intent: RouteIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFilter:
    """Make the packet filter of ours exactly this."""

    intent: FilterIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyProbes:
    """Ask over these lines by these plans, and over no other; what comes of it is told by events."""

    plans: tuple[ProbePlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResolvers:
    """Have names resolved by these servers: those of the line that carries the house."""

    servers: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyStandby:
    """Tell the main router whether the mobile line is proven (health address, VRRP)."""

    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyNames:
    """Have the lines' addresses in DNS, at their names; what comes of it is told by ``NamesChanged``."""

    intent: NamesIntent | None
    """``None``: the configuration names none any more."""


# --- deeds ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LocateModem:
    """Look on the USB bus for the modem and choose its ports."""

    deed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPorts:
    """Open the AT ports, closing what was open; from then on both are always drained."""

    deed: int = 0
    hardware: ModemHardware
    dial: bool = True
    """False: only the status port, because a session owns the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCommand:
    """Send one AT command and wait for its final result, at most ``command.timeout`` seconds."""

    deed: int = 0
    port: PortRole
    command: Command[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseDtr:
    """Lower DTR for so many seconds: with &D2, hang up (ITU-T V.250 clause 6.2.9)."""

    deed: int = 0
    port: PortRole
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SendBytes:
    """Send raw bytes with silence around them: ``+++`` (V.250 guard time), or one HDLC frame."""

    deed: int = 0
    port: PortRole
    payload: bytes
    silence: float
    """Seconds of silence before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePinRecord:
    """Write what is known of a PIN to the disk and sync it, before anything else happens."""

    deed: int = 0
    record: PinRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSession:
    """Start one pppd on the dial port, which is in data mode and stays open until pppd holds it."""

    deed: int = 0
    hardware: ModemHardware


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDialPort:
    """Close our end of the dial port, now that pppd holds it: an open end would keep a dead tty's number."""

    deed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSession:
    """TERM, then KILL after a deadline; reap; remove our own stale lock."""

    deed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLease:
    """Rename the router stick's interface to ours, and start one DHCP client on it."""

    deed: int = 0
    hardware: ModemHardware


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePorts:
    """Close both AT ports: an open one would keep a dead device's number, and block what follows."""

    deed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStep:
    """Write a step of recovery to the disk and sync it, before it is taken: budgets outlive a reboot."""

    deed: int = 0
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetUsb:
    """De-authorize the USB device and authorize it again: it is configured anew, its power stays on.

    (Documentation/usb/authorization.rst; USBDEVFS_RESET where that does not help.)
    """

    deed: int = 0
    usb_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclePower:
    """Cut the device's power, see it vanish, wait, give power again; see :mod:`failberry.core.power`."""

    deed: int = 0
    usb_path: str
    off_time: float
    """Seconds without power."""
    force: bool
    """Whatever else goes dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchMode:
    """Have ``usb_modeswitch`` turn the CD-ROM into the modem that it is."""

    deed: int = 0
    stray: Stray


@dataclass(frozen=True, slots=True, kw_only=True)
class RebindController:
    """Take the USB host controller of this path from its driver and give it back, if that harms nobody."""

    deed: int = 0
    usb_path: str
    force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """Reboot this machine in an orderly way."""

    deed: int = 0
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCounters:
    """Read the bytes that an interface has carried."""

    deed: int = 0
    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLine:
    """Ask over this interface alone: an ICMP echo to each target, a DNS query to each name server."""

    deed: int = 0
    interface: str
    targets: tuple[Address, ...]
    servers: tuple[Address, ...]
    """Name servers of the line itself: they tell whether at least its carrier is reached."""
    timeout: float
    """Seconds for all of them, which are asked at once."""


class Flows(StrEnum):
    """Which connections."""

    UNANSWERED = "unanswered"
    """Those that have not been answered yet: nothing is lost with them, and their next try begins anew."""
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFlows:
    """Have the kernel forget the connections that a line carries, so that they begin anew over another."""

    deed: int = 0
    line: UplinkName
    flows: Flows


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighFlows:
    """Count what has come back on the open connections that a line carries."""

    deed: int = 0
    line: UplinkName


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePath:
    """Find out who answers on the way to a target (time exceeded, RFC 792), up to so many hops."""

    deed: int = 0
    line: UplinkName
    interface: str
    target: Address
    hops: int = 6
    timeout: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvePinning:
    """Ask the kernel whether what is meant for this line leaves by it, and whether answers may come in."""

    deed: int = 0
    line: UplinkName
    interface: str
    target: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUsage:
    """Write the data used to the disk."""

    deed: int = 0
    record: UsageRecord


# --- words ---------------------------------------------------------------------------------------


class Severity(StrEnum):
    """How much a person should care."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One transition, for the journal: what, why, and what comes next."""

    subject: str
    """``modem``, ``recovery``, ``power``, ``failover``, ``routes``, ``names``, ``configuration``…"""
    what: str
    why: str
    next: str = ""
    severity: Severity = Severity.INFO


Deed = (
    LocateModem
    | OpenPorts
    | SendCommand
    | PulseDtr
    | SendBytes
    | StorePinRecord
    | StartSession
    | ReleaseDialPort
    | StopSession
    | StartLease
    | ClosePorts
    | StoreStep
    | ResetUsb
    | CyclePower
    | SwitchMode
    | RebindController
    | Reboot
    | ReadCounters
    | ProbeLine
    | DropFlows
    | WeighFlows
    | TracePath
    | ProvePinning
    | StoreUsage
)

Wish = ApplyRoutes | ApplyFilter
"""Intents that are answered: the kernel is read back."""
Standing = ApplyProbes | ApplyResolvers | ApplyStandby | ApplyNames
"""Intents that are taken note of, and kept by their adapter until the next."""

Action = Wish | Standing | Deed | Report
