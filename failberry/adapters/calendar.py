"""The date, and whether it can be believed; told at the start, and whenever either changes.

Looked at once a minute and just after midnight: that sees a clock that was set, whoever set it, as soon as a
billing cycle needs it, and costs nothing.  (A timerfd with TFD_TIMER_CANCEL_ON_SET would tell at once; Python
has timerfds from 3.13 on.)

*Believed* is a clock that something vouches for, and that does not stand before this software was built:

* a time server: systemd-timesyncd says so by a file; for any other daemon (chrony, ntpsec) the kernel knows
  that its clock is disciplined (STA_UNSYNC, adjtimex(2)), which `timedatectl` tells;
* a clock with a battery, which the kernel has set the time from (/sys/class/rtc, ``hctosys``);
* a day of running: a house without any time server would never see a billing cycle otherwise.

A Pi has no such battery.  After a power cut its clock stands where a file had it, perhaps weeks back: so "not
before this software was built" alone would open cycles twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import failberry
from failberry.adapters import programs
from failberry.core.events import DayObserved

LOOK_EVERY = 60.0
ASK_EVERY = 600.0
"""Seconds between two questions to the service manager whether the clock is synchronised."""
ANSWER_TIME = 10.0
LONG_ENOUGH = 86_400.0
"""Seconds of running after which a clock is believed that nobody vouches for."""
_FIRST = datetime(2026, 1, 1).timestamp()
"""No software of this kind was built before; file times may be lost in a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Who knows about the clock; tests have others."""

    synchronized: Path = Path("/run/systemd/timesync/synchronized")
    """Touched by systemd-timesyncd at each synchronisation since boot (systemd-timesyncd.service(8))."""
    clocks: Path = Path("/sys/class/rtc")
    ask: Sequence[str] = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
    built: float = field(default_factory=lambda: max(_FIRST, Path(failberry.__file__).stat().st_mtime))
    """Seconds since 1970; a package keeps the times that its files were built with."""
    wall: Callable[[], float] = time.time
    uptime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)


class Calendar:
    """Posts :class:`DayObserved`; :meth:`watch` must run."""

    def __init__(self, post: Callable[[DayObserved], None], sources: Sources | None = None) -> None:
        self._post = post
        self._sources = sources or Sources()
        self._synchronized = False
        """Once since boot: a clock that was right goes on well enough for days."""
        self._asked_at: float | None = None
        self._told: DayObserved | None = None

    async def watch(self) -> None:
        """Tell the day now, and whenever it changes; runs until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(min(LOOK_EVERY, self._until_midnight() + 0.5))

    async def look(self) -> None:
        """Look once; tell it if it is news."""
        trusted = await self._trusted()
        seen = DayObserved(day=date.fromtimestamp(self._sources.wall()), trusted=trusted)
        if seen != self._told:
            self._told = seen
            self._post(seen)

    def _until_midnight(self) -> float:
        now = datetime.fromtimestamp(self._sources.wall())
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time())
        return (midnight - now).total_seconds()

    async def _trusted(self) -> bool:
        sources = self._sources
        if sources.wall() < sources.built:
            return False
        if self._synchronized or sources.uptime() >= LONG_ENOUGH or self._has_battery():
            return True
        self._synchronized = sources.synchronized.exists() or await self._disciplined()
        return self._synchronized

    def _has_battery(self) -> bool:
        for each in self._sources.clocks.glob("*/hctosys"):
            with contextlib.suppress(OSError):
                if each.read_text(encoding="ascii", errors="replace").strip() == "1":
                    return True
        return False

    async def _disciplined(self) -> bool:
        """Ask, now and then, whether the kernel's clock is kept by anybody."""
        now = self._sources.uptime()
        if self._asked_at is not None and now < self._asked_at + ASK_EVERY:
            return False
        self._asked_at = now
        try:
            _, said = await programs.run(*self._sources.ask, deadline=ANSWER_TIME, complaints=False)
        except OSError:
            return False
        return said.strip() == b"yes"
