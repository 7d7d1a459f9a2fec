"""Tells the main router whether the mobile line can be used: health address and VRRP.

``/standby`` of the health server says the same by HTTP (:mod:`failberry.health`).

What is wished is taken note of at once, and carried out by one job, which looks again once a minute: somebody
may have taken the address off, or taken it for himself.  Until the first wish nothing is touched: what a
predecessor promised stays until its lifetime ends, so that a restart is no outage to the router.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

from failberry.adapters import healthaddress, vrrp
from failberry.adapters.healthaddress import RefusedError
from failberry.adapters.netlink import Netlink
from failberry.config import Config, Mode
from failberry.core.snapshot import Notice
from failberry.errors import AdapterError

LOOK_EVERY = 60.0
"""Seconds between two looks at what stands."""
SOON = 2.0
"""Seconds until a new address is announced again (RFC 5227 section 1.1, ANNOUNCE_INTERVAL)."""
RETRY = 10.0
"""Seconds until what failed is tried again."""

Notices = tuple[Notice, ...]


class StandbyOffer:
    """Makes the offer, and withdraws it.

    ``told`` is called with what a person should know, whenever that changes.
    """

    def __init__(
        self,
        config: Config,
        *,
        netlink: Netlink,
        told: Callable[[Notices], None],
        folder: Path = Path("/run/failberry"),
        systemctl: str = "systemctl",
        keepalived: Path = vrrp.KEEPALIVED,
    ) -> None:
        self._config = config
        self._netlink = netlink
        self._told = told
        self._files = vrrp.VrrpFiles(folder)
        self._systemctl = systemctl
        self._keepalived = keepalived
        self._proven: bool | None = None
        self._bell = asyncio.Event()
        self._notices: Notices = ()
        self._vrrp_failed = False
        self._vrrp_started = False

    def keep(self, *, proven: bool) -> None:
        """Take note of whether the mobile line is proven; carried out by :meth:`attend`."""
        if proven != self._proven:
            self._proven = proven
            self._bell.set()

    def reconfigure(self, config: Config) -> None:
        """Do what follows by this configuration."""
        self._config = config
        self._bell.set()

    async def attend(self) -> None:
        """Carry out what is wished, and look after it; runs until cancelled."""
        await self._bell.wait()
        while True:
            self._bell.clear()
            pause = LOOK_EVERY if self._proven is None else await self._carry_out(proven=self._proven)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._bell.wait()

    async def _carry_out(self, *, proven: bool) -> float:
        """Return the seconds until the next look."""
        notices: list[Notice] = []
        # Both at once: to take the address on takes seconds, and keepalived need not wait for it.
        shared, pause = await asyncio.gather(
            self._share_address(notices, proven=proven), self._put_address(notices, proven=proven)
        )
        if tuple(notices) != self._notices:
            self._notices = tuple(notices)
            self._told(self._notices)
        return min(shared, pause)

    # --- the health address ----------------------------------------------------------------------

    async def _put_address(self, notices: list[Notice], *, proven: bool) -> float:
        config = self._config
        wanted = config.standby.health_address if config.mode is Mode.STANDBY_GATEWAY and proven else ""
        try:
            if not wanted:
                await self._netlink.ask(healthaddress.take_off)
                return LOOK_EVERY
            new = await healthaddress.put_on(self._netlink, config.wired.interface, IPv4Address(wanted))
        except RefusedError as refusal:
            notices.append(Notice(code="health_address", text=refusal.evidence, cure=refusal.cure))
            return LOOK_EVERY
        except AdapterError as error:
            text = f"the health address {wanted or 'of the LAN'} could not be changed: {error.evidence}"
            cure = "nothing: it is tried again; if it stays, see `journalctl -u failberry`"
            notices.append(Notice(code="health_address", text=text, cure=cure))
            return RETRY
        return SOON if new else LOOK_EVERY

    # --- VRRP ------------------------------------------------------------------------------------

    async def _share_address(self, notices: list[Notice], *, proven: bool) -> float:
        wanted = self._config.vrrp if self._config.mode is Mode.STANDBY_GATEWAY else None
        try:
            if wanted is None:
                stop = self._files.remove() or self._vrrp_failed
                problem = await self._order("stop") if stop else None
            elif not self._keepalived.exists():
                self._files.remove()
                text = "the address of [vrrp] is not shared: keepalived is not installed"
                cure = "`sudo apt install keepalived`, or remove [vrrp] from the configuration"
                notices.append(Notice(code="vrrp", text=text, cure=cure))
                return LOOK_EVERY
            else:
                self._files.prove(proven=proven)
                changed = self._files.configure(wanted, self._config.wired.interface)
                if changed or self._vrrp_failed:
                    problem = await self._order("reload-or-restart")
                elif not self._vrrp_started:
                    problem = await self._order("start")  # which does nothing where it runs
                else:
                    problem = None
                self._vrrp_started = True
        except OSError as error:
            problem = f"{error.filename}: {error.strerror}"
        self._vrrp_failed = problem is not None
        if problem is None:
            return LOOK_EVERY
        text = f"the address of [vrrp] is not shared as it should be: {problem}"
        notices.append(Notice(code="vrrp", text=text, cure=f"see `systemctl status {vrrp.UNIT}`"))
        return RETRY

    async def _order(self, verb: str) -> str | None:
        return await vrrp.order(verb, program=self._systemctl)


async def withdraw(
    netlink: Netlink, *, folder: Path = Path("/run/failberry"), systemctl: str = "systemctl"
) -> tuple[str, ...]:
    """Take back all that this module puts into the world; return the problems."""
    problems: list[str] = []
    try:
        await netlink.ask(healthaddress.take_off)
    except AdapterError as error:
        problems.append(f"the health address stays: {error.evidence}")
    try:
        if vrrp.VrrpFiles(folder).remove():
            problem = await vrrp.order("stop", program=systemctl)
            if problem is not None:
                problems.append(f"{vrrp.UNIT} was not stopped: {problem}")
    except OSError as error:
        problems.append(f"{error.filename}: {error.strerror}")
    return tuple(problems)
