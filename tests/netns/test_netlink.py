"""The netlink adapter reads and writes the real kernel, in namespaces of its own."""

import asyncio
import subprocess
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from house import ACTIVE, GATEWAY, MOBILE, MOBILE6, OWN, ROUTER, SESSION, STANDBY, apply, house, until, wish

from failberry.adapters.netlink import Netlink
from failberry.config import MOBILE_INTERFACE
from failberry.core.intent import Route, RouteIntent, render
from failberry.core.routing import route_intent

pytestmark = pytest.mark.netns


@pytest.fixture
def home():
    with house() as made:
        yield made


# --- what is observed ----------------------------------------------------------------------------


def test_observes_addresses_of_both_kinds_of_link_and_default_routes_that_are_not_ours(home):
    home.apply_mode(ROUTER)
    facts = home.pi.run(lambda: Netlink().observe())
    ppp = facts.interface(MOBILE_INTERFACE)
    assert [str(each) for each in ppp.addresses] == [f"{MOBILE}/32", f"{MOBILE6}/64"]  # not the peer's
    assert ppp.up
    assert ppp.carrier
    wired = facts.default("eth0", 4)
    assert (wired.gateway, wired.metric) == (IPv4Address(GATEWAY), 100)
    assert str(facts.default("eth0", 6).gateway) == "fe80::1"
    assert facts.default(MOBILE_INTERFACE, 4) is None


def test_every_hop_of_a_default_route_is_seen_and_one_that_refuses_is_not(home):
    home.pi.ip("route flush exact default", "route add unreachable default metric 9")
    home.pi.ip(f"route add default nexthop via {GATEWAY} dev eth0 nexthop via 192.168.7.2 dev lan0")
    home.pi.ip("-4 route add default via inet6 fe80::1 dev eth0 metric 7")
    facts = home.pi.run(lambda: Netlink().observe())
    seen = [(each.interface, str(each.gateway), each.metric) for each in facts.defaults if each.family == 4]
    assert seen == [("eth0", GATEWAY, 0), ("lan0", "192.168.7.2", 0), ("eth0", "fe80::1", 7)]


def test_an_ipv6_address_counts_once_duplicate_detection_is_over(home):
    async def test():
        adapter, seen = Netlink(), []
        async with asyncio.timeout(10):
            while True not in seen:
                eth0 = (await adapter.observe()).interface("eth0")
                seen.append(any(str(each.ip) == "2001:db8:1::77" for each in eth0.addresses))
                await asyncio.sleep(0.05)
        await adapter.close()
        return seen

    home.pi.ip("addr add 2001:db8:1::77/64 dev eth0")
    assert home.pi.run(test)[0] is False


# --- what is written -----------------------------------------------------------------------------


@pytest.mark.parametrize("config", [STANDBY, ROUTER], ids=lambda config: config.mode)
def test_the_kernel_holds_what_the_rendered_lines_would_make(home, config):
    before = home.everything()
    intent = home.apply_mode(config)
    ours = home.everything()
    assert home.apply(RouteIntent()) is None
    assert home.everything() == before
    home.pi.ip(*render(intent).splitlines())
    assert home.everything() == ours


def test_twenty_cycles_touch_nothing_of_others_and_leave_everything_as_it_was(home):
    home.pi.ip("route add 10.9.0.0/16 via 192.168.1.9 dev eth0", "route add blackhole 10.8.0.0/16 table 2510")
    home.pi.ip("route add default via 192.168.1.9 dev eth0 table 2511 metric 50 proto static")
    home.pi.ip("-6 route add default via fe80::9 dev eth0 table 2511 metric 50 proto static")
    home.pi.ip("rule add priority 20100 from 10.9.0.0/16 lookup main", "rule add priority 20700 lookup 77")
    home.pi.ip("rule add priority 20400 from 10.9.9.9 lookup 2511 protocol static")
    before = home.everything()

    def foreign():
        return [[each for each in table if each.get("protocol") != "251"] for table in home.everything()]

    def open_files():
        return len(list(Path("/proc/self/fd").iterdir()))

    async def cycle():
        adapter = Netlink()
        handles = []
        for number in range(20):
            config = (STANDBY, ROUTER)[number % 2]
            line = ACTIVE[config.mode]
            facts = await adapter.observe()
            intent = route_intent(config, facts, SESSION, active=line, active6=line)
            for _ in range(2):
                assert (await adapter.apply(intent)).problem is None
            assert intent.matches((await adapter.observe()).ours)
            assert foreign() == before
            assert (await adapter.remove_ours()).problem is None
            assert home.everything() == before
            handles.append(open_files())
        await adapter.close()
        assert set(handles) == {handles[0]}

    home.pi.run(cycle)


@pytest.mark.parametrize(
    "damage",
    [
        "rule del priority 20700",
        "rule add priority 20750 lookup 2511 protocol 251",
        "route replace default via 192.168.1.9 dev eth0 table 2510 proto 251",
        "route add default via 192.168.1.9 dev eth0 table 2510 metric 5 proto 251",
        "route del default table 2511",
        "-6 route replace default via fe80::9 dev eth0 table 2510 proto 251",
        "-6 route del default table 2511",
    ],
)
def test_drift_is_posted_and_repaired(home, damage):
    async def test():
        adapter, posted = Netlink(), []
        await adapter.start(lambda event: posted.append(event.facts))
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(adapter.watch())
            intent = await wish(STANDBY)
            await adapter.apply(intent)
            await until(lambda: intent.matches(posted[-1].ours))
            before = home.everything()
            home.pi.ip(damage)
            await until(lambda: not intent.matches(posted[-1].ours))
            assert (await adapter.apply(intent)).problem is None
            await until(lambda: intent.matches(posted[-1].ours))
            watch.cancel()
        await adapter.close()
        assert home.everything() == before

    home.pi.run(test)


def test_what_carries_our_mark_and_is_nothing_we_make_is_removed(home):
    before = home.everything()
    home.pi.ip(
        "route add 10.0.0.0/8 via 192.168.1.9 table 99 proto 251", "route add blackhole 10.1.0.0/16 proto 251"
    )
    home.pi.ip("-6 route add 2001:db8:9::/48 via fe80::9 dev eth0 proto 251")
    home.pi.ip(f"route add 10.2.0.0/16 proto 251 nexthop via {GATEWAY} nexthop via 192.168.7.2")
    assert home.apply(RouteIntent()) is None
    assert home.everything() == before


def test_adds_before_it_deletes_and_swaps_a_gateway_in_one_step(home):
    home.apply_mode(STANDBY)
    home.pi.ip("addr add 192.168.2.50/24 dev eth0", f"addr del {OWN}/24 dev eth0")
    home.pi.ip("route add default via 192.168.2.1 dev eth0")
    command = ["ip", "netns", "exec", home.pi.name, "ip", "-4", "monitor", "route", "rule"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as monitor:
        time.sleep(0.3)
        home.apply_mode(STANDBY)
        time.sleep(0.3)
        monitor.terminate()
        lines = monitor.communicate(timeout=20)[0].splitlines()
    assert [line for line in lines if "default" in line] == [
        "default via 192.168.2.1 dev eth0 table 2510 proto 251 onlink "
    ]
    deletions = [line.startswith("Deleted") for line in lines]
    assert deletions == sorted(deletions)
    assert deletions.count(True) == 2  # the rules of the old address


def test_what_is_refused_is_told_and_the_rest_is_done(home):
    home.pi.ip(f"route add default via {GATEWAY} table 2510")
    before = home.everything()

    async def test():
        intent = await wish(STANDBY)
        nowhere = Route(family=4, table=2599, interface="absent0")
        problem, facts = await apply(RouteIntent(routes=intent.routes | {nowhere}, rules=intent.rules))
        return intent, problem, facts

    intent, problem, facts = home.pi.run(test)
    assert problem.replace("the kernel does not hold ", "").split("; ") == [
        "`ip -4 route add default dev absent0 table 2599 proto 251`: there is no interface absent0",
        f"`ip -4 route add default via {GATEWAY} dev eth0 onlink table 2510 proto 251`: "
        "File exists, and it is not ours: remove it, or let it carry our protocol",
    ]
    assert {rule.same() for rule in facts.ours.rules} == {rule.same() for rule in intent.rules}
    assert len(facts.ours.routes) == len(intent.routes) - 1
    assert home.apply(RouteIntent()) is None
    assert home.everything() == before


def test_an_ipv4_route_by_an_ipv6_gateway_is_copied_and_removed(home):
    home.pi.ip("route flush exact default", "-4 route add default via inet6 fe80::1 dev eth0")
    intent = home.apply_mode(ROUTER)
    assert any(route.gateway and route.gateway.version != route.family for route in intent.routes)
    assert home.apply(RouteIntent()) is None
    assert home.pi.json("-j route show table 2510") == []
