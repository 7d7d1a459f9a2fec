"""Hub ports as sysfs shows them, and what hangs on them.

Layout: Documentation/ABI/testing/sysfs-bus-usb; a port is a directory below its hub's interface, and its
switch is ``disable`` there (Linux 6.0 and newer).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from failberry.adapters.sysfs import number, text
from failberry.adapters.usbbus import SYSFS
from failberry.core.power import HubPort

_SUPERSPEED = 5000
"""Mbit/s, as in the attribute ``speed``."""
_HUB_CLASS = "09"
_POLL = 0.1
"""Seconds between two looks."""


def parse(name: str) -> HubPort:
    """Read ``1-1:2`` or ``usb1:1``.  Raises ValueError."""
    hub, _, port = name.rpartition(":")
    return HubPort(hub=hub, port=int(port))


def child(port: HubPort) -> str:
    """Kernel name of the device on this port: ``1-1.2``, on a root hub ``1-2``."""
    if port.hub.startswith("usb"):
        return f"{port.hub.removeprefix('usb')}-{port.port}"
    return f"{port.hub}.{port.port}"


def below(port: HubPort, root: Path = SYSFS) -> frozenset[str]:
    """Every device that hangs on this port, directly or behind hubs."""
    device = child(port)
    found = set()
    with contextlib.suppress(OSError):
        for entry in root.iterdir():
            ours = entry.name == device or entry.name.startswith(f"{device}.")
            if ours and ":" not in entry.name:
                found.add(entry.name)
    return frozenset(found)


def present(device: str, root: Path = SYSFS) -> bool:
    """Whether the kernel has this device."""
    return (root / device).exists()


def configured(device: str, root: Path = SYSFS) -> bool:
    """Whether the device has interfaces, which drivers can take."""
    return any(root.glob(f"{device}:*"))


def disable_switch(port: HubPort, root: Path = SYSFS) -> Path | None:
    """The kernel's switch for this port; None where there is none."""
    # The interface of a root hub is named after its bus.
    hub = f"{port.hub.removeprefix('usb')}-0" if port.hub.startswith("usb") else port.hub
    found = sorted(root.glob(f"{hub}:*.0/{port.hub}-port{port.port}/disable"))
    return found[0] if found else None


def authorized(device: str, root: Path = SYSFS) -> bool | None:
    """Whether the device may be used; None where there is no such device."""
    word = text(root / device / "authorized")
    return word != "0" if word else None


def address(device: str, root: Path = SYSFS) -> tuple[int, int] | None:
    """Bus and number on it, which name the device node; None where there is no such device."""
    bus, place = number(root / device / "busnum"), number(root / device / "devnum")
    return None if bus is None or place is None else (bus, place)


def hubs(root: Path = SYSFS) -> frozenset[tuple[int, int]]:
    """Addresses of all hubs on the buses; a hub that was away and is back has another one."""
    try:
        names = [each.name for each in root.iterdir() if text(each / "bDeviceClass") == _HUB_CLASS]
    except OSError:
        return frozenset()
    return frozenset(filter(None, (address(name, root) for name in names)))


def superspeed(hub: str, root: Path = SYSFS) -> bool:
    """Whether this is the USB 3 half of a hub."""
    return (number(root / hub / "speed") or 0) >= _SUPERSPEED


def bound(folder: Path, name: str) -> bool:
    """Whether the driver of this folder has the device of this name."""
    return (folder / name).exists()


async def until(wanted: Callable[[], bool], patience: float) -> bool:
    """Look until it is so, at most so many seconds; answers whether it is."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while not wanted():
        if loop.time() >= end:
            return False
        await asyncio.sleep(_POLL)
    return True
