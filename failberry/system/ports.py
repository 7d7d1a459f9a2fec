"""Which Ethernet port is which: names in the configuration against those that are there.

Pure.  The Pi's own port is ``onboard0`` (a .link file of the image sees to it), but files that people copy
say ``eth0``, and a virtual machine has neither.  Where there is no doubt the port is given the name that the
file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from failberry.config import Config, Mode
from failberry.system.firstboot_judge import ONBOARD

_FIRST_PORT = {"eth0", "end0", ONBOARD}
"""Names by which people mean the Pi's own port."""
_ANYBODYS = r"onboard0|(eth|end|lan|wan|house|wired)[0-9]{0,2}"
"""Names that may be given; others say themselves which piece of hardware they mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A network interface that is a piece of hardware."""

    name: str
    driver: str = ""
    vendor: int | None = None
    """idVendor, of one on USB."""
    wireless: bool = False
    named: bool = True
    """udev is done with it: until then it has the kernel's name for it, and may get another."""

    @property
    def ethernet(self) -> bool:
        """Neither Wi-Fi nor a stick that is a router."""
        # Late: mostly every port has its name, and this would be a third of the time that a boot takes.
        from failberry.core.ports import DIALLED_DRIVER, ETHERNET_CHIPS, STICK_DRIVERS

        stick = self.driver in STICK_DRIVERS | {DIALLED_DRIVER} and self.vendor not in ETHERNET_CHIPS
        return not self.wireless and not stick


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Interfaces to rename, from what to what, and what is left to say."""

    renames: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()


def wanted(config: Config) -> dict[str, str]:
    """The interfaces that a configuration names, and by which setting."""
    names = {config.wired.interface: "wired.interface"}
    if config.mode is Mode.DUAL_WAN_ROUTER and config.lan is not None:
        names[config.lan.interface] = "lan.interface"
    return names


def complete(config: Config, ports: Iterable[Port]) -> bool:
    """Whether everything that is named is there, and will keep that name."""
    return wanted(config).keys() <= _named(ports)


def settled(config: Config, ports: Iterable[Port]) -> bool:
    """Whether another port would change nothing: all are there, or it is known which one is meant."""
    names = wanted(config).keys()
    here = _named(ports)
    missing = names - here
    return not missing or (ONBOARD in here - names and len(missing) == 1 and missing <= _FIRST_PORT)


def assign(config: Config, ports: Iterable[Port], *, default: bool) -> Assignment:
    """Give missing names to ports that nobody has named; ``default`` takes the first of several."""
    names = wanted(config)
    here = sorted(ports, key=lambda each: _natural(each.name))
    missing = [name for name in names if name not in {each.name for each in here}]
    left = [each.name for each in here if each.ethernet and each.name not in names]
    renames = []
    anybodys = [each for each in missing if re.fullmatch(_ANYBODYS, each)]
    # First those of which it is known what they mean; then there may be no doubt about the other.
    for name in sorted(anybodys, key=lambda each: each not in _FIRST_PORT):
        if name in _FIRST_PORT and ONBOARD in left:
            port = ONBOARD
        elif left and (default or (len(left) == 1 and _alone(name, missing))):
            port = left[0]
        else:
            continue
        renames.append((port, name))
        left.remove(port)
        missing.remove(name)
    there = ", ".join(each.name for each in here if each.ethernet) or "none"
    return Assignment(
        renames=tuple(renames),
        problems=tuple(
            f'{names[name]} is "{name}", and there is no such port. Ethernet ports of this Pi: {there}.'
            for name in missing
        ),
    )


def _named(ports: Iterable[Port]) -> set[str]:
    return {each.name for each in ports if each.named}


def _alone(name: str, missing: list[str]) -> bool:
    """Of two that are missing, nobody knows which one the only port is."""
    return missing == [name]


def _natural(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """The Pi's own first, and eth2 before eth10."""
    parts = re.split(r"([0-9]+)", name)
    return name != ONBOARD, [(int(each), "") if each.isdigit() else (0, each) for each in parts]
