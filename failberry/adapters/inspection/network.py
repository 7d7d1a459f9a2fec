"""Addresses, routes, settings, filters of others, listeners, name servers: the kernel's network."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from failberry.adapters import dnsmessage
from failberry.adapters.inspection.programs import output, run
from failberry.adapters.pinned import Line
from failberry.adapters.sysfs import number, text
from failberry.config import HEALTH_PORT
from failberry.core.facts import Address
from failberry.core.snapshot import UplinkName
from failberry.doctor.evidence import Connections, Interface, Listener, MainRoute, NameTest
from failberry.doctor.ruleset import BaseChain, foreign, saved

_PROC = Path("/proc")
_NET = Path("/proc/sys/net")
_LISTENING = "0A"
_TRIES, _TRY = 2, 2.0
"""How often a name server is asked, and seconds between: a lost packet is no lost server."""
_MOST = 3
"""Name servers that are asked, as the C library does."""


def interfaces(oddities: list[str]) -> tuple[Interface, ...]:
    """Each with its addresses, and how strictly it looks at senders."""
    found = []
    told = _json("ip", "-j", "address", "show")
    if told is None:
        oddities.append("network interfaces: `ip -j address` failed")
    for each in told or ():
        if "ifname" not in each:
            continue
        name = each["ifname"]
        values = [number(_NET / "ipv4/conf" / which / "rp_filter") for which in ("all", name)]
        found.append(
            Interface(
                name=name,
                up="UP" in each.get("flags", ()),
                addresses=tuple(
                    f"{one['local']}/{one['prefixlen']}"
                    for one in each.get("addr_info", ())
                    if "local" in one
                ),
                rp_filter=max((value for value in values if value is not None), default=None),
            )
        )
    return tuple(found)


def main_routes() -> tuple[MainRoute, ...]:
    """Default routes of the main table."""
    return tuple(
        MainRoute(
            family=family,
            interface=str(each.get("dev", "")),
            gateway=str(each.get("gateway", "")),
            protocol=str(each.get("protocol", "")),
            metric=int(each.get("metric", 0)),
        )
        for family in (4, 6)
        for each in _json("ip", "-j", f"-{family}", "route", "show", "default", "table", "main") or ()
    )


def switch(setting: str) -> bool | None:
    """One of the kernel's settings; ``None``: it has none of that name."""
    value = number(_NET / setting)
    return None if value is None else value != 0


def filters(oddities: list[str]) -> tuple[BaseChain, ...]:
    """What other programs have written."""
    if os.geteuid() != 0:
        return ()
    found: list[BaseChain] = []
    done = run("nft", "-j", "list", "ruleset")
    if done is not None and done.returncode == 0:
        try:
            found += foreign(json.loads(done.stdout))
        except ValueError:
            oddities.append("packet filter: nft wrote no JSON")
    elif done is not None:
        oddities.append(f"packet filter: {done.stderr.strip()[:200]}")
    for program, names in (("iptables", "ip_tables_names"), ("ip6tables", "ip6_tables_names")):
        if text(_PROC / "net" / names):
            found += saved(output(f"{program}-legacy-save") or "")
    return tuple(found)


def _json(*words: str) -> list[dict[str, Any]] | None:
    told = output(*words)
    if told is None:
        return None
    try:
        document = json.loads(told or "[]")
    except ValueError:
        return None
    return [each for each in document if isinstance(each, dict)]


def connections() -> Connections | None:
    """How full the table of connections is."""
    count = number(_NET / "netfilter/nf_conntrack_count")
    most = number(_NET / "netfilter/nf_conntrack_max")
    return Connections(count=count, most=most) if count is not None and most is not None else None


# --- who listens -----------------------------------------------------------------------------------


def listener(port: int = HEALTH_PORT) -> Listener | None:
    """Who listens on the port; ``None``: nobody."""
    inodes = set()
    for name in ("tcp", "tcp6"):
        for line in text(_PROC / "net" / name).splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    if not inodes:
        return None
    holders = [each for each in _PROC.iterdir() if each.name.isdigit() and _holds(each, inodes)]
    named = {int(each.name): _program(each) for each in holders}
    # systemd holds it as long as the health server does.
    pid = next((pid for pid, name in named.items() if name in ("systemd", "failberry-health")), None)
    pid = pid if pid is not None else next(iter(named), 0)
    return Listener(port=port, program=named.get(pid, ""), pid=pid)


def _program(folder: Path) -> str:
    words = text(folder / "cmdline").replace("\0", " ")
    return "failberry-health" if "failberry" in words and "health" in words else text(folder / "comm")


def _holds(folder: Path, inodes: set[str]) -> bool:
    with contextlib.suppress(OSError):
        for each in (folder / "fd").iterdir():
            with contextlib.suppress(OSError):
                if str(each.readlink()) in inodes:
                    return True
    return False


# --- names -----------------------------------------------------------------------------------------


def resolvers(path: Path) -> tuple[str, ...]:
    """Whom this machine asks (resolv.conf(5))."""
    words = [line.split() for line in text(path).splitlines()]
    return tuple(each[1] for each in words if len(each) > 1 and each[0] == "nameserver")[:_MOST]


def ask_names(line: UplinkName | None, interface: str, servers: Sequence[str], name: str) -> NameTest:
    """Ask each of them until one knows; over the line, or by whatever way this machine takes."""
    problems = []
    for server in servers[:_MOST]:
        try:
            problem = _asked(Line(interface=interface) if line is not None else None, server, name)
        except (OSError, ValueError) as failure:
            problem = str(failure)
        if not problem:
            return NameTest(line=line, servers=tuple(servers), answered=True)
        problems.append(f"{server}: {problem}")
    return NameTest(line=line, servers=tuple(servers), answered=False, problems=tuple(problems))


def _asked(line: Line | None, server: str, name: str) -> str:
    """Ask one; return what is wrong with its answer.  Raises OSError, ValueError."""
    peer = ip_address(server.partition("%")[0])
    question = dnsmessage.question(int.from_bytes(os.urandom(2), "big"), name, dnsmessage.Kind.A)
    with _socket(line, peer) as ours:
        for _ in range(_TRIES):
            ours.send(question)
            until = time.monotonic() + _TRY
            while (left := until - time.monotonic()) > 0:
                if not select.select([ours], [], [], left)[0]:
                    break
                packet = ours.recv(4096)
                if dnsmessage.answers(packet, question):
                    answer = dnsmessage.parse(packet, question)
                    return (
                        "" if answer.knows else dnsmessage.RCODES.get(answer.rcode, f"error {answer.rcode}")
                    )
    return "no answer"


def _socket(line: Line | None, peer: Address) -> socket.socket:
    if line is not None:
        return line.connect(peer, 53, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
    ours = socket.socket(socket.AF_INET if peer.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        ours.connect((str(peer), 53))
    except OSError:
        ours.close()
        raise
    return ours
