"""Power of USB devices: cut at the hub, seen to be gone, given back on every way out.

A hub that says that it switches power often does not, so nothing is believed that was not seen: the devices
vanish, or at least answer no more, and stay away while their power is off; and the hub says that its port is
off, and on again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from failberry.adapters import usbports
from failberry.adapters.store import Owed, Promise
from failberry.adapters.usbbus import SYSFS
from failberry.adapters.usberrands import Errands, Order
from failberry.adapters.usbpromises import WAITS, Promises, switch
from failberry.core.events import PowerCycled
from failberry.core.power import PowerOutcome, PowerPlan
from failberry.errors import AdapterError

VANISH = 3.0
"""Seconds within which a device without power must be gone."""
RETURN = 10.0
"""Seconds that a device which was absent before is given to come back."""
_Devices = Mapping[str, tuple[int, int]]
"""Devices on the bus by name, with their addresses: a new one for each time that they come."""
NOT_SWITCHED = "this hub does not switch power"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubClaim:
    """What a hub says of itself, which need not be true."""

    hub: str
    """Kernel name: ``1-1``, or ``usb1`` for a root hub."""
    ports: int
    characteristics: int
    """``wHubCharacteristics`` (USB 2.0 table 11-13)."""
    power_good: float
    """Seconds from power on to power good at a port (``bPwrOn2PwrGood``)."""
    superspeed: bool
    status: tuple[int, ...]
    """``wPortStatus`` of each port, from port 1."""


class UsbPower:
    """Carries out power plans, one at a time."""

    def __init__(
        self, promises: Promises, errands: Errands, sysfs: Path = SYSFS, *, vanish: float = VANISH
    ) -> None:
        self._promises = promises
        self._errands = errands
        self._sysfs = sysfs
        self._vanish = vanish

    async def cycle(self, deed: int, plan: PowerPlan, *, off_time: float, force: bool) -> PowerCycled:
        """Carry out a plan, unless it refuses itself; power is on again when this returns or is cancelled."""
        if plan.impossible or (plan.refusal and not force):
            return PowerCycled(deed=deed, outcome=PowerOutcome.REFUSED, words=plan.refusal)
        try:
            async with self._errands.turn() as order:
                await self._promises.keep(order, ())
                outcome, words = await self._cycle(order, plan, off_time)
        except AdapterError as error:
            outcome, words = PowerOutcome.FAILED, error.evidence
        return PowerCycled(deed=deed, outcome=outcome, words=words)

    async def _cycle(self, order: Order, plan: PowerPlan, off_time: float) -> tuple[PowerOutcome, str]:
        devices = frozenset[str]().union(*(usbports.below(port, self._sysfs) for port in plan.ports))
        absent = not usbports.present(plan.target, self._sysfs)
        watched = self._present(devices | {plan.target})
        await self._promises.make(*self._owed(plan))
        try:
            outcome, words = await self._without_power(order, plan, watched, off_time)
        except AdapterError as error:
            outcome, words = PowerOutcome.FAILED, error.evidence
        finally:
            problem = await self._promises.keep(order, WAITS)
        if problem:
            return (
                PowerOutcome.FAILED,
                f"{words}; BUT {problem}; it is tried again each minute, and at each start",
            )
        if absent and outcome is PowerOutcome.CYCLED:
            words += f"; {plan.target}, which was absent before, {await self._returned(plan.target)}"
        return outcome, f"{words}; power is on again"

    def _owed(self, plan: PowerPlan) -> list[Promise]:
        devices = [usbports.child(port) for port in plan.ports]
        return [
            # The latest first: power comes before authorization, and USB 3 before USB 2.
            *(
                Promise(what=Owed.AUTHORIZATION, subject=device)
                for device in devices
                if usbports.authorized(device, self._sysfs)
            ),
            *(Promise(what=Owed.POWER, subject=str(port)) for port in plan.ports),
        ]

    async def _without_power(
        self, order: Order, plan: PowerPlan, watched: _Devices, off_time: float
    ) -> tuple[PowerOutcome, str]:
        ways = set()
        powered = []
        for port in plan.ports:
            answer = await switch(order, port, on=False, sysfs=self._sysfs)
            ways.add(answer["way"])
            if answer["on"]:
                powered.append(str(port))
        ports = ", ".join(map(str, plan.ports))
        if len(powered) == len(plan.ports):
            # Of several, some may well say so: a gang has one switch, and its hub may tell of it as it likes.
            return PowerOutcome.NOT_SWITCHED, (
                f"{ports} was switched off, and the hub says that it still has power: {NOT_SWITCHED}"
            )
        await usbports.until(lambda: not self._present(watched), self._vanish)
        if lit := await self._lit(order, watched):
            return PowerOutcome.NOT_SWITCHED, f"{ports} was switched off, and {lit} stayed: {NOT_SWITCHED}"
        await asyncio.sleep(off_time)
        if lit := await self._lit(order, watched):
            return PowerOutcome.NOT_SWITCHED, f"{lit} came back while {ports} was off: {NOT_SWITCHED}"
        gone = f", {', '.join(sorted(watched))} went away" if watched else ""
        return PowerOutcome.CYCLED, (
            f"{ports} switched off by {' and '.join(sorted(ways))}{gone}, {off_time:g} s without power"
        )

    def _present(self, devices: Iterable[str]) -> _Devices:
        found = {each: usbports.address(each, self._sysfs) for each in devices}
        return {device: address for device, address in found.items() if address is not None}

    async def _lit(self, order: Order, watched: _Devices) -> str:
        """Which of these have power all the same, if any: they came back, or they answer."""
        there = self._present(watched)
        same = {device: address for device, address in there.items() if address == watched[device]}
        lit = there.keys() - same.keys()
        if same:
            said = await order("answers", {"devices": list(same.values())})
            lit |= {device for device, answers in zip(same, said["answers"], strict=True) if answers}
        return ", ".join(sorted(lit))

    async def _returned(self, target: str) -> str:
        if await usbports.until(lambda: usbports.present(target, self._sysfs), RETURN):
            return "is there"
        return f"has not come within {RETURN:g} s"

    async def hubs(self) -> tuple[tuple[HubClaim, ...], str]:
        """Ask every hub, in one child; the second value says which could not be asked, and why."""
        try:
            answers = (await self._errands.ask("hubs"))["hubs"]
        except AdapterError as error:
            return (), error.evidence
        claims, problems = [], []
        names = self._names()
        for answer in answers:
            name = names.get((answer["bus"], answer["address"]))
            if name is None:
                continue  # it has just come, or gone
            if "problem" in answer:
                problems.append(f"{name}: {answer['problem']}")
                continue
            claims.append(
                HubClaim(
                    hub=name,
                    ports=answer["ports"],
                    characteristics=answer["characteristics"],
                    power_good=answer["power_good"] * 2e-3,
                    superspeed=answer["superspeed"],
                    status=tuple(answer["status"]),
                )
            )
        return tuple(sorted(claims, key=lambda each: each.hub)), "; ".join(problems)

    def _names(self) -> Mapping[tuple[int, int] | None, str]:
        try:
            return {usbports.address(each.name, self._sysfs): each.name for each in self._sysfs.iterdir()}
        except OSError:
            return {}
