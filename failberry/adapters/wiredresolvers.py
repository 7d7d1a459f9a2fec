"""Which name servers the wired line has, as whoever configures it has noted them.

Each has its own way to do so; the first that says something about the interface is believed:

* systemd-networkd: ``DNS=`` in ``/run/systemd/netif/links/<number of the interface>``, and in ``leases``;
* systemd-resolved, told by NetworkManager: ``SERVERS=`` in ``/run/systemd/resolve/netif/<number>``;
* dhcpcd and resolvconf: a file for each interface and protocol, as resolv.conf(5);
* dhclient: the last ``option domain-name-servers`` in ``/var/lib/dhcp/dhclient.<interface>.leases``;
* else what resolvers read, without servers on this machine itself, which ask over any line: NetworkManager's
  and systemd-resolved's list, and ``/etc/resolv.conf``, unless it is ours.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

from failberry.core.events import ResolversObserved
from failberry.core.facts import Address

INTERVAL = 30.0
"""Seconds between two looks; each reads a handful of small files."""
MOST = 4
"""Name servers that are told; each is asked every few seconds."""
_LARGEST = 65_536
"""Bytes read of the end of a file; a file of leases grows."""
_OURS = "Written by failberryd"
"""Holds the servers of whichever line is active (:mod:`failberry.adapters.resolvers`)."""
_FILES = 16
"""Files of one kind that are read at most."""
_DHCLIENT = re.compile(r"^\s*option\s+(?:domain-name-servers|dhcp6\.name-servers)\s+([^;\n]+);", re.MULTILINE)
_SYSTEMD = re.compile(r"^(?:DNS|SERVERS)=(.*)$", re.MULTILINE)
_RESOLV_CONF = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)


class ResolverWatch:
    """Looks again and again, and tells what has changed."""

    def __init__(
        self, post: Callable[[ResolversObserved], None], interface: str, root: Path = Path("/")
    ) -> None:
        self._post = post
        self._interface = interface
        self._root = root
        self._bell = asyncio.Event()
        self._told: tuple[Address, ...] | None = None

    def choose(self, interface: str) -> None:
        """Look at this interface from now on."""
        if interface != self._interface:
            self._interface = interface
            self.poke()

    def poke(self) -> None:
        """Look now: something about the line has changed."""
        self._bell.set()

    async def watch(self) -> None:
        """Tell at once, and then whenever it is news; runs until cancelled."""
        while True:
            self._bell.clear()
            servers = await asyncio.to_thread(look, self._interface, self._root)
            if servers != self._told:
                self._told = servers
                self._post(ResolversObserved(servers=servers))
            try:
                async with asyncio.timeout(INTERVAL):
                    await self._bell.wait()
            except TimeoutError:
                continue


def look(interface: str, root: Path = Path("/")) -> tuple[Address, ...]:
    """Return the interface's name servers, the best first; never raises."""
    return next(filter(None, _told(interface, root)), ())


def _told(interface: str, root: Path) -> Iterator[tuple[Address, ...]]:
    """What each of them says; lazily, for the first that says something is enough."""
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        # What was noted of it before it went away is no longer true, or soon will not be.
        return
    systemd, var = root / "run/systemd", root / "var/lib/dhcp"
    for file in (systemd / f"netif/links/{index}", systemd / f"netif/leases/{index}"):
        yield _servers(interface, _SYSTEMD, file)
    yield _servers(interface, _SYSTEMD, systemd / f"resolve/netif/{index}")
    for folder in ("dhcpcd/hook-state/resolv.conf", "dhcpcd/resolv.conf"):
        yield _servers(interface, _RESOLV_CONF, *_of(interface, root / "run" / folder))
    for folder in ("interface", "interfaces"):
        yield _servers(interface, _RESOLV_CONF, *_of(interface, root / "run/resolvconf" / folder))
    leases = (var / f"{client}.{interface}.leases" for client in ("dhclient", "dhclient6"))
    yield _servers(interface, _DHCLIENT, *leases, last=True)
    lists = ("run/NetworkManager/no-stub-resolv.conf", "run/systemd/resolve/resolv.conf", "etc/resolv.conf")
    for name in lists:
        yield _servers(interface, _RESOLV_CONF, root / name)


def _of(interface: str, folder: Path) -> list[Path]:
    """The interface's files in a folder, each named after it and after a protocol."""
    try:
        # eth0.dhcp is eth0's, eth0.7.dhcp is that of a VLAN on it.
        found = (each for each in folder.iterdir() if each.name.rpartition(".")[0] == interface)
        return sorted(found)[:_FILES]
    except OSError:
        return []


def _servers(
    interface: str, pattern: re.Pattern[str], *files: Path, last: bool = False
) -> tuple[Address, ...]:
    """Addresses that the pattern finds in the files: in all its places, or in each file's last."""
    found: list[Address] = []
    for file in files:
        text = _end(file)
        places = pattern.findall(text) if _OURS not in text else []
        found += _addresses(interface, places[-1:] if last else places)
    return tuple(dict.fromkeys(found))[:MOST]


def _addresses(interface: str, places: Iterable[str]) -> Iterator[Address]:
    for word in re.split(r"[\s,]+", " ".join(places)):
        # fe80::1%eth0 is a neighbour on eth0; a name after # is for TLS.
        plain, _, scope = word.partition("#")[0].partition("%")
        try:
            address = ip_address(plain)
        except ValueError:
            continue
        elsewhere = scope and not scope.isdigit() and scope != interface
        if not (elsewhere or address.is_loopback or address.is_unspecified or address.is_multicast):
            yield address


def _end(file: Path) -> str:
    """Read the end of a file, where what is newest stands; empty if there is none."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, 2) - _LARGEST))
            return opened.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
