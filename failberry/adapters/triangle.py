"""How packets really go between the clients, the main router and this Pi, all of them on one network.

Three things can be wrong where a second gateway stands beside the first (standby-gateway mode):

* *Redirects* (RFC 792).  Whoever passes a packet back on the network it came from tells the sender of a
  shorter way, and he remembers it after the switch.  What our own kernel says and hears is read from its
  settings.  In IPv6 there is no setting for saying (``ip6_forward()`` asks none); there it is silent because
  nothing that comes from the LAN goes back to it, which is what our rules see to.
* *A triangle.*  What the router hands to us carries the client's address, and our answers go straight to him:
  the router sees half of each connection, and one that keeps states drops it.
* *Clients that come by themselves*, because somebody told them to, or because they believed a redirect of the
  router's.  They stay on the mobile line when all others have gone back.

The last two are told apart by the hardware address that a packet comes from, which neither conntrack nor the
routing knows.  So a packet socket listens for a while, behind a filter in the kernel that lets nothing pass
but what is forwarded; while nobody sends anything here, nobody is woken.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from failberry.core.snapshot import Notice

LISTEN_FOR = 5.0
"""Seconds."""
ENOUGH = 64
"""Packets; a house that is online over us sends as many within a second."""

_ETH_P_IP = 0x0800
_HEADER = 20
"""Bytes of an IPv4 header: all that is read of a packet."""
_SO_ATTACH_FILTER = 26
_NEIGHBOURS = Path("/proc/thread-self/net/arp")

Notices = tuple[Notice, ...]


# --- redirects -----------------------------------------------------------------------------------


def redirects(interface: str, settings: Path = Path("/proc/sys/net")) -> Notices:
    """What of redirects is still switched on for this interface.

    Sending is on if it is for the interface or for ``all``.  Hearing is on, on a machine that forwards, if it
    is for both, and else for either (ip-sysctl.rst).  IPv6 asks the interface's own setting, and a machine
    that forwards hears none.
    """
    four, six = settings / "ipv4" / "conf", settings / "ipv6" / "conf"
    cure = (
        "`grep -rs redirects /etc/sysctl.conf /etc/sysctl.d` shows who switched it on; remove that line, "
        "then `sudo systemctl restart failberry`"
    )
    notices = []
    if _on(four / "all" / "send_redirects") or _on(four / interface / "send_redirects"):
        text = (
            f"this Pi tells clients on {interface} of other gateways (ICMP redirects), which they remember "
            "after the switch"
        )
        notices.append(Notice(code="redirects_sent", text=text, cure=cure))
    both = _on(four / "all" / "accept_redirects"), _on(four / interface / "accept_redirects")
    hears = all(both) if _on(four / interface / "forwarding") else any(both)
    hears6 = _on(six / interface / "accept_redirects") and not _on(six / interface / "forwarding")
    if hears or hears6:
        text = f"this Pi believes whoever on {interface} tells it of another gateway (ICMP redirects)"
        notices.append(Notice(code="redirects_heard", text=text, cure=cure))
    return tuple(notices)


def _on(setting: Path) -> bool:
    try:
        return setting.read_text(encoding="ascii").strip() not in {"", "0"}
    except OSError:
        return False  # no such interface, or no IPv6


# --- who sends what ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """One packet that came in to be forwarded."""

    hardware: str
    """Hardware address that it came from: ``02:00:00:aa:bb:cc``."""
    source: IPv4Address


def judge(
    packets: Iterable[Passing],
    *,
    own: Sequence[IPv4Interface],
    gateway: IPv4Address,
    router: str,
    reply_via_router: bool,
    shared_gateway: bool,
) -> Notices:
    """Say what is wrong with the ways of these packets.  Pure.

    ``own`` are the addresses of the interface, ``gateway`` and ``router`` the main router's addresses, and
    ``shared_gateway`` tells that clients may come by themselves (VRRP).
    """
    ours = {each.ip for each in own} | {gateway}
    clients = [
        each
        for each in packets
        if each.source not in ours and any(each.source in interface.network for interface in own)
    ]
    handed_on = sorted({each.source for each in clients if each.hardware == router})
    themselves = sorted({each.source for each in clients if each.hardware != router})
    notices = []
    if handed_on and not reply_via_router:
        text = (
            f"the main router hands us packets of {_some(handed_on)}, and our answers go straight there: "
            "a router that keeps states sees half of each connection and may drop it"
        )
        cure = (
            "if connections hang while the router uses us: masquerade on the router towards this Pi, or set "
            "`reply_via_router = true` in [standby]"
        )
        notices.append(Notice(code="triangle_route", text=text, cure=cure))
    if themselves and not shared_gateway:
        text = (
            f"{_some(themselves)} send to this Pi without asking the main router, and so stay on the mobile "
            "line when the house goes back"
        )
        cure = (
            "switch off ICMP redirects on the main router, and see that no DHCP server or host names this Pi "
            "as gateway; a host that has learned it forgets it at its next start"
        )
        notices.append(Notice(code="clients_by_themselves", text=text, cure=cure))
    return tuple(notices)


def _some(addresses: Sequence[IPv4Address]) -> str:
    first = ", ".join(str(each) for each in addresses[:3])
    return first if len(addresses) <= 3 else f"{first} and {len(addresses) - 3} more"


async def examine(
    interface: str,
    *,
    own: Sequence[IPv4Interface],
    gateway: IPv4Address | None,
    besides: Sequence[IPv4Address] = (),
    reply_via_router: bool = False,
    shared_gateway: bool = False,
    seconds: float = LISTEN_FOR,
) -> Notices:
    """Look at the settings, and listen to what passes for so many seconds; never raises.

    Only of use while the router sends its traffic here: at other times nothing passes, and nothing is said
    of triangles.  ``besides`` are destinations that do not count, such as the canary.
    """
    found = redirects(interface)
    router = hardware_of(gateway, interface) if gateway is not None else None
    if gateway is None or router is None:
        return found
    packets = await _listen(interface, {*(each.ip for each in own), *besides}, seconds)
    return found + judge(
        packets,
        own=own,
        gateway=gateway,
        router=router,
        reply_via_router=reply_via_router,
        shared_gateway=shared_gateway,
    )


def hardware_of(neighbour: IPv4Address, interface: str, table: Path = _NEIGHBOURS) -> str | None:
    """The neighbour's hardware address as the kernel knows it (proc(5), /proc/net/arp)."""
    try:
        lines = table.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return None
    for address, _, flags, hardware, _, device in (line.split() for line in lines if len(line.split()) == 6):
        if address == str(neighbour) and device == interface and int(flags, 16) & 2:  # ATF_COM
            return hardware.lower()
    return None


# --- listening -----------------------------------------------------------------------------------


async def _listen(interface: str, own: Iterable[IPv4Address], seconds: float) -> list[Passing]:
    packets: list[Passing] = []
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError), _ear(interface, own) as ear:
        async with asyncio.timeout(seconds):
            while len(packets) < ENOUGH:
                header, sender = await loop.sock_recvfrom(ear, _HEADER)
                if len(header) == _HEADER:
                    source = IPv4Address(header[12:16])
                    packets.append(Passing(hardware=sender[4].hex(":"), source=source))
    return packets


@contextlib.contextmanager
def _ear(interface: str, own: Iterable[IPv4Address]) -> Iterator[socket.socket]:
    # Of no protocol until the filter is in place, so that nothing gets in before (packet(7)).
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as ear:
        ear.setblocking(False)  # noqa: FBT003  (the standard library's signature)
        _attach(ear, _program(own))
        ear.bind((interface, _ETH_P_IP))
        yield ear


def _program(own: Iterable[IPv4Address]) -> list[tuple[int, int, int, int]]:
    """Let pass what is sent to our hardware address and to none of our own (linux/filter.h)."""
    load_byte, load_word, jump_if_equal, give = 0x30, 0x20, 0x15, 0x06
    packet_type, destination = 0xFFFFF000 + 4, 16  # SKF_AD_OFF + SKF_AD_PKTTYPE; RFC 791 section 3.1
    program = [
        (load_byte, 0, 0, packet_type),
        (jump_if_equal, 1, 0, 0),  # PACKET_HOST: go on
        (give, 0, 0, 0),
        (load_word, 0, 0, destination),
    ]
    for address in own:
        program += [(jump_if_equal, 0, 1, int(address)), (give, 0, 0, 0)]
    return [*program, (give, 0, 0, _HEADER)]


def _attach(ear: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    code = array("B", b"".join(struct.pack("=HBBI", *each) for each in program))
    address, _ = code.buffer_info()
    # struct sock_fprog: how many, and where.
    ear.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), address))
