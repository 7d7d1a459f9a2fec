"""The power supply, as far as this machine can tell.

A Raspberry Pi's firmware measures its 5 V: below 4.63 V it calls that under-voltage, and a stick on its bus
falls over long before the Pi does.  The kernel asks the firmware every two seconds and tells what was seen
since it last asked (drivers/hwmon/raspberrypi-hwmon.c, ``in0_lcrit_alarm``).  Where that driver is missing, a
kernel of Raspberry Pi's own has ``get_throttled``; it is the second choice, for reading it makes the kernel
complain in its log.  Hubs count the times a port drew too much (Documentation/ABI/testing/sysfs-bus-usb,
``over_current_count``).  Other machines have nothing to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from failberry.adapters.sysfs import number, text
from failberry.core.events import SupplyObserved
from failberry.core.facts import Supply

INTERVAL = 10.0
"""Seconds between two looks; each reads a handful of small files."""

_SENSOR = "rpi_volt"
_NOW, _SINCE_BOOT = 1 << 0, 1 << 16
"""Bits of ``get_throttled``, which is hexadecimal (raspberrypi.com, documentation of vcgencmd)."""


class SupplyWatch:
    """Looks again and again, and tells what has changed."""

    def __init__(self, post: Callable[[SupplyObserved], None], root: Path = Path("/sys")) -> None:
        self._post = post
        self._root = root
        self._told = Supply()
        self._before = False
        self._counted: dict[str, int] = {}
        """The last count of each port."""
        self._over_current = 0
        """All that was counted: a hub that goes away takes its counts along, and begins anew."""

    async def watch(self) -> None:
        """Tell at once what is bad, and then whatever changes; runs until cancelled."""
        while True:
            # The firmware answers by a mailbox, which has its own pace.
            self.told(await asyncio.to_thread(self.look))
            await asyncio.sleep(INTERVAL)

    def told(self, supply: Supply) -> None:
        """Post it if it is news; that all is well and always was is none."""
        if supply != self._told:
            self._told = supply
            self._post(SupplyObserved(supply=supply))

    def look(self) -> Supply:
        """Read everything now; what cannot be read, because it is just being unplugged, at the next look."""
        try:
            now, before = self._voltage()
            counts = self._counts()
        except OSError:
            return self._told
        self._before = self._before or before or now
        for port, count in counts.items():
            last = self._counted.get(port, 0)
            self._over_current += count - last if count >= last else count
        self._counted = counts
        return Supply(under_voltage=now, under_voltage_before=self._before, over_current=self._over_current)

    def _voltage(self) -> tuple[bool, bool]:
        for sensor in sorted(self._root.glob("class/hwmon/hwmon*")):
            if text(sensor / "name") == _SENSOR:
                return number(sensor / "in0_lcrit_alarm") == 1, False
        flags = number(self._root / "devices/platform/soc/soc:firmware/get_throttled", 16) or 0
        return bool(flags & _NOW), bool(flags & _SINCE_BOOT)

    def _counts(self) -> dict[str, int]:
        return {
            # The name of the hub's interface and of the port: 1-1:1.0/1-1-port2.
            str(path.parent): count
            for path in self._root.glob("bus/usb/devices/*/*-port*/over_current_count")
            if (count := number(path)) is not None
        }
