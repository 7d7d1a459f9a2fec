"""What the daemon answers besides the status: power plan, USB tree, AT answers, history.  Values; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from failberry.core.actions import Severity
from failberry.core.facts import PortRole
from failberry.core.kinds import RecordKind
from failberry.core.power import PowerPlan
from failberry.errors import FailberryError


class RefusedError(FailberryError):
    """A request that must not be carried out (now); ``str()`` of it says why, and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPreview:
    """What a power cycle of the modem would do."""

    plan: PowerPlan
    refusal: str
    """Why it would not be done unless forced; empty: it would."""
    off_time: float
    """Seconds without power."""
    forced: bool
    """Whether the configuration forces it (power.force)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDeviceView:
    """One device on the USB bus, and what it carries."""

    path: str
    """Kernel name: 1-1.3, or usb1 for a root hub."""
    ids: str
    """Vendor and product, for example 19d2:0117."""
    product: str
    speed: float
    """Mbit/s"""
    self_powered: bool
    """By its own word."""
    ports: int
    """Of a hub; 0: it is none."""
    switching: str
    """How a hub says that it switches power: per-port, ganged, none, unknown; empty: no hub."""
    ttys: tuple[str, ...]
    interfaces: tuple[str, ...]
    """Network interfaces."""
    mounts: tuple[str, ...]
    """Mount points of its disks; swap space too."""
    modem: bool
    """Whether it is the modem that failberryd uses."""
    cut: tuple[int, ...]
    """Ports of this hub that are switched off to take the modem's power."""
    harm: str
    """What is lost when the modem's power is cut; empty: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbView:
    """The USB bus, and how the modem's power can be cut."""

    model: str
    """The computer's name for itself."""
    devices: tuple[UsbDeviceView, ...]
    """Each after the hub that it is plugged into."""
    problem: str
    """Which hubs could not be asked how they switch power, and why; empty: none."""
    power: PowerPreview | None
    """Null: it is not known where the modem is, or was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtAnswer:
    """What the modem said to one AT command."""

    port: PortRole
    lines: tuple[str, ...]
    result: str
    """The final result as it came; empty: none in time."""
    ok: bool
    meaning: str
    """What an error means, and what to do; empty: nothing to explain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CdromSwitch:
    """The maker's command that takes a stick's CD-ROM away for good, and what came of it."""

    product: str
    command: str
    back: str
    """The command that is said to bring it back; empty: none is known."""
    answer: AtAnswer | None
    """Null: nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One thing that happened."""

    id: int
    """Counts up for ever; now and then some are left out."""
    time: float
    """Seconds since 1970, by this machine's clock."""
    synced: bool
    """Whether that clock could be believed; false: the time may be wrong by any amount."""
    monotonic: float
    """Seconds on the kernel's clock of that boot (CLOCK_MONOTONIC)."""
    boot: str
    """Which boot (/proc/sys/kernel/random/boot_id)."""
    kind: RecordKind
    subject: str
    """Whom it is about: wired, cellular, modem, failover…"""
    what: str
    """What happened, or from what to what."""
    why: str
    """The cause, in words."""
    next: str
    """What follows, in words; empty: nothing."""
    severity: Severity
    correlation: int
    """Id of the event that began the story which this one belongs to."""
    numbers: Mapping[str, float]
    """By name; which ones there are depends on the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsView:
    """Some events, oldest first."""

    history: str
    """Name of the history; another one than before means that ids have begun anew."""
    events: tuple[EventView, ...]
    last: int
    """Up to which id this looked: go on after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """How a line fared over one span of time."""

    start: float
    """Seconds since 1970."""
    up: float
    """Seconds in which the verdict was so."""
    suspect: float
    down: float
    active: float
    """Seconds in which the line carried new connections."""
    rtt: float | None
    """Milliseconds there and back, on average; null: nothing came back."""
    rtt_worst: float | None
    """Of the minutes in it, the worst."""
    loss: float | None
    """Percent of the pings; null: none was sent, or the line is known to be dead."""
    loss_worst: float | None
    dbm: float | None
    """Signal, on average; null: not heard, or no radio."""
    received: int
    """Bytes that the interface carried."""
    sent: int
    used: int | None
    """Bytes of the mobile plan used in the billing cycle, at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesView:
    """One line over a time, oldest first; spans in which no daemon ran are missing."""

    step: int
    """Seconds that each spans."""
    samples: tuple[SampleView, ...]
