"""A house in namespaces: the Pi with a wired line, a LAN and a mobile line, and the wired line's router."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from namespace import Namespace, namespaces

from failberry.adapters.netlink import Netlink
from failberry.config import MOBILE_INTERFACE, Config, Lan, Mode, Wired
from failberry.core.facts import NetworkFacts, Session
from failberry.core.intent import RouteIntent
from failberry.core.routing import route_intent
from failberry.core.snapshot import UplinkName

STANDBY = Config(mode=Mode.STANDBY_GATEWAY, wired=Wired(interface="eth0"))
ROUTER = Config(mode=Mode.DUAL_WAN_ROUTER, wired=Wired(interface="eth0"), lan=Lan(interface="lan0"))
ACTIVE = {STANDBY.mode: UplinkName.CELLULAR, ROUTER.mode: UplinkName.WIRED}
SAME = "same"
"""IPv6 takes the line that IPv4 takes."""
SESSION = Session(pid=1, tty="/dev/ttyUSB2", interface=MOBILE_INTERFACE)

OWN, GATEWAY, MOBILE = "192.168.1.50", "192.168.1.1", "100.72.3.4"
ANYONE = "198.51.100.7"
"""Somebody on the Internet; the router answers for him."""
OWN6, MOBILE6, ANYONE6 = "2001:db8:1::50", "2001:db8:2::4", "2001:db8:ffff::7"


class House:
    """The Pi's namespace, and what hangs on it."""

    def __init__(self, pi: Namespace, router: Namespace) -> None:
        self.pi, self.router = pi, router
        pi.ip(f"link add eth0 type veth peer name eth0 netns {router.name}", "link set eth0 up")
        router.ip(f"addr add {GATEWAY}/24 dev eth0", f"addr add {ANYONE}/32 dev lo", "link set eth0 up")
        router.ip("addr add fe80::1/64 dev eth0 nodad")
        pi.ip(f"addr add {OWN}/24 dev eth0", f"addr add {OWN6}/64 dev eth0 nodad")
        pi.ip(f"route add default via {GATEWAY} dev eth0 metric 100 proto dhcp")
        pi.ip("-6 route add default via fe80::1 dev eth0 metric 1024 proto ra")
        pi.ip("link add lan0 type veth peer name lan1", "link set lan0 up", "link set lan1 up")
        pi.ip("addr add 192.168.7.1/24 dev lan0", "addr add fd00:7::1/64 dev lan0 nodad")
        self._wire: int | None = pi.tun(MOBILE_INTERFACE)
        pi.ip(f"addr add {MOBILE} peer 10.64.64.64/32 dev {MOBILE_INTERFACE}")
        pi.ip(f"addr add {MOBILE6}/64 dev {MOBILE_INTERFACE} nodad")
        self._settle()

    def _settle(self) -> None:
        # The kernel enters the local routes of IPv6 addresses and of links a little later, by itself; a
        # comparison must not meet them halfway.
        expected = {("eth0", OWN6), ("lan0", "fd00:7::1"), (MOBILE_INTERFACE, MOBILE6)}
        expected |= {(link, "ff00::/8") for link in ("eth0", "lan0", "lan1", MOBILE_INTERFACE)}
        deadline = time.monotonic() + 20
        while not expected <= {
            (route["dev"], route["dst"]) for route in self.pi.json("-j -6 route show table local")
        }:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def send(self, packet: bytes) -> None:
        """Let an IP packet come in over the mobile line."""
        assert self._wire is not None
        os.write(self._wire, packet)

    def receive(self) -> bytes:
        """The next IP packet that went out over the mobile line; empty if there is none yet."""
        assert self._wire is not None
        with contextlib.suppress(BlockingIOError):
            return os.read(self._wire, 65536)
        return b""

    def hang_up(self) -> None:
        """End the mobile line: the interface goes, as when pppd ends."""
        if self._wire is not None:
            os.close(self._wire)
            self._wire = None

    def everything(self) -> list[object]:
        """All routes and rules of the Pi."""
        tables = ("route show table all", "rule")
        return [self.pi.json(f"-j {family} {table}") for family in ("-4", "-6") for table in tables]

    def leaves_by(self, query: str) -> str:
        """The interface that the kernel sends such a packet to, or ``unreachable``."""
        try:
            return str(self.pi.json(f"-j route get {query}")[0]["dev"])
        except subprocess.CalledProcessError as refusal:
            assert "unreachable" in refusal.stderr, refusal.stderr
            return "unreachable"

    def apply(self, intent: RouteIntent) -> str | None:
        """Make the Pi's routing so; the problem, if any."""
        return self.pi.run(lambda: apply(intent))[0]

    def apply_mode(
        self,
        config: Config,
        active: UplinkName | None = None,
        *,
        six: UplinkName | str | None = SAME,
        name_servers: tuple[str, ...] = (),
    ) -> RouteIntent:
        """Wish and apply what the product would."""

        async def now() -> RouteIntent:
            intent = await wish(config, active, six=six, name_servers=name_servers)
            problem, facts = await apply(intent)
            assert problem is None
            assert intent.matches(facts.ours)
            return intent

        return self.pi.run(now)


@contextlib.contextmanager
def house() -> Iterator[House]:
    """A house for the time of a test."""
    with namespaces("pi", "router") as (pi, router), contextlib.ExitStack() as stack:
        made = House(pi, router)
        stack.callback(made.hang_up)
        yield made


async def wish(
    config: Config,
    active: UplinkName | None = None,
    *,
    six: UplinkName | str | None = SAME,
    session: Session | None = SESSION,
    name_servers: tuple[str, ...] = (),
) -> RouteIntent:
    """What the product would want of the kernel as it is now; the mode's own line is active by default."""
    adapter = Netlink()
    facts = await adapter.observe()
    await adapter.close()
    line = active or ACTIVE[config.mode]
    return route_intent(
        config, facts, session,
        active=line, active6=line if six == SAME else six, name_servers=[*map(ip_address, name_servers)],
    )  # fmt: skip


async def apply(intent: RouteIntent) -> tuple[str | None, NetworkFacts]:
    """Apply with an adapter of its own; the problem, and what is there afterwards."""
    adapter = Netlink()
    applied = await adapter.apply(intent)
    facts = await adapter.observe()
    await adapter.close()
    return applied.problem, facts


async def until(condition: Callable[[], bool], *, seconds: float = 3.0) -> None:
    """Wait for something to become true.  Raises ``TimeoutError``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (conditions are of any kind)
            await asyncio.sleep(0.01)
