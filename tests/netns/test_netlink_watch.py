"""The netlink adapter tells what changes, soon, once, and under any flood."""

import asyncio
import contextlib
import threading
from ipaddress import ip_interface

import pytest
from house import STANDBY, house, until, wish

from failberry.adapters import netlink
from failberry.adapters.netlink import Netlink
from failberry.config import MOBILE_INTERFACE
from failberry.core.events import NetworkObserved, RoutesApplied
from failberry.core.intent import RouteIntent

pytestmark = pytest.mark.netns


@pytest.fixture
def home():
    with house() as made:
        yield made


@contextlib.asynccontextmanager
async def watching():
    """A started adapter, and the events that it posted so far."""
    adapter, posted = Netlink(), []
    await adapter.start(posted.append)
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(adapter.watch())
        yield adapter, posted
        watch.cancel()
    await adapter.close()


def test_the_first_observation_is_there_when_start_returns(home):
    async def test():
        async with watching() as (adapter, posted):
            assert posted == [NetworkObserved(facts=await adapter.observe())]

    home.pi.run(test)


CHANGES = {
    "the cable is pulled": (
        lambda home: home.router.ip("link set eth0 down"),
        lambda facts: facts.interface("eth0").up and not facts.interface("eth0").carrier,
    ),
    "an interface is switched off, and its routes are gone": (
        lambda home: home.pi.ip("link set eth0 down"),
        lambda facts: not facts.interface("eth0").up and not facts.defaults,
    ),
    "an address is added": (
        lambda home: home.pi.ip("addr add 192.168.1.77/24 dev eth0"),
        lambda facts: ip_interface("192.168.1.77/24") in facts.interface("eth0").addresses,
    ),
    "an IPv6 address is deleted": (
        lambda home: home.pi.ip("addr del 2001:db8:2::4/64 dev fbcell0"),
        lambda facts: len(facts.interface(MOBILE_INTERFACE).addresses) == 1,
    ),
    "the gateway changes": (
        lambda home: home.pi.ip("route replace default via 192.168.1.2 dev eth0 metric 100"),
        lambda facts: str(facts.default("eth0", 4).gateway) == "192.168.1.2",
    ),
    "the IPv6 gateway is lost": (
        lambda home: home.pi.ip("-6 route del default"),
        lambda facts: facts.default("eth0", 6) is None,
    ),
    "the mobile line ends, and its routes are gone": (
        lambda home: home.hang_up(),
        lambda facts: (
            facts.interface(MOBILE_INTERFACE) is None
            and {route.interface for route in facts.ours.routes} == {"eth0"}
        ),
    ),
    "a rule of ours is deleted": (
        lambda home: home.pi.ip("rule del priority 20700"),
        lambda facts: all((rule.family, rule.priority) != (4, 20700) for rule in facts.ours.rules),
    ),
    "an IPv6 rule of ours is deleted": (
        lambda home: home.pi.ip("-6 rule del priority 20700"),
        lambda facts: all((rule.family, rule.priority) != (6, 20700) for rule in facts.ours.rules),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_posted_soon(home, change):
    cause, seen = CHANGES[change]
    home.apply_mode(STANDBY)

    async def test():
        async with watching() as (_, posted):
            assert not seen(posted[-1].facts)
            cause(home)
            await until(lambda: seen(posted[-1].facts), seconds=2.0)  # the kernel waits up to one itself

    home.pi.run(test)


def test_what_changes_nothing_is_not_posted(home):
    async def test():
        async with watching() as (_, posted):
            home.pi.ip("neigh add 192.168.1.9 lladdr 02:00:00:00:00:09 dev eth0")
            home.pi.ip("route add 10.9.0.0/16 dev lan0", "link set lan0 alias LAN", "rule add lookup 99")
            await asyncio.sleep(0.6)
            assert len(posted) == 1

    home.pi.run(test)


def test_apply_is_answered_first_and_observed_once_after_it_even_if_nothing_changed(home):
    async def test():
        async with watching() as (adapter, posted):
            intent = await wish(STANDBY)
            for _ in range(2):
                posted.clear()
                posted.append(await adapter.apply(intent))
                await asyncio.sleep(0.6)
                assert [type(event) for event in posted] == [RoutesApplied, NetworkObserved]
                assert intent.matches(posted[-1].facts.ours)

    home.pi.run(test)


def test_a_flood_that_overflows_the_socket_ends_in_one_true_observation(home):
    addresses = [f"10.1.{n >> 8}.{n & 255}/32 dev lan0" for n in range(1000)]
    flood = [f"addr {verb} {each}" for verb in ("add", "del") for each in addresses]

    def lost(adapter):
        port = str(adapter._socket.getsockname()[0])
        rows = [line.split() for line in home.pi.sh("cat", "/proc/net/netlink").splitlines()]
        return next(int(row[8]) for row in rows if row[2] == port)

    async def test():
        async with watching() as (adapter, posted):
            # The loop stands still meanwhile, so nobody empties the socket.
            home.pi.batch("\n".join([*flood, "addr add 192.168.1.77/24 dev eth0"]))
            assert lost(adapter) > 0
            await asyncio.sleep(0.6)
            assert len(posted) == 2
            assert ip_interface("192.168.1.77/24") in posted[-1].facts.interface("eth0").addresses
            home.pi.ip("addr del 192.168.1.77/24 dev eth0")  # the bell still rings
            await until(lambda: len(posted) == 3)

    home.pi.run(test)


def test_a_storm_is_looked_at_a_few_times_a_second_and_no_more(home):
    async def test():
        async with watching() as (_, posted):
            loop = asyncio.get_running_loop()
            begin, rings = loop.time(), 0
            while loop.time() < begin + 1.5:
                rings += 1
                await asyncio.to_thread(home.pi.ip, f"addr add 10.2.{rings >> 8}.{rings & 255}/32 dev lan0")
            assert rings > 30
            assert 3 <= len(posted) <= 1 + 1.5 / netlink.LONGEST

    home.pi.run(test)


def test_it_is_not_alive_while_its_thread_is_stuck_and_then_it_is(home, monkeypatch):
    stuck = threading.Event()

    async def test():
        async with watching() as (adapter, _):
            assert await adapter.prove_alive()
            monkeypatch.setattr(netlink, "DEADLINE", 0.2)
            hold = asyncio.get_running_loop().run_in_executor(adapter._thread, stuck.wait)
            assert not await adapter.prove_alive()
            applied = await adapter.apply(RouteIntent())
            assert applied == RoutesApplied(problem="timeout: the kernel did not answer within 0.2 s")
            stuck.set()
            await hold
            monkeypatch.undo()
            assert await adapter.prove_alive()

    home.pi.run(test)


def test_a_lost_notification_is_healed_by_the_proof_of_life(home):
    async def test():
        adapter, posted = Netlink(), []
        await adapter.start(posted.append)  # and nobody watches
        home.pi.ip("addr add 192.168.1.77/24 dev eth0")
        assert await adapter.prove_alive()
        assert ip_interface("192.168.1.77/24") in posted[-1].facts.interface("eth0").addresses
        await adapter.close()

    home.pi.run(test)
