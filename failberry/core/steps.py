"""The steps that can bring a mobile line back, gentlest first, and the memory of those taken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rung(StrEnum):
    """One kind of step."""

    REDIAL = "redial"
    HANG_UP = "hang_up"
    """DTR low, ``ATH``, ``AT+CGACT=0``: release what a session left behind."""
    RADIO = "radio"
    """``AT+CFUN=4`` and ``1``: the radio starts anew (3GPP TS 27.007 clause 8.2)."""
    MODEM_REBOOT = "modem_reboot"
    """``AT+CFUN=1,1`` or the maker's own word: the firmware starts anew."""
    USB_RESET = "usb_reset"
    POWER_CYCLE = "power_cycle"
    SWITCH_MODE = "switch_mode"
    CONTROLLER = "controller"
    """The USB host controller is taken from its driver and given back."""
    REBOOT = "reboot"
    """The Pi itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that was taken."""

    rung: Rung
    cause: str
    """Name of the fault (:class:`failberry.core.causes.Fault`), or ``owner``."""
    why: str
    """In words."""
    result: str = ""
    """What came of it, in words; empty: not known (yet)."""
    age: float = 0.0
    """Seconds ago; 0 for one that is being taken."""
