"""A street for DHCP: the Pi between the house's router and a stick that is a router of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from house import until
from namespace import Namespace

from failberry.adapters.dhcp import Lease
from failberry.adapters.firewall import NFTABLES
from failberry.adapters.netlink import Netlink
from failberry.adapters.worker import HookSocket
from failberry.config import MOBILE_INTERFACE, Config, Mode, Wired
from failberry.core.events import SessionEnded, SessionUp
from failberry.core.facts import ModemHardware
from failberry.core.filter_rules import filter_intent
from failberry.core.routing import route_intent
from failberry.core.snapshot import UplinkName

ETC = Path(__file__).parents[2] / "etc"
CONFIG = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
FAR = "198.51.100.7"
"""Somebody on the Internet; the stick answers for him."""
HARDWARE = ModemHardware(
    usb_path="1-1", vendor_id=0x12D1, product_id=0x14DB, product="HiLink", dial_tty="", status_tty=None,
    dial_interface=-1, status_interface=None, network_interface="usb0", chosen_by="network driver cdc_ether",
)  # fmt: skip
INSIDE = ("ip", "netns", "exec")
MAC = "02:00:00:00:99:01"


class Street:
    """``lan`` and ``net``: first three octets of the house's network and the stick's, perhaps the same."""

    def __init__(
        self, pi: Namespace, home: Namespace, stick: Namespace, folder: Path, *, lan: str, net: str
    ) -> None:
        self.pi, self.home, self.stick, self.folder = pi, home, stick, folder
        self.lan, self.net = lan, net
        self.posted: list[SessionUp | SessionEnded] = []
        self.server: subprocess.Popen[bytes] | None = None
        pi.ip(f"link add eth0 type veth peer name eth0 netns {home.name}", "link set eth0 up")
        home.ip(f"addr add {lan}.1/24 dev eth0", f"addr add {lan}.20/24 dev eth0", "link set eth0 up")
        pi.ip(f"addr add {lan}.2/24 dev eth0")
        pi.ip(f"route add default via {lan}.1 dev eth0 metric 100 proto dhcp")
        # As at boot; what concerns the stick's interface is the kernel's own default before we touch it.
        pi.sh("/usr/lib/systemd/systemd-sysctl", str(ETC / "sysctl" / "failberry.conf"))
        self.plug()
        self._write_hook()

    def plug(self) -> None:
        self.pi.ip(f"link add usb0 address {MAC} type veth peer name lan netns {self.stick.name}")
        self.pi.ip("link set usb0 up")  # and as networkd would have it
        self.stick.ip(f"addr add {self.net}.1/24 dev lan", "link set lan up")
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stick.ip(f"addr add {FAR}/32 dev lo")

    def unplug(self) -> None:
        self.stick.ip("link del lan")

    def _write_hook(self) -> None:
        text = (ETC / "session" / "session-hook").read_text()
        self.hook = self.folder / "session-hook"
        self.hook.write_text(
            text.replace("/run/failberry/session/hook", str(self.folder / "session" / "hook"))
        )
        self.hook.chmod(0o755)

    # --- the stick's DHCP server ---------------------------------------------------------------

    def serve(self, *, first: int = 100, seconds: int = 600, router: str | None = None) -> None:
        """(Re)start the stick's server: one address to give, of so many seconds."""
        self.hush()
        leases = self.folder / "leases"
        leases.write_bytes(b"")
        gateway = f"{self.net}.1" if router is None else router
        (self.folder / "udhcpd.conf").write_text(
            f"start {self.net}.{first}\nend {self.net}.{first}\ninterface lan\nlease_file {leases}\n"
            f"pidfile {self.folder}/udhcpd.pid\nmin_lease 1\noption subnet 255.255.255.0\n"
            f"option lease {seconds}\noption dns {self.net}.1 192.0.2.53\n"
            + (f"option router {gateway}\n" if gateway else "")
        )
        self.server = subprocess.Popen(
            [*INSIDE, self.stick.name, "busybox", "udhcpd", "-f", "-a", "50", self.folder / "udhcpd.conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def hush(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    # --- the Pi --------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def daemon(self) -> AsyncIterator[tuple[Lease, Netlink]]:
        """The adapters as the daemon wires them; what runs stays when it ends."""
        netlink = Netlink()
        lease = Lease(
            post=self.posted.append, directory=self.folder / "session", hook=self.hook, netlink=netlink
        )
        ear = HookSocket(self.folder / "session" / "hook")
        ear.listen(lease.heard)
        async with asyncio.TaskGroup() as tasks:
            jobs = [tasks.create_task(lease.attend())]
            await netlink.start(lambda seen: lease.observed(seen.facts))
            jobs.append(tasks.create_task(netlink.watch()))
            yield lease, netlink
            for job in jobs:
                job.cancel()
        ear.close()
        lease.close()
        await netlink.close()

    async def event(self, *, seconds: float = 10.0) -> SessionUp | SessionEnded:
        await until(lambda: bool(self.posted), seconds=seconds)
        return self.posted.pop(0)

    async def up(self, lease: Lease):
        """A session that is up."""
        assert (await lease.start(1, HARDWARE)).problem is None
        told = await self.event()
        assert isinstance(told, SessionUp), told
        return told.session

    async def route(self, netlink: Netlink, session, active=UplinkName.CELLULAR) -> None:
        """Routes, rules and filter, as the core would have them."""
        facts = await netlink.observe()
        intent = route_intent(CONFIG, facts, session, active=active, active6=active)
        assert (await netlink.apply(intent)).problem is None
        await asyncio.to_thread(NFTABLES.apply, filter_intent(CONFIG, facts))

    def held(self) -> list[tuple[str, int]]:
        links = self.pi.json(f"-j -4 addr show dev {MOBILE_INTERFACE}")
        return [(each["local"], each["prefixlen"]) for link in links for each in link["addr_info"]]

    def pid(self) -> int:
        return int(json.loads((self.folder / "session" / "lease.json").read_text())["pid"])
