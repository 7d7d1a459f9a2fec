"""What reaches the page, with no packet filter before it, and with a configuration that is wrong."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from city import INSIDE
from home import ASKER, PORT
from namespace import namespaces

from failberry.dashboard import Web
from failberry.web import lan
from failberry.web.link import Link
from failberry.web.news import News
from failberry.web.server import Server
from failberry.web.site import House, Site

pytestmark = pytest.mark.netns

OWN, NEIGHBOUR, FAR = "192.168.7.1", "192.168.7.20", "10.9.9.9"
PUBLIC, STRANGER = "203.0.113.9", "203.0.113.1"
VPN = "10.9.9.0/24"


@pytest.fixture
def street():
    """The Pi between a LAN, in which a far network is routed, and an uplink."""
    with namespaces("pi", "lan", "wan") as (pi, inside, outside):
        for each, here in ((inside, "lan0"), (outside, "wan0")):
            pi.ip(f"link add {here} type veth peer name eth0 netns {each.name}", f"link set {here} up")
            each.ip("link set eth0 up")
        pi.ip(
            f"addr add {OWN}/24 dev lan0",
            f"addr add {PUBLIC}/24 dev wan0",
            "addr add fd00:7::1/64 dev lan0 nodad",
        )
        inside.ip(
            f"addr add {NEIGHBOUR}/24 dev eth0",
            f"addr add {FAR}/32 dev lo",
            "addr add fd00:7::20/64 dev eth0 nodad",
        )
        inside.ip(f"route add default via {OWN}")
        outside.ip(f"addr add {STRANGER}/24 dev eth0", f"route add {OWN}/32 via {PUBLIC}")
        # The stranger has even taken an address of the house.
        outside.ip(f"addr add {NEIGHBOUR}/32 dev lo")
        pi.ip(f"route add {FAR}/32 via {NEIGHBOUR}")
        yield pi, inside, outside


def statuses(pi, asked, *, interface="lan0", **configured):
    """Serve as configured, and ask each: (namespace, to, source); the answers' statuses."""

    async def serving():
        web = Web(port=PORT, **configured)
        news = News()
        clock = time.monotonic
        house = House(web=web, hostname="attic", password="")
        site = Site(house, link=Link("/nowhere"), news=news, clock=clock, wall=time.time)
        said = []
        server = Server(site, news, port=PORT, complain=said.append)
        site.lan = lan.lan(lan.look(interface), wanted=web.address, networks=web.networks)
        server.listen(site.lan.own, interface)
        try:
            return [await asyncio.to_thread(ask, *each) for each in asked]
        finally:
            await server.close()

    return pi.run(serving)


def ask(where, to, source=""):
    wish = {
        "to": to, "port": PORT, "path": "/", "method": "GET", "source": source, "body": None,
        "headers": {"Host": "attic"},
    }  # fmt: skip
    done = subprocess.run(
        [*INSIDE, where.name, sys.executable, "-c", ASKER],
        input=json.dumps(wish), capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return json.loads(done.stdout)[0]


def test_the_neighbour_is_answered_and_nobody_else(street):
    pi, inside, outside = street
    asked = (
        (inside, OWN), (inside, "fd00:7::1"), (inside, OWN, FAR), (inside, PUBLIC),
        (outside, PUBLIC), (outside, OWN), (outside, OWN, NEIGHBOUR), (pi, "127.0.0.1"),
    )  # fmt: skip
    assert statuses(pi, asked) == [200, 200, 0, 0, 0, 0, 0, 200]


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_bound_to_everything_it_is_on_the_lan_only(street, address):
    pi, inside, outside = street
    asked = ((inside, OWN), (outside, PUBLIC), (outside, OWN), (outside, OWN, NEIGHBOUR))
    assert statuses(pi, asked, address=address) == [200, 0, 0, 0]


def test_bound_to_the_uplinks_address_it_is_nowhere(street):
    pi, inside, outside = street
    asked = ((inside, OWN), (inside, PUBLIC), (outside, PUBLIC), (pi, "127.0.0.1"))
    assert statuses(pi, asked, address=PUBLIC) == [0, 0, 0, 200]


def test_where_the_lan_is_the_wired_line_a_public_prefix_does_not_count(street):
    pi, _, outside = street
    pi.ip("addr add 192.168.9.1/24 dev wan0")
    outside.ip("addr add 192.168.9.20/24 dev eth0")
    asked = (
        (outside, "192.168.9.1", "192.168.9.20"),
        (outside, PUBLIC, STRANGER),
        (outside, "192.168.9.1", STRANGER),
    )
    assert statuses(pi, asked, interface="wan0") == [200, 0, 0]


def test_a_network_behind_the_lan_is_let_in_by_name_only(street):
    pi, inside, outside = street
    outside.ip(f"addr add {FAR}/32 dev lo")
    asked = ((inside, OWN, FAR), (outside, OWN, FAR))
    assert statuses(pi, asked, networks=(VPN,)) == [200, 0]


def test_an_address_that_was_bound_by_mistake_is_still_judged(street):
    """Were a socket bound to the uplink's address all the same, its connections would not be taken."""
    pi, _, outside = street

    async def serving():
        news = News()
        house = House(web=Web(), hostname="attic", password="")
        site = Site(house, link=Link("/nowhere"), news=news, clock=time.monotonic, wall=time.time)
        server = Server(site, news, port=PORT, complain=print)
        site.lan = lan.lan(lan.look("lan0"))
        (wan,) = lan.look("wan0")
        server.listen((replace(wan, index=0),), "wan0")
        try:
            return await asyncio.to_thread(ask, outside, PUBLIC)
        finally:
            await server.close()

    assert pi.run(serving) == 0
