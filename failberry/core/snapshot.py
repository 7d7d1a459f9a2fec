"""The one document that everybody reads: ``failberryctl``, dashboard, hooks.

Versioned; its JSON schema is published in ``docs/schema/``.  Instants are given as ages in seconds
(``*_for``), because the core knows no wall clock.  No secret, IMEI, IMSI or full ICCID is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SNAPSHOT_VERSION = 1


class UplinkName(StrEnum):
    """The two lines."""

    WIRED = "wired"
    CELLULAR = "cellular"


class Role(StrEnum):
    """Which line carries traffic by choice; the other stands by."""

    PRIMARY = "primary"
    BACKUP = "backup"


class LineState(StrEnum):
    """Verdict on a line."""

    UP = "up"
    DOWN = "down"


class Reachability(StrEnum):
    """What kind of address a line has, as seen from outside."""

    PUBLIC = "public"
    """Globally unique: reachable unless the carrier filters."""
    CGNAT = "cgnat"
    """Shared address space (RFC 6598): not reachable."""
    PRIVATE = "private"
    """RFC 1918 or link-local: not reachable, unless a router in front forwards ports."""
    NONE = "none"
    """No address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One line."""

    role: Role
    state: LineState
    state_for: float
    reason: str
    """Why it is in this state, in words."""
    interface: str
    addresses: tuple[str, ...]
    gateway: str | None
    dns: tuple[str, ...]
    reachability: Reachability
    reachability_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalView:
    """What the second AT port told, and how old it is."""

    operator: str | None = None
    technology: str | None = None
    registration: str | None = None
    dbm: int | None = None
    percent: int | None = None
    age: float | None = None
    """Seconds since it was heard; ``None``: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemView:
    """The modem: where it is, what state, what is being tried."""

    state: str
    """ModemManager's word."""
    state_for: float
    reason: str
    advice: str
    """What a person should do; empty: nothing."""
    next: str
    """What will be tried next, in words; empty: nothing is pending."""
    next_in: float | None
    usb_path: str | None
    product: str | None
    dial_tty: str | None
    status_tty: str | None
    chosen_by: str | None
    sim: str | None
    """Last four digits of the ICCID."""
    pin_tries: int | None
    signal: SignalView
    dials: int
    sessions: int
    failures: int
    """Dials that failed in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelView:
    """Whether the kernel holds what we want: ``ok``, ``pending`` or ``failed``."""

    state: str
    problem: str | None
    backend: str | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a person should know, with the cure."""

    code: str
    text: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All of it."""

    version: int = SNAPSHOT_VERSION
    failberry: str
    """Version of the daemon."""
    mode: str
    running_for: float
    active: UplinkName | None
    """The line that carries new flows; ``None``: no line works."""
    active_for: float
    active_reason: str
    wired: LineView
    cellular: LineView
    modem: ModemView
    routes: KernelView
    firewall: KernelView
    warnings: tuple[Notice, ...]
