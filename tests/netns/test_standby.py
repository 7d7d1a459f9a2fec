"""What a Pi beside the main router tells it and sees of it: a LAN in namespaces, the real keepalived."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
from house import until
from namespace import Namespace, namespaces

from failberry.adapters import standby, triangle, vrrp
from failberry.adapters.netlink import Netlink
from failberry.adapters.standby import Notices, StandbyOffer
from failberry.config import Config, Mode, Wired
from failberry.policy import Standby, Vrrp

pytestmark = pytest.mark.netns

PI, ROUTER, GUEST = "192.168.1.2", "192.168.1.1", "192.168.1.20"
HEALTH, GATEWAY = "192.168.1.3", "192.168.1.254"
FAR = "198.51.100.7"
"""Somebody on the Internet."""
UNIT = Path(__file__).parents[2] / "systemd" / vrrp.UNIT
TAKEOVER = 5.0
"""Seconds from the death of the main router until a host has learned that its address is here.

3.65 by the protocol's timers (RFC 9568 section 6.1), measured as 3.6; the rest is for a busy machine."""


class Lan:
    """A switch, and on it the Pi, the main router and a host of the house."""

    def __init__(
        self, switch: Namespace, pi: Namespace, router: Namespace, guest: Namespace, folder: Path
    ) -> None:
        self.pi, self.router, self.guest, self.folder = pi, router, guest, folder
        switch.ip("link add lan type bridge", "link set lan up")
        for each, address in ((pi, PI), (router, ROUTER), (guest, GUEST)):
            port = each.name.rpartition("-")[2]
            each.ip(f"link add eth0 type veth peer name {port} netns {switch.name}", "link set eth0 up")
            switch.ip(f"link set {port} master lan up")
            each.ip(f"addr add {address}/24 dev eth0")
        pi.ip(f"route add default via {ROUTER}")
        self.told: list[Notices] = []
        # In place of systemd: writes down what it is told.
        self.orders = folder / "orders"
        self.systemctl = folder / "systemctl"
        self.systemctl.write_text(f'#!/bin/sh\necho "$3" >>{self.orders}\n')
        self.systemctl.chmod(0o755)

    @contextlib.asynccontextmanager
    async def offer(
        self, config: Config, *, keepalived: Path = vrrp.KEEPALIVED
    ) -> AsyncIterator[StandbyOffer]:
        """The adapter as the daemon runs it; what stands when it ends, stays."""
        netlink = Netlink()
        offer = StandbyOffer(
            config,
            netlink=netlink,
            told=self.told.append,
            folder=self.folder,
            systemctl=str(self.systemctl),
            keepalived=keepalived,
        )
        attending = asyncio.create_task(offer.attend())
        yield offer
        attending.cancel()
        await netlink.close()

    def withdraw(self) -> tuple[str, ...]:
        async def now() -> tuple[str, ...]:
            netlink = Netlink()
            problems = await standby.withdraw(netlink, folder=self.folder, systemctl=str(self.systemctl))
            await netlink.close()
            return problems

        return self.pi.run(now)

    def addresses(self, where: Namespace) -> dict[str, dict[str, object]]:
        links = where.json("-j -4 addr show dev eth0")
        return {each["local"]: each for link in links for each in link["addr_info"]}

    def holds(self, where: Namespace, address: str) -> Callable[[], bool]:
        return lambda: address in self.addresses(where)

    def lacks(self, where: Namespace, address: str) -> Callable[[], bool]:
        return lambda: address not in self.addresses(where)

    def codes(self) -> list[str]:
        return [notice.code for notice in self.told[-1]] if self.told else []

    def answers(self, address: str) -> bool:
        """Whether the router's gateway monitoring is answered."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.router.sh("ping", "-n", "-c", "1", "-W", "0.5", address)
            return True
        return False


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with namespaces("switch", "pi", "router", "guest") as made:
        yield Lan(*made, tmp_path)


def config(address: str = HEALTH, shared: Vrrp | None = None) -> Config:
    return Config(
        mode=Mode.STANDBY_GATEWAY,
        wired=Wired(interface="eth0"),
        standby=Standby(health_address=address),
        vrrp=shared,
    )


# --- the health address ---------------------------------------------------------------------------


def test_the_health_address_answers_exactly_while_the_line_is_proven(lan: Lan) -> None:
    async def story() -> None:
        async with lan.offer(config()) as offer:
            offer.keep(proven=True)
            await until(lan.holds(lan.pi, HEALTH), seconds=5)
            await until(lambda: lan.answers(HEALTH))
            offer.keep(proven=False)
            await until(lan.lacks(lan.pi, HEALTH))
            assert not lan.answers(HEALTH)

    lan.pi.run(story)
    assert lan.told == []


def test_it_is_told_to_all_never_a_source_and_gone_some_time_after_the_daemon(lan: Lan) -> None:
    async def story() -> None:
        async with lan.offer(config()) as offer:
            offer.keep(proven=True)
            await until(lan.holds(lan.pi, HEALTH), seconds=5)
            await until(lambda: known() == own)

    def known() -> str:
        return str(lan.router.json(f"-j neigh show to {HEALTH}")[0]["lladdr"])

    own = lan.pi.json("-j link show dev eth0")[0]["address"]
    lan.router.ip(f"neigh add {HEALTH} lladdr 02:00:00:00:00:99 dev eth0 nud stale")
    lan.pi.run(story)
    held = lan.addresses(lan.pi)[HEALTH]
    assert (held["prefixlen"], held["scope"], held["label"]) == (32, "link", "eth0:fbproof")
    assert 0 < int(str(held["valid_life_time"])) <= 180
    # Also when the Pi's own address is given anew, and so comes after it.
    lan.pi.ip(f"addr del {PI}/24 dev eth0", f"addr add {PI}/24 dev eth0")
    assert lan.pi.json(f"-j route get {FAR} oif eth0")[0]["prefsrc"] == PI


def test_nothing_is_touched_before_the_first_wish_and_then_what_is_stale_goes(lan: Lan) -> None:
    lan.pi.ip("addr add 192.168.1.4/32 dev eth0 label eth0:fbproof", "addr add 192.168.1.5/32 dev eth0")

    async def story() -> None:
        async with lan.offer(config()) as offer:
            await asyncio.sleep(0)
            assert lan.holds(lan.pi, "192.168.1.4")()
            offer.keep(proven=True)
            await until(lan.holds(lan.pi, HEALTH), seconds=5)
            await until(lan.lacks(lan.pi, "192.168.1.4"))

    lan.pi.run(story)
    assert lan.withdraw() == ()
    assert lan.addresses(lan.pi).keys() == {PI, "192.168.1.5"}


def test_an_address_that_somebody_has_is_left_to_him_and_one_that_is_ours_is_kept(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(standby, "SOON", 0.2)
    lan.guest.ip(f"addr add {HEALTH}/24 dev eth0")

    async def story() -> None:
        async with lan.offer(config()) as offer:
            offer.keep(proven=True)
            await until(lambda: lan.codes() == ["health_address"], seconds=5)
            assert lan.pi.json("-j link show dev eth0")[0]["address"] not in lan.told[-1][0].text
            assert lan.guest.json("-j link show dev eth0")[0]["address"] in lan.told[-1][0].text
            assert lan.lacks(lan.pi, HEALTH)()
            # He goes, and it is ours; he comes back, and we give way.
            lan.guest.ip(f"addr del {HEALTH}/24 dev eth0")
            await until(lan.holds(lan.pi, HEALTH), seconds=5)
            await until(lambda: lan.codes() == [])
            # What somebody takes away comes back.
            lan.pi.ip(f"addr del {HEALTH}/32 dev eth0")
            await until(lan.holds(lan.pi, HEALTH), seconds=5)
            lan.guest.ip(f"addr add {HEALTH}/24 dev eth0")
            await until(lan.lacks(lan.pi, HEALTH), seconds=5)
            await until(lambda: lan.codes() == ["health_address"])

    lan.pi.run(story)


@pytest.mark.parametrize(
    ("address", "words"), [(PI, "the Pi's own address"), ("10.9.8.7", "not on the network of eth0")]
)
def test_an_address_that_cannot_work_is_named(lan: Lan, address: str, words: str) -> None:
    async def story() -> None:
        async with lan.offer(config(address)) as offer:
            offer.keep(proven=True)
            await until(lambda: bool(lan.told))

    lan.pi.run(story)
    (notice,) = lan.told[-1]
    assert words in notice.text
    assert lan.addresses(lan.pi).keys() == {PI}


# --- VRRP -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def keepalived(where: Namespace, configuration: Path, folder: Path) -> Iterator[None]:
    """As the shipped unit runs it: its command line, its rights, and the kernel's settings read-only."""
    unit = UNIT.read_text().replace("\\\n", " ")
    command = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    capabilities = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    assert command
    assert capabilities
    words = command[1].replace("/run/failberry/keepalived.conf", str(configuration))
    rights = "".join(f",+{each.removeprefix('CAP_').lower()}" for each in capabilities[1].split())
    folder.mkdir()
    script = (
        "mount -t proc none /proc && mount -o remount,bind,ro /proc/sys 2>/dev/null || "
        "{ mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys; }; "
        f"exec setpriv --no-new-privs --bounding-set=-all{rights} "
        + words.replace("/run/failberry-vrrp", str(folder))
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["ip", "netns", "exec", where.name, "sh", "-ec", script],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def test_the_gateway_address_comes_when_the_router_dies_and_only_while_the_line_is_proven(lan: Lan) -> None:
    ours = Vrrp(address=f"{GATEWAY}/24", router_id=51, priority=90)

    def other(name: str, *, priority: int, word: str) -> Path:
        track, written = lan.folder / f"{name}-track", lan.folder / f"{name}.conf"
        track.write_text(word)
        written.write_text(vrrp.configuration(replace(ours, priority=priority), "eth0", track))
        return written

    # The router, and a Pi in the guest's place that would come before ours, were its line proven.
    router = other("router", priority=100, word="0\n")
    unproven = other("unproven", priority=95, word="1\n")

    async def story() -> None:
        async with lan.offer(config("", ours)) as offer:
            offer.keep(proven=True)
            await until((lan.folder / vrrp.CONFIGURATION).exists)
            await until(lan.orders.exists)
            with (
                keepalived(lan.router, router, lan.folder / "router"),
                keepalived(lan.guest, unproven, lan.folder / "guest"),
                keepalived(lan.pi, lan.folder / vrrp.CONFIGURATION, lan.folder / "pi"),
            ):
                await until(lan.holds(lan.router, GATEWAY), seconds=10)
                assert lan.lacks(lan.pi, GATEWAY)()
                assert await takes_over(lan) <= TAKEOVER
                assert lan.lacks(lan.guest, GATEWAY)()
                offer.keep(proven=False)
                await until(lan.lacks(lan.pi, GATEWAY))

    lan.pi.run(story)
    assert lan.told == []
    assert lan.orders.read_text().split() == ["reload-or-restart"]
    assert lan.withdraw() == ()
    assert lan.orders.read_text().split() == ["reload-or-restart", "stop"]
    assert not (lan.folder / vrrp.CONFIGURATION).exists()


def test_what_is_missing_or_refuses_is_told_and_taken_up_again(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(standby, "RETRY", 0.1)
    missing = lan.folder / "keepalived"
    lan.systemctl.rename(lan.folder / "well")
    lan.systemctl.write_text("#!/bin/sh\necho Unit failberry-vrrp.service is masked. >&2\nexit 1\n")
    lan.systemctl.chmod(0o755)

    async def story() -> None:
        async with lan.offer(config("", Vrrp(address=f"{GATEWAY}/24")), keepalived=missing) as offer:
            offer.keep(proven=True)
            await until(lambda: lan.codes() == ["vrrp"])
            assert "`sudo apt install keepalived`" in lan.told[-1][0].cure
            assert not (lan.folder / vrrp.CONFIGURATION).exists()
            missing.touch()
            await until(lambda: "is masked" in lan.told[-1][0].text)
            (lan.folder / "well").rename(lan.systemctl)
            await until(lambda: lan.codes() == [])
            # Without [vrrp] it is stopped, once.
            offer.reconfigure(config(""))
            await until(lambda: lan.orders.read_text().split() == ["reload-or-restart", "stop"])
            assert not (lan.folder / vrrp.CONFIGURATION).exists()

    lan.pi.run(story)


async def takes_over(lan: Lan) -> float:
    """Let the router die; the seconds until its address is at the Pi, and a host has learned it."""
    lan.guest.sh("ping", "-n", "-c", "1", "-W", "1", GATEWAY)
    began = time.monotonic()
    lan.router.ip("link set eth0 down")
    await until(lan.holds(lan.pi, GATEWAY), seconds=10)
    lan.guest.sh("ping", "-n", "-c", "1", "-W", "1", GATEWAY)
    return time.monotonic() - began


def test_keepalived_understands_every_word(lan: Lan) -> None:
    written = lan.folder / "keepalived.conf"
    shared = Vrrp(address=f"{GATEWAY}/24", router_id=255, priority=254)
    written.write_text(vrrp.configuration(shared, "eth0", lan.folder / "track"))
    lan.pi.sh("keepalived", "--config-test", "--vrrp", f"--use-file={written}")
    written.write_text(written.read_text().replace("advert_int", "advert_every"))
    with pytest.raises(subprocess.CalledProcessError):
        lan.pi.sh("keepalived", "--config-test", "--vrrp", f"--use-file={written}")


# --- the ways of packets ---------------------------------------------------------------------------


def examine(lan: Lan, *, reply_via_router: bool = False) -> list[str]:
    """What is found while the guest sends something to the Internet."""

    async def story() -> Notices:
        looking = asyncio.create_task(
            triangle.examine(
                "eth0",
                own=[IPv4Interface(f"{PI}/24")],
                gateway=IPv4Address(ROUTER),
                reply_via_router=reply_via_router,
                seconds=0.5,
            )
        )
        with lan_socket() as sending:
            while not looking.done():
                sending.sendto(b"x", (FAR, 9))
                sending.sendto(b"x", (PI, 9))
                await asyncio.sleep(0.02)
        return await looking

    def lan_socket() -> socket.socket:
        async def make() -> socket.socket:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        return lan.guest.run(make)

    # The kernel knows the router's hardware address: it has just heard of it.
    lan.pi.sh("ping", "-n", "-c", "1", "-W", "1", ROUTER)
    return [notice.code for notice in lan.pi.run(story)]


@pytest.fixture
def failed_over(lan: Lan) -> Lan:
    """The router sends to the Pi what is for the Internet."""
    for each in (lan.pi, lan.router):
        settings = ("ip_forward=1", "conf.all.send_redirects=0", "conf.eth0.send_redirects=0")
        each.sh("sysctl", "-qw", *(f"net.ipv4.{setting}" for setting in settings))
    lan.pi.sh("sysctl", "-qw", "net.ipv4.conf.all.accept_redirects=0")
    lan.pi.sh("sysctl", "-qw", "net.ipv6.conf.eth0.accept_redirects=0")
    lan.pi.ip("link add fbcell0 type veth peer name far0", "link set far0 up", "link set fbcell0 arp off up")
    lan.pi.ip(f"route add {FAR}/32 dev fbcell0")
    lan.router.ip(f"route add default via {PI}")
    lan.guest.ip(f"route add default via {ROUTER}")
    return lan


def test_a_triangle_is_seen_where_there_is_one(failed_over: Lan) -> None:
    assert examine(failed_over) == ["triangle_route"]
    assert examine(failed_over, reply_via_router=True) == []
    rule = "table ip t { chain c { type nat hook postrouting priority 100; oif eth0 masquerade; }; }"
    failed_over.router.sh("nft", rule)
    assert examine(failed_over) == []


def test_clients_that_come_by_themselves_are_seen(failed_over: Lan) -> None:
    failed_over.guest.ip(f"route replace default via {PI}")
    assert examine(failed_over) == ["clients_by_themselves"]


def test_redirects_are_what_the_kernel_does_with_its_settings(lan: Lan) -> None:
    def found(*settings: str) -> list[str]:
        lan.pi.sh("sysctl", "-qw", *(f"net.ipv{each}" for each in settings))

        async def look() -> list[str]:
            return [notice.code for notice in triangle.redirects("eth0")]

        return lan.pi.run(look)

    off = ("4.ip_forward=1", "6.conf.all.forwarding=1")
    off += tuple(
        f"4.conf.{where}.{what}_redirects=0" for where in ("all", "eth0") for what in ("send", "accept")
    )
    assert found(*off) == []
    assert found("4.conf.all.send_redirects=1") == ["redirects_sent"]
    assert found("4.conf.all.send_redirects=0", "4.conf.eth0.send_redirects=1") == ["redirects_sent"]
    assert found("4.conf.eth0.send_redirects=0", "4.conf.eth0.accept_redirects=1") == []
    assert found("4.conf.all.accept_redirects=1") == ["redirects_heard"]
    assert found(*off, "6.conf.eth0.accept_redirects=1") == []
    assert found("6.conf.eth0.forwarding=0") == ["redirects_heard"]
    assert found("6.conf.eth0.accept_redirects=0") == []
