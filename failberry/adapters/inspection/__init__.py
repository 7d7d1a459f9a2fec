"""One look at everything that the doctor wants to know, as one frozen value.

Nothing is changed.  Over the mobile line go one question for a name, and where ``[dns]`` is configured
some kilobytes to our function at AWS; one DHCP discovery goes into the house's network.  Each question has a
deadline, and what gives no answer is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from failberry import __version__, configfile
from failberry.adapters.inspection import cloud, dhcpservers, machine, network, sim
from failberry.adapters.inspection.daemon import Ask, listen_to
from failberry.config import MOBILE_INTERFACE, Config
from failberry.core.snapshot import LineState, Snapshot, UplinkName
from failberry.doctor.evidence import DhcpServer, Evidence, NameTest
from failberry.errors import ConfigError

__all__ = ["Ask", "Places", "inspect"]

PATIENCE = 60.0
"""Seconds for whoever is asked over a network; more than any of them takes by itself."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look; tests look elsewhere."""

    config: Path = Path("/etc/failberry/failberry.toml")
    state: Path = Path("/var/lib/failberry")
    resolvers: Path = Path("/etc/resolv.conf")
    key: Path = Path("/etc/failberry/ddns.key")
    root: Path = Path("/")
    """Of the tree that holds /sys, /proc, /run, /etc and /usr of the machine itself."""


def inspect(places: Places, ask: Ask, *, aws: bool = True) -> Evidence:
    """Look at everything; takes some seconds, raises nothing.

    ``ask`` puts a question to the daemon; without ``aws`` nothing is asked of AWS.
    """
    oddities: list[str] = []
    config, problems = _configured(places.config)
    told = listen_to(ask, power=config is not None and config.recovery.usb_power)
    status = told.status
    with ThreadPoolExecutor() as pool:
        tests = [pool.submit(each) for each in _name_tests(places, config, status)]
        servers = pool.submit(_dhcp_servers, config)
        remote = pool.submit(cloud.ask, places.key, config) if aws else None
        return Evidence(
            root=os.geteuid() == 0,
            config_path=str(places.config),
            config=config,
            config_problems=problems,
            config_warnings=configfile.warnings(config, places.config) if config is not None else (),
            told=told,
            installed=__version__,
            packaged=machine.packaged(),
            uptime=machine.uptime(places.root),
            kernel_log=machine.kernel_log(),
            sensors=machine.sensors(places.root),
            sticks=machine.sticks(places.root, status),
            programs=machine.programs(places.root),
            profiles=machine.profiles(places.root),
            sim=sim.facts(ask, config, status, places),
            interfaces=network.interfaces(oddities),
            main_routes=network.main_routes(),
            forwarding=network.switch("ipv4/ip_forward"),
            forwarding6=network.switch("ipv6/conf/all/forwarding"),
            filters=network.filters(oddities),
            names=tuple(each for each in map(_answer, tests) if each is not None),
            dhcp=_answer(servers) or (),
            disks=machine.disks(places.state),
            watchdog=machine.watchdog(places.root),
            modules=machine.modules(places.root, config, status),
            units=machine.units(),
            listener=network.listener(),
            connections=network.connections(),
            clock=machine.clock(),
            aws=_answer(remote) if remote is not None else None,
            oddities=tuple(oddities),
        )


def _answer(question: Future[T]) -> T | None:
    try:
        return question.result(PATIENCE)
    except (OSError, ValueError, TimeoutError):
        return None


def _configured(path: Path) -> tuple[Config | None, tuple[str, ...]]:
    try:
        return configfile.load(path), ()
    except ConfigError as error:
        return None, tuple(str(each) for each in error.problems)


def _name_tests(
    places: Places, config: Config | None, status: Snapshot | None
) -> list[Callable[[], NameTest | None]]:
    """Ask this machine's own name servers, and those of each line that is up."""
    if config is None:
        return []
    name = config.probe.name
    tests: list[Callable[[], NameTest | None]] = [
        lambda: network.ask_names(None, "", network.resolvers(places.resolvers), name)
    ]
    if status is None:
        return tests
    lines = (
        (UplinkName.WIRED, status.wired, config.wired.interface),
        (UplinkName.CELLULAR, status.cellular, MOBILE_INTERFACE),
    )
    for line, told, interface in lines:
        if told.state is LineState.UP and told.addresses and told.dns:
            # Bound as defaults: a closure would see the last line only.
            tests.append(
                lambda line=line, interface=interface, servers=told.dns: network.ask_names(  # type: ignore[misc]
                    line, interface, servers, name
                )
            )
    return tests


def _dhcp_servers(config: Config | None) -> tuple[DhcpServer, ...]:
    return dhcpservers.discover(config.lan_interface) if config is not None else ()
