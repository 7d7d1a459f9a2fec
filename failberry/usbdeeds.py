"""What is done to the USB bus: looked at whole, planned, then carried out by the adapters."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from failberry.adapters import systemd, usbports, usbtree
from failberry.adapters.store import Store
from failberry.adapters.usberrands import LOCK, Errands
from failberry.adapters.usbpower import HubClaim, UsbPower
from failberry.adapters.usbpromises import Promises
from failberry.adapters.usbreset import UsbResetter
from failberry.config import Config
from failberry.core.actions import CyclePower, RebindController, ResetUsb
from failberry.core.boards import board_of
from failberry.core.events import PowerCycled, UsbReset
from failberry.core.power import PowerPlan
from failberry.core.powerplan import controller_of, plan_power
from failberry.core.usbtree import UsbTree

INTERVAL = 60.0
"""Seconds between two tries to give back what could not be given back."""
RESTORE_PATIENCE = 45.0
"""Seconds for giving back what a predecessor took: systemd waits 90 for the daemon, dpkg 60 for a release."""


async def survey(power: UsbPower) -> tuple[UsbTree, str]:
    """Read the USB tree and ask its hubs; the second value says which could not be asked, and why."""
    claims, problem = await power.hubs()
    return await _scan(claims), problem


async def _scan(claims: Sequence[HubClaim]) -> UsbTree:
    return await asyncio.to_thread(
        usbtree.scan,
        characteristics={each.hub: each.characteristics for each in claims},
        power_good={each.hub: each.power_good for each in claims},
    )


def plan_cycle(tree: UsbTree, config: Config, target: str) -> PowerPlan:
    """Plan how to cut the power of the device at ``target`` in this house."""
    return plan_power(
        tree,
        board=board_of(tree.model),
        target=target,
        configured_ports=config.power.ports,
        house_interfaces=_house(config),
    )


class UsbDeeds:
    """Answers to the deeds that touch the bus, and the promises that go with them."""

    def __init__(self, store: Store, lock: Path = LOCK) -> None:
        errands = Errands(lock)
        self.promises = Promises(store, errands)
        self.power = UsbPower(self.promises, errands)
        self._resetter = UsbResetter(self.promises, errands)
        self._asked: frozenset[tuple[int, int]] = frozenset()
        self._claims: tuple[HubClaim, ...] = ()
        """What the hubs that were asked say of themselves."""

    async def perform(
        self, action: CyclePower | ResetUsb | RebindController, config: Config
    ) -> PowerCycled | UsbReset:
        """Do it; never raises for a failure of the world."""
        match action:
            case CyclePower(deed=deed, usb_path=target):
                await self._learn()
                plan = plan_cycle(await _scan(self._claims), config, target)
                return await self.power.cycle(deed, plan, off_time=action.off_time, force=action.force)
            case ResetUsb(deed=deed, usb_path=target):
                return await self._resetter.reset(deed, target)
            case RebindController(deed=deed, usb_path=target):
                tree = await asyncio.to_thread(usbtree.scan)
                controller = controller_of(tree, target, house_interfaces=_house(config))
                return await self._resetter.rebind(deed, controller, force=action.force)
            case _:
                assert_never(action)

    async def give_back(self, waits: Sequence[float] = ()) -> str:
        """Give back what was taken and not given back, and say so in the journal; return the problem, if any.

        What is late stays promised.
        """
        try:
            async with asyncio.timeout(RESTORE_PATIENCE):
                back, problem = await self.promises.restore(waits)
        except TimeoutError:
            self.promises.open = True
            back, problem = (), f"USB hubs did not answer within {RESTORE_PATIENCE:g} s"
        for what in back:
            systemd.journal(4, f"power: given back: the {what}, which an order that did not end had taken")
        if problem:
            systemd.journal(
                3, f"power: NOT given back: {problem}; next: tried each minute, and at each start"
            )
        return problem

    async def attend(self) -> None:
        """Try again, for ever, what could not be given back: a hub that is gone may come back.

        And know the hubs before there is need: on a small board asking them takes longer than the cut.
        """
        while True:
            await self._learn()
            await asyncio.sleep(INTERVAL)
            if self.promises.open:
                await self.give_back()

    async def _learn(self) -> None:
        """Ask the hubs what they are, if others have come than were asked; that never changes."""
        there = await asyncio.to_thread(usbports.hubs)
        if there != self._asked:
            self._claims, problem = await self.power.hubs()
            self._asked = frozenset() if problem else there


async def settle(state: Path, lock: Path) -> tuple[str, ...]:
    """Give everything back where no daemon does it; return the problems."""
    if not os.access(state, os.R_OK | os.W_OK):
        return ()  # nothing was ever promised
    problem = await UsbDeeds(Store(state), lock).give_back()
    return (problem,) if problem else ()


def _house(config: Config) -> set[str]:
    return {config.wired.interface, config.lan_interface}
