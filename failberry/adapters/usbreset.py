"""USB devices and host controllers started anew, with their power on."""

from __future__ import annotations

from pathlib import Path

from failberry.adapters import usbports
from failberry.adapters.store import Owed, Promise
from failberry.adapters.usbbus import SYSFS
from failberry.adapters.usberrands import Errands, Order
from failberry.adapters.usbpromises import Promises
from failberry.core.events import UsbReset
from failberry.core.powerplan import ControllerPlan
from failberry.errors import AdapterError

NODES = Path("/dev/bus/usb")
BUSES = Path("/sys/bus")
LET_GO = 5.0
"""Seconds that drivers may take to let go of a device."""
COME_BACK = 10.0
"""Seconds within which the device must be configured again."""


class UsbResetter:
    """Resets, one at a time."""

    def __init__(
        self,
        promises: Promises,
        errands: Errands,
        sysfs: Path = SYSFS,
        *,
        nodes: Path = NODES,
        buses: Path = BUSES,
        let_go: float = LET_GO,
        come_back: float = COME_BACK,
    ) -> None:
        self._promises = promises
        self._errands = errands
        self._sysfs = sysfs
        self._nodes = nodes
        self._buses = buses
        self._let_go = let_go
        self._come_back = come_back

    async def reset(self, deed: int, usb_path: str) -> UsbReset:
        """De-authorize the device and authorize it again; where it stays away, reset it on the bus."""
        if not usbports.present(usb_path, self._sysfs):
            return UsbReset(deed=deed, problem=f"there is no device at USB {usb_path}")
        try:
            async with self._errands.turn() as order:
                return UsbReset(deed=deed, problem=await self._reset(order, usb_path))
        except AdapterError as error:
            return UsbReset(deed=deed, problem=error.evidence)

    async def _reset(self, order: Order, usb_path: str) -> str | None:
        problem = await self._reauthorize(order, usb_path)
        if await usbports.until(lambda: usbports.configured(usb_path, self._sysfs), self._come_back):
            return problem
        place = usbports.address(usb_path, self._sysfs)
        if place is None:
            return f"the device at USB {usb_path} has left the bus"
        await order("reset", {"path": str(self._nodes / f"{place[0]:03}" / f"{place[1]:03}")})
        if await usbports.until(lambda: usbports.configured(usb_path, self._sysfs), self._come_back):
            return None
        return f"the device at USB {usb_path} was reset twice and is still not configured"

    async def _reauthorize(self, order: Order, usb_path: str) -> str | None:
        await self._promises.make(Promise(what=Owed.AUTHORIZATION, subject=usb_path))
        problem = None
        try:
            path = self._sysfs / usb_path / "authorized"
            await order("write", {"path": str(path), "text": "0"})
            if not await usbports.until(lambda: not usbports.configured(usb_path, self._sysfs), self._let_go):
                problem = f"the drivers did not let go of the device at USB {usb_path} for {self._let_go:g} s"
        except AdapterError as error:
            problem = f"USB {usb_path} cannot be de-authorized: {error.evidence}"
        finally:
            left = await self._promises.keep(order)
        return left or problem

    async def rebind(self, deed: int, plan: ControllerPlan, *, force: bool) -> UsbReset:
        """Take a host controller from its driver and give it back, unless the plan refuses itself."""
        controller = plan.controller
        if controller is None or plan.impossible or (plan.refusal and not force):
            return UsbReset(deed=deed, problem=plan.refusal)
        folder = self._buses / controller.subsystem / "drivers" / controller.driver
        try:
            async with self._errands.turn() as order:
                return UsbReset(deed=deed, problem=await self._rebind(order, folder, controller.name))
        except AdapterError as error:
            return UsbReset(deed=deed, problem=error.evidence)

    async def _rebind(self, order: Order, folder: Path, name: str) -> str | None:
        await self._promises.make(Promise(what=Owed.DRIVER, subject=f"{folder} {name}"))
        problem = None
        try:
            await order("write", {"path": str(folder / "unbind"), "text": name})
        except AdapterError as error:
            problem = f"USB host controller {name} cannot be taken from its driver: {error.evidence}"
        finally:
            left = await self._promises.keep(order)
        return left or problem
