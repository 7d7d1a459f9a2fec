"""Looks, now and then, whether what the main router sends to this Pi comes and goes as it should."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, ip_address

from failberry.adapters import triangle
from failberry.config import Config, Mode
from failberry.core.events import NoticesChanged
from failberry.core.snapshot import Snapshot

LOOK = 30.0
"""Seconds between two looks whether the router uses this Pi: once it does, there is traffic to be seen."""
AGAIN = 3600.0
"""Seconds between two examinations while it does."""


async def examine_router(
    configuration: Callable[[], Config],
    snapshot: Callable[[], Snapshot],
    post: Callable[[NoticesChanged], None],
) -> None:
    """Examine while the router sends its traffic here, in standby-gateway mode; runs until cancelled."""
    while True:
        await asyncio.sleep(LOOK)
        config, status = configuration(), snapshot()
        if config.mode is not Mode.STANDBY_GATEWAY or status.router is None or not status.router.uses_us:
            continue
        gateway = ip_address(status.wired.gateway) if status.wired.gateway is not None else None
        canary = config.standby.canary
        notices = await triangle.examine(
            config.wired.interface,
            own=[IPv4Interface(each) for each in status.wired.addresses if ":" not in each],
            gateway=gateway if isinstance(gateway, IPv4Address) else None,
            besides=[IPv4Address(canary)] if canary else [],
            reply_via_router=config.standby.reply_via_router,
            shared_gateway=config.vrrp is not None,
        )
        post(NoticesChanged(source="triangle", notices=notices))
        await asyncio.sleep(AGAIN)
