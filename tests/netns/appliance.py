"""The real daemon, whole, in whatever namespace this runs in: only the USB bus is made up, and no reboot is.

    appliance.py CONFIGURATION DIRECTORY

The bus shows one stick that is a router, whose interface is ``usb0`` or has our name already.
DIRECTORY gets what the daemon has in /run, and what it has in /var/lib.
"""

import asyncio
import functools
import sys
from dataclasses import replace
from pathlib import Path

from failberry import daemon, world
from failberry.adapters import usbbus
from failberry.adapters.resolvers import Resolvers
from failberry.config import MOBILE_INTERFACE, Config
from failberry.configfile import load
from failberry.control.server import listen
from failberry.core.events import ModemLocated, RebootAnswered
from failberry.core.facts import ModemHardware, Sighting

STICK = ModemHardware(
    usb_path="1-1", vendor_id=0x12D1, product_id=0x14DB, product="HiLink", dial_tty="", status_tty=None,
    dial_interface=-1, status_interface=None, network_interface="usb0", chosen_by="network driver cdc_ether",
)  # fmt: skip


def locate(deed: int, _config: Config, **_other: object) -> ModemLocated:
    for name in ("usb0", MOBILE_INTERFACE):
        if Path("/sys/class/net", name).exists():
            return ModemLocated(
                deed=deed, hardware=replace(STICK, network_interface=name), sighting=Sighting.ROUTER
            )
    return ModemLocated(deed=deed, hardware=None, problem="the stick was pulled out")


async def refuse(deed: int) -> RebootAnswered:
    return RebootAnswered(deed=deed, problem="this machine is not ours")


def main() -> None:
    usbbus.locate = locate
    world.reboot = refuse
    directory = Path(sys.argv[2])
    daemon.Resolvers = functools.partial(Resolvers, directory / "names" / "resolv.conf")
    places = daemon.Places(
        config=Path(sys.argv[1]),
        state=directory / "state.sqlite",
        history=directory / "history.sqlite",
        runtime=directory,
        hook=directory / "session-hook",
        dns_socket=str(directory / "dns.socket"),
    )
    asyncio.run(daemon.run(load(places.config), places, listen(str(places.control))))


if __name__ == "__main__":
    main()
