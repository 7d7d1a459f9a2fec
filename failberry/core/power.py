"""Which hub ports must be switched off together to take a device's power, and what else goes dark.

The *power plan* is computed and shown before anything is cut, by the daemon and by ``failberryctl usb``
alike; :mod:`failberry.adapters.usbpower` carries it out and refuses a plan that refuses itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPort:
    """One downstream port of a hub."""

    hub: str
    """Kernel name of the hub's USB device: ``1-1``, or ``usb1`` for a root hub."""
    port: int
    """From 1 (USB 2.0 section 11.23.2.1)."""
    superspeed: bool = False
    """Whether this is the USB 3 half: other status bits (USB 3.2 table 10-13)."""

    def __str__(self) -> str:
        return f"{self.hub}:{self.port}"


class PlanBasis(StrEnum):
    """Why we believe that these ports are the ones."""

    CONFIGURATION = "configuration"
    BOARD = "board"
    """The table of Raspberry Pi boards."""
    HUB = "hub"
    """What the hub says of itself, which is a claim."""
    NONE = "none"
    """Nothing on the way switches power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Casualty:
    """A device that would go dark, too."""

    usb_path: str
    product: str
    harm: str
    """Why this must not happen (``carries /``, ``is the LAN interface eth0``…); empty: no harm."""


def objections(casualties: Iterable[Casualty]) -> str:
    """Who must not go dark and why; empty if nobody is harmed."""
    return "; ".join(f"{each.product} at USB {each.usb_path} {each.harm}" for each in casualties if each.harm)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPlan:
    """How to cut the power of one device."""

    target: str
    """USB path of the device that shall lose its power; it need not be there."""
    ports: tuple[HubPort, ...]
    """In the order of switching off: USB 2 halves first; on in the reverse order, USB 3 first."""
    basis: PlanBasis
    words: str
    """Which ports and why, for people."""
    casualties: tuple[Casualty, ...] = ()
    """The blast radius: whatever else hangs below these ports, harmless or not; the target itself only if it
    would be harmed, which is another device in the modem's place then."""
    impossible: str = ""
    """Why power cannot be cut at all; then ``ports`` is empty."""

    @property
    def refusal(self) -> str:
        """Why this plan must not be carried out unless forced; empty: it may."""
        return self.impossible or objections(self.casualties)


class PowerOutcome(StrEnum):
    """How a power cycle went."""

    CYCLED = "cycled"
    """The device went away when its power was cut; power is on again."""
    NOT_SWITCHED = "not_switched"
    """The hub took the order, and the device stayed: this hub does not switch power."""
    REFUSED = "refused"
    """Nothing was touched: no port switches it, or something else would be harmed."""
    FAILED = "failed"
    """The hub or the kernel did not obey; whatever was switched off is on again."""
