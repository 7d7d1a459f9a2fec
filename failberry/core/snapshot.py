"""The one document that everybody reads: ``failberryctl``, dashboard, hooks.

Versioned; its JSON schema is published in ``docs/schema/`` and its Varlink types in
``control/io.failberry.Appliance.varlink``.  Instants are given as seconds from now (``*_for``,
``age``, ``next_in``), because the core knows no wall clock: those alone change while nothing happens.
No secret, IMEI, IMSI or full ICCID is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from failberry.config import Mode
from failberry.core.causes import Fault
from failberry.core.modem_state import ModemState
from failberry.core.steps import Rung

SNAPSHOT_VERSION = 1
"""Raised when a field goes away or changes its meaning.  New fields do not raise it: readers ignore them."""


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
    SUSPECT = "suspect"
    """It has just stopped answering: new connections take the other line, open ones wait."""
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
    where: str = ""
    """Where it breaks, as far as the hops tell; empty: nowhere, or not known."""
    degraded: str = ""
    """What is wrong with a line that works: loss, latency, targets that are not reached."""
    state6: LineState | None = None
    """The same for IPv6 alone; ``None``: the line has none."""
    reason6: str = ""
    loss: float | None = None
    """Percent of the pings of the last minute; ``None``: not pinged."""
    rtt: float | None = None
    """Milliseconds, on average over the last minute."""
    proven_age: float | None = None
    """Seconds since somebody out there answered over it; ``None``: never."""
    next: str = ""
    """What would change the verdict, in words."""
    next_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What of the mobile plan is used."""

    used: int = 0
    """Bytes in this cycle, both directions."""
    cap: int | None = None
    """Bytes; ``None``: no cap."""
    percent: float | None = None
    cycle_began: str | None = None
    """Date (ISO 8601); ``None``: no clock could be believed yet."""
    days_left: int | None = None
    state: str = "ok"
    """``ok``, ``warned``, ``capped``, or ``lifted``: capped, and the line is used as the last resort."""
    standby_used: int = 0
    """Bytes since the daemon started that were carried while the wired line was in use."""
    probes_used: int = 0
    """… of which our own questions, by their known sizes, and what the names of the house cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedView:
    """The owner's choice of the line."""

    line: UplinkName
    left: float | None
    """Seconds; ``None``: until further notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterView:
    """The main router, in standby-gateway mode."""

    uses_us: bool | None
    """Whether it sends its traffic to this Pi, as the canary tells; ``None``: not known."""
    standby_offered: bool
    """Whether it is told that the mobile line can be used (health address, VRRP)."""


class NameState(StrEnum):
    """How it stands with a line's own name in DNS."""

    PUBLISHED = "published"
    """The line's address stands there."""
    PENDING = "pending"
    """It is being looked for, or written."""
    KEPT = "kept"
    """The line is down, or has no address now; what stood there stays."""
    FAILED = "failed"
    """It could not be written, and is tried again."""
    ABSENT = "absent"
    """The line has no address that the Internet reaches."""
    OTHERS = "others"
    """Not ours to write: it is fixed, or kept by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameView:
    """The name of one line."""

    line: UplinkName
    name: str
    source: str
    """Who writes it: ``route53``, ``lambda``, ``fixed`` or ``elsewhere``."""
    addresses: tuple[str, ...]
    """What stands at the name, as far as the daemon knows."""
    state: NameState
    state_for: float
    reason: str
    """Why it is so, in words."""
    reachable: bool | None = None
    """Whether the health server was reached there from the Internet; ``None``: not known."""
    next: str = ""
    """What will be done next, in words without the time."""
    next_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesView:
    """The names of the house in DNS."""

    name: str
    """The one that follows the living line."""
    lines: tuple[NameView, ...]
    moved: UplinkName | None = None
    """The line on which the daemon holds that name itself (``dns.fast``); ``None``: health checks decide."""
    moved_for: float = 0.0
    spent: int = 0
    """Bytes that all this has cost on the mobile line since the daemon started."""


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

    state: ModemState
    state_for: float
    reason: str
    advice: str
    """What a person should do; empty: nothing."""
    next: str
    """What will be tried next, in words without the time; empty: nothing is pending."""
    next_in: float | None
    """Seconds until then, where that is known."""
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
    fault: Fault | None
    """What is wrong, by name; ``None``: nothing, or nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of recovery that was taken."""

    rung: Rung
    cause: str
    """Name of the fault it was taken for, or ``owner``."""
    why: str
    result: str
    """What came of it; empty: not known yet."""
    age: float
    """Seconds ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryView:
    """What is being done, and was done, to bring the mobile line back."""

    rung: Rung | None
    """The step under way; ``None``: none."""
    next: Rung | None
    """The step after this wait; ``None``: none is pending."""
    next_in: float | None
    held_back: str
    """Why no harder step is taken although the line is down; empty: nothing is held back."""
    switches_power: bool | None
    """Whether the modem's hub was seen to cut power; ``None``: not tried yet."""
    steps: tuple[StepView, ...]
    """The last ten, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyView:
    """The power supply."""

    good: bool
    reason: str
    """What speaks against it, in words; empty when good."""
    under_voltage: bool
    under_voltage_before: bool
    over_current: int
    disconnects: int
    """How often the modem left the bus by itself in the last hour."""


class KernelState(StrEnum):
    """Whether the kernel holds what we want."""

    OK = "ok"
    PENDING = "pending"
    """Asked for, not yet read back."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelView:
    """Routes, or the packet filter."""

    state: KernelState
    problem: str | None
    """Why it failed, in words."""
    backend: str | None = None
    """Who writes the packet filter."""
    refused: tuple[str, ...] = ()
    """Back ends that failed their proof, each with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a person should know, with the cure."""

    code: str
    """For scripts: stable, one word in lower case."""
    text: str
    cure: str
    """What to do; commands in backticks.  Empty: nothing can be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How the appliance is: its lines, its modem, the kernel, and what needs attention."""

    version: int = SNAPSHOT_VERSION
    failberry: str
    """Version of the daemon."""
    mode: Mode
    running_for: float
    active: UplinkName | None
    """The line that carries new flows; ``None``: no line works."""
    active_for: float
    active_reason: str
    active6: UplinkName | None = None
    """The same for IPv6; ``None``: it is refused, so that clients take IPv4 at once."""
    next: str = ""
    """Which change of lines comes next, and what it waits for."""
    next_in: float | None = None
    forced: ForcedView | None = None
    router: RouterView | None = None
    usage: UsageView = UsageView()
    names: NamesView | None = None
    """``None``: no names are configured."""
    wired: LineView
    cellular: LineView
    modem: ModemView
    recovery: RecoveryView
    supply: SupplyView
    routes: KernelView
    firewall: KernelView
    warnings: tuple[Notice, ...]
    """What needs attention, worst first; empty when all is well."""
