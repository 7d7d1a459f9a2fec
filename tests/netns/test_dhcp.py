"""A real DHCP client on a stick that is a router: what it gets, keeps, loses, and leaves alone."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from ipaddress import IPv4Address

import pytest
from house import until
from namespace import namespaces
from street import FAR, HARDWARE, MAC, Street

from failberry.adapters.dhcp import Lease
from failberry.adapters.netlink import Netlink
from failberry.config import MOBILE_INTERFACE
from failberry.core.events import SessionEnded

pytestmark = pytest.mark.netns


@pytest.fixture(params=["192.168.8", "192.168.1"], ids=["the stick has the house's prefix", "another prefix"])
def street(request, tmp_path):
    yield from streets(tmp_path, request.param)


@pytest.fixture
def plain(tmp_path):
    yield from streets(tmp_path, "192.168.1")


def streets(folder, lan):
    with namespaces("pi", "home", "stick") as made:
        street = Street(*made, folder, lan=lan, net="192.168.8")
        street.serve()
        try:
            yield street
        finally:
            street.hush()
            with contextlib.suppress(OSError, ValueError, KeyError):
                os.kill(street.pid(), signal.SIGKILL)


def test_a_lease_is_a_session_and_writes_no_route(street):
    before = street.pi.json("-j route show table main"), street.pi.json("-j route show table local")

    async def life():
        async with street.daemon() as (lease, _):
            session = await street.up(lease)
            assert session.interface == MOBILE_INTERFACE
            assert (session.local, session.gateway) == (
                IPv4Address("192.168.8.100"),
                IPv4Address("192.168.8.1"),
            )
            assert [str(each) for each in session.dns] == ["192.168.8.1", "192.0.2.53"]
            assert street.held() == [("192.168.8.100", 32)]
            main, local = (
                street.pi.json("-j route show table main"),
                street.pi.json("-j route show table local"),
            )
            assert main == before[0]
            # Not even a broadcast address, which the house may have, too.
            assert [each["dst"] for each in local if each not in before[1]] == ["192.168.8.100"]
            await lease.stop(2)
            ended = await street.event()
            assert ended == SessionEnded(exit_code=None, port_gone=False, evidence=ended.evidence)
            assert street.held() == []

    street.pi.run(life)
    assert not (street.folder / "session" / "lease.json").exists()


def test_ipv6_is_off_and_the_house_keeps_its_own(plain):
    async def life():
        async with plain.daemon() as (lease, _):
            await plain.up(lease)

    plain.pi.run(life)
    assert plain.pi.sh("sysctl", "-n", f"net.ipv6.conf.{MOBILE_INTERFACE}.disable_ipv6").strip() == "1"
    assert plain.pi.sh("sysctl", "-n", "net.ipv6.conf.eth0.disable_ipv6").strip() == "0"
    assert plain.pi.json(f"-j -6 addr show dev {MOBILE_INTERFACE}") in ([], [{}])


async def echo(where, address):
    """A server that says who asks."""
    made = socket.create_server((address, 7))
    made.settimeout(5)
    return made


def test_traffic_takes_the_stick_and_the_house_is_where_it_was(street):
    """Also where both networks have the same prefix and the same gateway address."""
    lan = street.lan
    # The house's machine has a neighbour entry for nobody yet: it will have to ask, and be answered rightly.
    street.home.sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0")

    async def life():
        async with street.daemon() as (lease, netlink):
            session = await street.up(lease)
            await street.route(netlink, session)

            async def ask(target, bound=None):
                def now():
                    source = (bound, 0) if bound else None
                    with socket.create_connection((target, 7), timeout=5, source_address=source) as line:
                        return line.getsockname()[0], line.getpeername()[0]

                return await asyncio.to_thread(now)

            assert await ask(FAR) == ("192.168.8.100", FAR)
            assert await ask(FAR, "192.168.8.100") == ("192.168.8.100", FAR)
            assert await ask(f"{lan}.20") == (f"{lan}.2", f"{lan}.20")
            assert await ask(f"{lan}.1") == (f"{lan}.2", f"{lan}.1")

    with (
        street.stick.run(lambda: echo(street.stick, FAR)) as far,
        street.home.run(lambda: echo(street.home, "0.0.0.0")) as near,
    ):
        street.pi.run(life)
        assert far.accept()[1][0] == "192.168.8.100"
        assert near.accept()[1][0] == f"{lan}.2"


def test_the_house_is_never_told_that_the_sticks_address_is_here(street):
    async def life():
        async with street.daemon() as (lease, _):
            await street.up(lease)

    def neighbour(where, device):
        """Ask for the address, and who says that it is his."""
        with contextlib.suppress(subprocess.CalledProcessError):
            where.sh("ping", "-c1", "-W1", "-I", device, "192.168.8.100")
        return where.json(f"-j neigh show 192.168.8.100 dev {device}")[0].get("lladdr")

    street.pi.run(life)
    street.home.ip("route replace 192.168.8.100/32 dev eth0")
    assert neighbour(street.home, "eth0") is None
    assert neighbour(street.stick, "lan") == MAC


def obtained(street: Street) -> int:
    return (street.folder / "session" / "udhcpc.log").read_text().count("lease of 192.168.8.100 obtained")


def test_a_lease_is_renewed_behind_the_filter(plain):
    async def life():
        async with plain.daemon() as (lease, netlink):
            await plain.route(netlink, await plain.up(lease))
            for times in (2, 3):
                os.kill(plain.pid(), signal.SIGUSR1)
                await until(lambda times=times: obtained(plain) == times, seconds=5)
            assert plain.posted == []
            assert plain.held() == [("192.168.8.100", 32)]

    plain.pi.run(life)


def test_where_both_networks_are_alike_it_is_renewed_all_the_same(tmp_path):
    """By the packet socket, before which there is no filter: the filter drops the stick's own words."""
    with namespaces("pi", "home", "stick") as made:
        street = Street(*made, tmp_path, lan="192.168.8", net="192.168.8")
        street.serve(seconds=10)

        async def life():
            async with street.daemon() as (lease, netlink):
                await street.route(netlink, await street.up(lease))
                await until(lambda: obtained(street) == 2, seconds=40)
                assert street.posted == []
                await lease.stop(2)

        try:
            street.pi.run(life)
        finally:
            street.hush()


def test_a_lease_that_is_not_renewed_ends_the_session(plain):
    plain.serve(seconds=10)

    async def life():
        async with plain.daemon() as (lease, netlink):
            session = await plain.up(lease)
            await plain.route(netlink, session)
            plain.hush()
            ended = await plain.event(seconds=30)
            assert isinstance(ended, SessionEnded)
            assert "taken the address back" in ended.evidence
            assert not ended.port_gone
            assert plain.held() == []
            assert not lease.running

    plain.pi.run(life)


def test_a_stick_that_is_pulled_out_ends_the_session_at_once(plain):
    async def life():
        async with plain.daemon() as (lease, _):
            await plain.up(lease)
            plain.unplug()
            ended = await plain.event(seconds=5)
            assert isinstance(ended, SessionEnded)
            assert ended.port_gone
            # And comes back under another name, with the next session.
            plain.plug()
            plain.serve()
            assert (await plain.up(lease)).local == IPv4Address("192.168.8.100")
            await lease.stop(3)

    plain.pi.run(life)


def test_a_client_outlives_the_daemon_and_tells_the_next_one_what_has_changed(plain):
    async def first():
        async with plain.daemon() as (lease, _):
            await plain.up(lease)

    async def second(pid):
        async with plain.daemon() as (lease, _):
            session = lease.adopt()
            assert (session.pid, session.local, session.gateway) == (
                pid,
                IPv4Address("192.168.8.100"),
                IPv4Address("192.168.8.1"),
            )
            log = plain.folder / "session" / "udhcpc.log"
            await until(lambda: log.read_text().count("obtained") >= 2, seconds=10)
            assert lease.running
            assert plain.held() == [("192.168.8.100", 32)]
            await lease.stop(2)
            assert isinstance(await plain.event(), SessionEnded)

    plain.pi.run(first)
    pid = plain.pid()
    os.kill(pid, 0)
    plain.pi.run(lambda: second(pid))
    assert plain.held() == []


def test_a_stick_that_went_while_the_daemon_was_away_is_noticed(plain):
    async def first():
        async with plain.daemon() as (lease, _):
            await plain.up(lease)

    async def second():
        netlink = Netlink()
        lease = Lease(
            post=plain.posted.append, directory=plain.folder / "session", hook=plain.hook, netlink=netlink
        )
        assert lease.adopt() is not None
        async with asyncio.TaskGroup() as tasks:
            attending = tasks.create_task(lease.attend())
            await netlink.start(lambda seen: lease.observed(seen.facts))
            ended = await plain.event(seconds=5)
            assert isinstance(ended, SessionEnded)
            assert ended.port_gone
            attending.cancel()
        await netlink.close()

    plain.pi.run(first)
    plain.unplug()
    plain.pi.run(second)


def test_a_client_that_was_cut_in_the_middle_is_ended_not_adopted(plain):
    plain.hush()

    async def first():
        async with plain.daemon() as (lease, _):
            assert (await lease.start(1, HARDWARE)).problem is None
            return plain.pid()

    async def second():
        async with plain.daemon() as (lease, _):
            assert lease.adopt() is None
            assert not lease.running

    pid = plain.pi.run(first)
    plain.pi.run(second)
    assert os.waitpid(pid, 0)[0] == pid


@pytest.mark.parametrize(
    ("net", "first", "router", "words"),
    [
        ("192.168.1", 2, None, "which eth0 here has already"),
        ("192.168.1", 100, "192.168.1.2", "which eth0 here has already"),
        ("192.168.8", 100, "127.0.0.1 192.168.8.100", "nothing usable"),
    ],
    ids=["our address", "our address as its own", "itself as gateway"],
)
def test_what_cannot_work_is_told_and_not_tried(tmp_path, net, first, router, words):
    with namespaces("pi", "home", "stick") as made:
        street = Street(*made, tmp_path, lan="192.168.1", net=net)
        street.serve(first=first, router=router)

        async def life():
            async with street.daemon() as (lease, _):
                assert (await lease.start(1, HARDWARE)).problem is None
                ended = await street.event()
                assert isinstance(ended, SessionEnded)
                assert words in ended.evidence
                assert street.held() == []

        try:
            street.pi.run(life)
        finally:
            street.hush()


def test_a_stick_that_names_no_gateway_is_it_itself(plain):
    plain.serve(router="")

    async def life():
        async with plain.daemon() as (lease, _):
            assert (await plain.up(lease)).gateway == IPv4Address("192.168.8.1")
            await lease.stop(2)

    plain.pi.run(life)


def test_an_interface_that_is_not_there_or_a_name_that_is_taken_is_told(plain):
    async def life():
        async with plain.daemon() as (lease, _):
            plain.pi.ip(f"link add {MOBILE_INTERFACE} type bridge")
            assert "there is an interface of that name" in ((await lease.start(1, HARDWARE)).problem or "")
            plain.pi.ip(f"link del {MOBILE_INTERFACE}")
            plain.unplug()
            assert "usb0 has vanished" in ((await lease.start(2, HARDWARE)).problem or "")
            assert not lease.running

    plain.pi.run(life)
