"""Everything the core can ask for, in the imperative.

*Intents* are state: the whole wish, applied again whenever the world drifts.  *Deeds* are done once,
have a deadline, and are answered by exactly one event that carries their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from failberry.at.commands import Command
from failberry.core.facts import ModemHardware, PortRole
from failberry.core.filter import FilterIntent
from failberry.core.intent import RouteIntent
from failberry.core.pin import PinRecord

# --- intents -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRoutes:
    """Make the kernel's routes and rules of ours exactly these."""

    intent: RouteIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFilter:
    """Make the packet filter of ours exactly this."""

    intent: FilterIntent


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
    """``modem``, ``failover``, ``routes``, ``firewall``, ``configuration``."""
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
)

Action = ApplyRoutes | ApplyFilter | Deed | Report
