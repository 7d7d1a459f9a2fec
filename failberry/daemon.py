"""The front door: builds the adapters from the configuration and starts everything.

Read :func:`run` from top to bottom; each paragraph is one part of the house.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from failberry import __version__, usbdeeds
from failberry.adapters import heartbeat, notes, systemd
from failberry.adapters.calendar import Calendar
from failberry.adapters.dhcp import Lease
from failberry.adapters.firewall import FirewallAdapter
from failberry.adapters.historyfile import HistoryFile
from failberry.adapters.lookout import Lookout
from failberry.adapters.netlink import Netlink
from failberry.adapters.ondemand import Keeper, OnDemand
from failberry.adapters.pppd import Pppd
from failberry.adapters.resolvers import Resolvers
from failberry.adapters.serialport import ModemPorts
from failberry.adapters.standby import StandbyOffer, withdraw
from failberry.adapters.store import Store
from failberry.adapters.supply import SupplyWatch
from failberry.adapters.usbbus import UsbWatch
from failberry.adapters.usbpromises import AT_START
from failberry.adapters.wiredresolvers import ResolverWatch
from failberry.adapters.worker import HookSocket
from failberry.config import Config
from failberry.configfile import load, warnings
from failberry.control import buttons
from failberry.control.server import ControlServer, listen
from failberry.control.service import Service
from failberry.core.appliance import Appliance
from failberry.core.events import (
    Event,
    NetworkObserved,
    NoticesChanged,
    Started,
    Tick,
    UsageRemembered,
)
from failberry.ctl.words import config_problems
from failberry.engine import Engine
from failberry.errors import EX_CONFIG, AdapterError, ConfigError
from failberry.health.heartbeat import Line
from failberry.house import House, Places
from failberry.notify import USER as NOTIFIER
from failberry.past import Past
from failberry.selftest import examine_router
from failberry.usbdeeds import UsbDeeds
from failberry.world import World

BEAT = 2.0
"""Seconds between two heartbeats for the health server."""
REMEMBERED = 86_400.0
"""Seconds of steps of recovery that count after a start: as far back as any budget looks."""
PROOF_TIMEOUT = 5.0
"""Seconds an adapter, or the engine, may take to show that it still moves."""


async def run(config: Config, places: Places, control: socket.socket) -> None:
    """Run until SIGTERM, answering on the socket ``control``.

    What stands in the kernel, and a session that is up, stay as they are.
    """
    # Whatever an adapter sees becomes an event in the engine's queue.
    queue: asyncio.Queue[Event] = asyncio.Queue()
    post: Callable[[Event], None] = queue.put_nowait

    # The adapters: kernel, packet filter, modem, pppd or DHCP client, disk.
    netlink = Netlink()
    firewall = FirewallAdapter(config.firewall.backend)
    ports = ModemPorts(post)
    hook = HookSocket(places.session / "hook")
    pppd = Pppd(post=post, directory=places.session, hook=places.hook)
    lease = Lease(post=post, directory=places.session, hook=places.hook, netlink=netlink)
    store = Store(places.state)
    usb = UsbWatch(post)
    supply = SupplyWatch(post)
    deeds = UsbDeeds(store, places.usb_lock)
    lookout = Lookout(post)
    nameservers = ResolverWatch(post, config.wired.interface)
    calendar = Calendar(post)
    standby = StandbyOffer(
        config,
        netlink=netlink,
        told=lambda notices: post(NoticesChanged(source="standby", notices=notices)),
        folder=places.runtime,
    )
    # The house's names in DNS, if it has any: by our function at AWS, or by a child that holds the AWS keys.
    names = OnDemand(lambda: _keeper_of_names(post, places))
    world = World(
        config,
        netlink=netlink,
        firewall=firewall,
        ports=ports,
        pppd=pppd,
        lease=lease,
        store=store,
        usb=deeds,
        lookout=lookout,
        standby=standby,
        nameservers=nameservers,
        resolvers=Resolvers(),
        names=names,
        complain=lambda problem: systemd.journal(4, f"names: {problem}"),
    )

    def observed(seen: NetworkObserved) -> None:
        # The lease first: a stick that was pulled out ends its session, and the core shall hear why.
        lease.observed(seen.facts)
        nameservers.poke()
        post(seen)

    # What happens goes into journal and history.
    past = Past(HistoryFile(places.history), boot=heartbeat.boot_id())
    await past.open()

    # The core, and the loop around it.
    engine = Engine(
        Appliance(config, seed=int.from_bytes(os.urandom(4), "big")),
        queue=queue,
        perform=world.perform,
        keep=world.keep,
        note=past.note,
        tell=past.tell,
    )
    house = House(
        config,
        places,
        engine,
        world=world,
        store=store,
        ports=ports,
        power=deeds.power,
        report=past.tell,
        history=past.history,
    )
    service = Service(house)

    # What a predecessor took for a while comes back before anything else: a modem without power is no modem.
    await deeds.give_back(AT_START)

    # What a predecessor left: records of PINs and of steps, and perhaps a session that still carries traffic.
    records, records_problem = store.pin_records()
    steps, steps_problem = store.steps(REMEMBERED)
    hook.listen(pppd.heard, lease.heard)
    session = pppd.adopt() or lease.adopt()

    async with past.kept(), asyncio.TaskGroup() as tasks:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGINT, stop.set)
        reload = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, reload.set)

        # The engine first, then the senses that feed it, then the ears that answer.
        running = [
            tasks.create_task(
                engine.run(
                    Started(
                        pin_records=records,
                        pin_records_problem=records_problem,
                        session=session,
                        uptime=time.clock_gettime(time.CLOCK_BOOTTIME),
                        steps=steps,
                        steps_problem=steps_problem,
                        last_usb_path=store.last_usb_path(),
                    )
                ),
                name="engine",
            )
        ]
        used, used_problem = store.usage()
        post(UsageRemembered(record=used, problem=used_problem, boot=heartbeat.boot_id()))
        await netlink.start(observed)
        usb.start()
        running += [
            tasks.create_task(netlink.watch(), name="netlink"),
            tasks.create_task(lease.attend(), name="lease"),
            tasks.create_task(supply.watch(), name="supply"),
            tasks.create_task(lookout.watch(), name="lookout"),
            tasks.create_task(nameservers.watch(), name="name servers"),
            tasks.create_task(standby.attend(), name="standby"),
            tasks.create_task(names.attend(), name="names"),
            tasks.create_task(calendar.watch(), name="calendar"),
            tasks.create_task(notes.watch(post), name="notices of others"),
            tasks.create_task(
                examine_router(lambda: house.config, engine.snapshot, post), name="examination of the router"
            ),
            tasks.create_task(
                ControlServer(service, pressing=buttons.user(), texting=buttons.user(NOTIFIER)).serve(
                    control
                ),
                name="control",
            ),
            tasks.create_task(_tell(engine, service), name="status line"),
            tasks.create_task(_beat(house, places), name="heartbeat"),
            tasks.create_task(past.history.attend(), name="history"),
            tasks.create_task(past.watch(engine.snapshot), name="samples"),
            tasks.create_task(_reload_on(reload, house), name="reload"),
            tasks.create_task(deeds.attend(), name="promises"),
            tasks.create_task(
                _feed_watchdog(
                    {
                        "engine": lambda: _turns(engine),
                        "netlink": netlink.prove_alive,
                        "lookout": lookout.prove_alive,
                        "names": names.prove_alive,
                    }
                ),
                name="watchdog",
            ),
        ]
        # What was imported and built so far lives as long as we do: collections need not look at it again.
        gc.freeze()
        systemd.notify("READY=1")

        # A stop leaves the last working state: the line that works goes on working.
        await stop.wait()
        systemd.notify("STOPPING=1")
        past.stopped()
        for task in running:
            task.cancel()
        usb.close()
        lookout.close()
        hook.close()
        pppd.close()
        lease.close()
        await ports.close()
        await netlink.close()


def _keeper_of_names(post: Callable[[Event], None], places: Places) -> Keeper:
    # Late: who has no names shall not carry a megabyte of what keeps them.
    from failberry.adapters.authority import Authority
    from failberry.adapters.ddnsclient import DdnsClient
    from failberry.adapters.dnschild import DnsChild
    from failberry.adapters.names import Names

    return Names(
        post,
        publishing=DnsChild(places.dns_socket),
        moving=DnsChild(places.dns_socket),
        client=DdnsClient(),
        authority=Authority(),
        seed=int.from_bytes(os.urandom(4), "big"),
    )


# --- small permanent jobs ------------------------------------------------------------------------


async def _tell(engine: Engine, service: Service) -> None:
    """Wake watchers, and keep the line that ``systemctl status`` shows."""
    told = ""
    while True:
        await engine.changed.wait()
        engine.changed.clear()
        service.changed()
        appliance = engine.appliance
        line = f"active: {appliance.failover.active or 'no line'}; modem {appliance.modem.state}"
        if line != told:
            systemd.notify(f"STATUS={line}")
            told = line


async def _beat(house: House, places: Places) -> None:
    """Tell the health server that we live, and which address belongs to which line."""
    boot_id = heartbeat.boot_id()
    while True:
        status = await house.status()
        health = house.config.health
        lines = {
            "wired": Line(
                addresses=[each.partition("/")[0] for each in status.wired.addresses],
                path=health.wired_path or None,
            ),
            "cellular": Line(addresses=status.cellular.addresses, path=health.cellular_path or None),
        }
        router = status.router
        heartbeat.write(
            places.heartbeat,
            beat=time.monotonic(),
            boot_id=boot_id,
            lines=lines,
            standby=router.standby_offered if router is not None else None,
            standby_reason=status.cellular.reason if router is not None else "",
        )
        await asyncio.sleep(BEAT)


async def _reload_on(requested: asyncio.Event, house: House) -> None:
    """Reload on SIGHUP; a bad file is refused and the old configuration stays."""
    while True:
        await requested.wait()
        requested.clear()
        systemd.notify("RELOADING=1")
        try:
            if waits := await house.reload():
                systemd.journal(
                    5, f"configuration: {', '.join(waits)}: changed; next: at the Pi's next start"
                )
        except ConfigError as error:
            systemd.journal(3, f"{config_problems(error)}\nWhat was in force stays in force.")
        systemd.notify("READY=1")


async def _turns(engine: Engine) -> bool:
    """Prove that the engine turns: give it an event and see it handled."""
    before = engine.turns
    engine.post(Tick())
    for _ in range(round(PROOF_TIMEOUT / 0.05)):
        if engine.turns != before:
            return True
        await asyncio.sleep(0.05)
    return False


async def _feed_watchdog(proofs: Mapping[str, Callable[[], Awaitable[bool]]]) -> None:
    """Feed systemd's watchdog only when every part has moved; name the culprit otherwise."""
    interval = systemd.watchdog_interval()
    if interval is None:
        return
    while True:
        silent = [name for name, proof in proofs.items() if not await proof()]
        if silent:
            systemd.journal(
                2, f"watchdog: not fed: {', '.join(silent)} does not move; next: systemd restarts us"
            )
        else:
            systemd.notify("WATCHDOG=1")
        await asyncio.sleep(interval / 3)


# --- from the shell ------------------------------------------------------------------------------


async def release(places: Places) -> tuple[str, ...]:
    """Hang up and take all that is ours out of the kernel; return the problems.  The daemon must not run."""
    pppd = Pppd(post=lambda _: None, directory=places.session, hook=places.hook)
    pppd.adopt()
    await pppd.stop(0)
    netlink = Netlink()
    lease = Lease(post=lambda _: None, directory=places.session, hook=places.hook, netlink=netlink)
    lease.adopt()
    async with asyncio.TaskGroup() as tasks:
        attending = tasks.create_task(lease.attend())
        await lease.stop(0)
        attending.cancel()
    removed = await netlink.remove_ours()
    problems = [] if removed.problem is None else [removed.problem]
    problems += await withdraw(netlink, folder=places.runtime)
    try:
        await FirewallAdapter.remove_all()
    except AdapterError as error:
        problems.append(error.evidence)
    await netlink.close()
    problems += await usbdeeds.settle(places.state, places.usb_lock)
    return tuple(problems)


def main() -> int:
    """Start the daemon; exit status 78 for a configuration that cannot be used."""
    parser = argparse.ArgumentParser(prog="failberryd", description="The Failberry daemon; systemd runs it.")
    parser.add_argument(
        "--config", type=Path, default=Places().config, help="configuration file (default: %(default)s)"
    )
    parser.add_argument("--version", action="version", version=__version__)
    arguments = parser.parse_args()
    logging.basicConfig(handlers=[_Journal()], level=logging.INFO, format="%(message)s")
    places = Places(config=arguments.config)
    try:
        config = load(places.config)
    except ConfigError as error:
        systemd.journal(3, config_problems(error))
        # Nobody's modem stays without power because of a word in a file.
        asyncio.run(usbdeeds.settle(places.state, places.usb_lock))
        return EX_CONFIG
    for warning in warnings(config, places.config):
        systemd.journal(4, f"configuration: {warning}")
    try:
        control = listen(str(places.control))
    except OSError as error:
        why = "another failberryd runs" if error.errno == errno.EADDRINUSE else error.strerror
        systemd.journal(3, f"control: {places.control} cannot be opened: {why}; next: nothing was touched")
        return 1
    asyncio.run(run(config, places, control))
    return 0


class _Journal(logging.Handler):
    """Passes what libraries log on to the journal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        priority = 3 if record.levelno >= logging.ERROR else 4 if record.levelno >= logging.WARNING else 6
        systemd.journal(priority, self.format(record))


if __name__ == "__main__":
    sys.exit(main())
