"""``failberry-web [--wanted] [--socket PATH] [--password FILE]``: serve the dashboard until told to stop.

What it is to do, the daemon tells: the configuration that is in force, without its secrets.  The password
is systemd's credential.  ``--wanted`` only tells by the exit code whether the configuration has a ``[web]``.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from failberry.adapters import systemd
from failberry.config import Config
from failberry.configfile import load
from failberry.control import SOCKET
from failberry.control.client import RefusedError, UnreachableError
from failberry.core.kinds import RecordKind
from failberry.dashboard import Web
from failberry.errors import ConfigError
from failberry.web import lan, password
from failberry.web.link import Link, follow
from failberry.web.news import News
from failberry.web.settings import config_of

if TYPE_CHECKING:
    from failberry.web.server import Server
    from failberry.web.site import Site

CONFIG_FILE = "/etc/failberry/failberry.toml"
LOOK = 5.0
"""Seconds between two looks at the LAN's addresses: leases change, cables are plugged in."""
RETRY = 2.0
WITHOUT = (
    "a package is missing: {}; next: `apt install python3-aiohttp python3-prometheus-client`, "
    "then `systemctl restart failberry-web`"
)
_ERROR, _WARNING, _INFO = 3, 4, 6
EX_UNAVAILABLE = 69


def main(words: Sequence[str]) -> int:
    """Serve, or say why not."""
    parser = argparse.ArgumentParser(prog="failberry-web", description="The dashboard; systemd runs it.")
    parser.add_argument(
        "--wanted", action="store_true", help="tell by the exit code whether it is configured"
    )
    parser.add_argument("--config", default=CONFIG_FILE, help="for --wanted (default: %(default)s)")
    parser.add_argument("--socket", default=SOCKET, help="the daemon's (default: %(default)s)")
    parser.add_argument("--password", type=Path, default=Path(password.FILE), help="(default: %(default)s)")
    options = parser.parse_args(words)
    if options.wanted:
        return _wanted(options.config)
    try:
        from failberry.web import server as _  # noqa: F401  (late: only here can it be said what is missing)
    except ImportError as missing:
        systemd.journal(_ERROR, f"dashboard: {WITHOUT.format(missing.name)}")
        return EX_UNAVAILABLE
    try:
        line = options.password.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        line = ""
    asyncio.run(_serve(options.socket, line))
    return 0


def _wanted(path: str) -> int:
    try:
        return 0 if load(path).web is not None else 1
    except ConfigError:
        return 1


async def _serve(path: str, line: str) -> None:
    from failberry.web.server import Server, quiet
    from failberry.web.site import House, Site

    link, news = Link(path), News()
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    systemd.notify("READY=1\nSTATUS=Waiting for the daemon")
    feeding = asyncio.ensure_future(systemd.feed_watchdog())
    asking = asyncio.ensure_future(_configuration(link))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not asking.done():
        asking.cancel()
        feeding.cancel()
        return
    config = asking.result()
    web = config.web or Web()
    house = House(web=web, hostname=socket.gethostname().partition(".")[0], password=line)
    site = Site(house, link=link, news=news, clock=time.monotonic, wall=time.time)
    server = Server(
        site, news, port=web.port, complain=lambda text: systemd.journal(_WARNING, f"dashboard: {text}")
    )
    with quiet():
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(follow(link, news, clock=time.monotonic)),
                tasks.create_task(server.sweep()),
                tasks.create_task(_attend(config, web, site, server)),
                tasks.create_task(_end_when_changed(config, link, news, stop)),
            ]
            await stopping
            systemd.notify("STOPPING=1")
            for task in running:
                task.cancel()
            await server.close()
    feeding.cancel()


async def _configuration(link: Link) -> Config:
    """What is in force, from whoever puts it in force; waits for a daemon."""
    told = ""
    while True:
        try:
            answer = await link.call("ShowConfig")
            return config_of(answer["toml"])
        except (UnreachableError, RefusedError, ConfigError) as fault:
            if str(fault) != told:
                told = str(fault)
                systemd.journal(_INFO, f"dashboard: waiting for the daemon: {fault}")
            await asyncio.sleep(RETRY)


async def _attend(config: Config, web: Web, site: Site, server: Server) -> None:
    """Be where the LAN is, and nowhere else."""
    said: object = None
    while True:
        site.lan = lan.lan(lan.look(config.lan_interface), wanted=web.address, networks=web.networks)
        server.listen(site.lan.own, config.lan_interface)
        places = ", ".join(str(each.address) for each in site.lan.own)
        if places != said:
            said = places
            where = f"{places} port {web.port}" if places else "this machine only"
            systemd.journal(_INFO, f"dashboard: at {where}, on {config.lan_interface}")
            if web.address and not places:
                systemd.journal(
                    _WARNING, f"dashboard: web.address {web.address} is no private address of "
                    f"{config.lan_interface}; next: `ip -br addr` lists them",
                )  # fmt: skip
            systemd.notify(f"STATUS=At {where}")
        await asyncio.sleep(LOOK)


async def _end_when_changed(config: Config, link: Link, news: News, stop: asyncio.Event) -> None:
    """End when what we do was configured anew; whoever started us starts us again, if we are still wanted."""
    seen: object = None
    while True:
        await asyncio.sleep(LOOK)
        # "reloaded" is of kind "other"; after a start of the daemon anything may be different.
        now = [news.seen.get(kind, 0) for kind in (RecordKind.OTHER, RecordKind.STARTED)]
        if seen is not None and now != seen:
            fresh = await _configuration(link)
            if (fresh.web, fresh.lan_interface) != (config.web, config.lan_interface):
                systemd.journal(_INFO, "dashboard: configured anew; next: it starts again, if it is wanted")
                stop.set()
        seen = now


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
