"""What was taken away for a while is given back: power, authorization, a driver.

Each promise is on the disk before anything is taken, and leaves it when it was seen to be kept.  So whoever
dies in between, the next start gives it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from failberry.adapters import usbports
from failberry.adapters.store import Owed, Promise, Store
from failberry.adapters.usbbus import SYSFS
from failberry.adapters.usberrands import Answer, Errands, Order
from failberry.core.power import HubPort
from failberry.errors import AdapterError, AdapterReason

SUPERSPEED_REST = 0.15
"""Seconds that a SuperSpeed port is given after it was switched."""
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further try to give everything back, within one power cycle."""
AT_START = (1.0, 2.0, 4.0)
"""The same when the daemon starts, which must not take for ever."""


async def switch(order: Order, port: HubPort, *, on: bool, sysfs: Path = SYSFS) -> Answer:
    """Switch a port; ``on`` in the answer is what the hub says afterwards.  Raises AdapterError."""
    place = usbports.address(port.hub, sysfs)
    if place is None:
        raise AdapterError(AdapterReason.GONE, f"there is no hub {port.hub} on the bus")
    words = {
        "on": on,
        "disable": str(usbports.disable_switch(port, sysfs) or ""),
        "authorized": str(sysfs / usbports.child(port) / "authorized"),
        "bus": place[0],
        "address": place[1],
        "port": port.port,
    }
    answer = await order("switch", words)
    if usbports.superspeed(port.hub, sysfs):
        await asyncio.sleep(SUPERSPEED_REST)
    return answer


class Promises:
    """All that is owed."""

    def __init__(self, store: Store, errands: Errands, sysfs: Path = SYSFS) -> None:
        self.open = False
        """Whether something is owed that could not be given back yet."""
        self._store = store
        self._errands = errands
        self._sysfs = sysfs

    async def make(self, *promises: Promise) -> None:
        """Promise, on the disk.  Raises AdapterError: then nothing may be taken."""
        problem = await self._store.promise(promises)
        if problem is not None:
            raise AdapterError(
                AdapterReason.DENIED,
                f"nothing was touched, for it could not be promised on the disk: {problem}",
            )

    async def restore(self, waits: Sequence[float] = ()) -> tuple[tuple[str, ...], str]:
        """Give back what an earlier order left, and tell what; the second value is the problem, or empty."""
        owed, problem = await asyncio.to_thread(self._store.promises)
        if not owed:
            self.open = False
            return (), problem or ""
        try:
            async with self._errands.turn() as order:
                problem = await self.keep(order, waits)
        except AdapterError as error:
            self.open, problem = True, error.evidence
        left, _ = await asyncio.to_thread(self._store.promises)
        return tuple(f"{each.what} of {each.subject}" for each in owed if each not in left), problem

    async def keep(self, order: Order, waits: Sequence[float] = WAITS) -> str:
        """Give everything back, in the reverse order of taking; tell what could not be, else nothing."""
        for wait in (*waits, None):
            problems = await self._try(order)
            self.open = bool(problems)
            if not problems or wait is None:
                break
            await asyncio.sleep(wait)
        return "; ".join(problems)

    async def _try(self, order: Order) -> list[str]:
        owed, problem = await asyncio.to_thread(self._store.promises)
        problems = [] if problem is None else [problem]
        for promise in owed:
            try:
                await self._give_back(order, promise)
            except AdapterError as error:
                problems.append(f"{promise.what} of {promise.subject} is not back: {error.evidence}")
            else:
                # One that cannot be forgotten is kept again, which harms nobody.
                await self._store.promise_kept(promise)
        return problems

    async def _give_back(self, order: Order, promise: Promise) -> None:
        match promise.what:
            case Owed.POWER:
                answer = await switch(order, usbports.parse(promise.subject), on=True, sysfs=self._sysfs)
                if not answer["on"]:
                    raise AdapterError(AdapterReason.REFUSED, "its hub says that it is still off")
            case Owed.AUTHORIZATION:
                # Where the device is absent, it will be authorized when it comes.
                path = self._sysfs / promise.subject / "authorized"
                if usbports.authorized(promise.subject, self._sysfs) is False:
                    await order("write", {"path": str(path), "text": "1"})
            case Owed.DRIVER:
                folder, _, name = promise.subject.rpartition(" ")
                if not usbports.bound(Path(folder), name):
                    await order("write", {"path": f"{folder}/bind", "text": name})
