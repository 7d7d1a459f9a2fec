"""What the daemon answers besides the status: power plan, USB tree, AT answers.  Values only; pure."""

from __future__ import annotations

from dataclasses import dataclass

from failberry.core.facts import PortRole
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
