"""The whole daemon in a whole city: lines that die in each of their ways, and what the house notices of it.

Bounds are generous, for machines with other work; the figures are the business of ``bench/failover``.
"""

import socket
import time
from contextlib import ExitStack

import pytest
from calls import Calls, Conversation, by, established
from city import CLIENT, DNS, MOBILE, SERVER, WIRED, city

from failberry.config import Mode

pytestmark = pytest.mark.netns

SOON = 3.0
"""Seconds until new connections work again; the goal is half of it."""
# What is waited for by design, made short; nothing of how a line is judged.
HASTE = "[failover]\nfailback_after = 2\nlinger = 2\n"
UDP_PORT = 5000


@pytest.fixture(scope="module")
def dual():
    with city(Mode.DUAL_WAN_ROUTER) as made:
        made.configure(HASTE)
        yield made


@pytest.fixture
def home(dual):
    """Both lines good, the wired one in use, and nothing remembered of the test before."""
    dual.switch_on()
    dual.steady()
    yield dual
    dual.heal()
    dual.switch_off()


def tcp(home):
    return Conversation(home.client, SERVER, socket.SOCK_STREAM, CLIENT)


def udp(home):
    return Conversation(home.client, SERVER, socket.SOCK_DGRAM, CLIENT, UDP_PORT)


def test_after_a_black_hole_all_goes_over_the_mobile_line_and_comes_back(home):
    with Calls(home.client, SERVER) as calls, tcp(home) as stream, udp(home) as pingpong:
        home.black_hole()
        dead = time.monotonic()
        moved = calls.first(dead, by(MOBILE), seconds=SOON)
        assert moved, home.log()
        # Open ones are waited for: they have lost nothing yet.
        assert stream.heard(moved.established, seconds=0) is None
        assert not stream.ends
        told = home.await_status(lambda told: told["wired"]["state"] == "down", seconds=10)
        confirmed = time.monotonic()
        assert told["active"] == "cellular"
        assert told["wired"]["reason"]
        assert stream.heard(confirmed, seconds=10, peer=MOBILE), home.log()
        assert pingpong.heard(confirmed, seconds=10, peer=MOBILE), home.log()

        home.heal()
        home.await_status(lambda told: told["active"] == "wired")
        back = time.monotonic()
        assert calls.first(back, by(WIRED), seconds=2), home.log()
        for each in (stream, pingpong):
            assert each.heard(back, seconds=10, peer=WIRED), home.log()
        settled = time.monotonic()
        assert pingpong.heard(settled + 1, seconds=2, peer=MOBILE) is None
        before = home.mobile_bytes()
        assert pingpong.heard(settled + 3, seconds=2, peer=WIRED)
        assert home.mobile_bytes() - before < 1500, "the mobile line has not gone quiet"


def test_an_outage_of_three_seconds_cuts_no_connection(home):
    with tcp(home) as stream, udp(home) as pingpong:
        home.black_hole()
        began = time.monotonic()
        assert stream.heard(began + 0.5, seconds=2.5) is None
        home.heal()
        assert stream.heard(time.monotonic(), seconds=8, peer=WIRED, connection=0), home.log()
        assert pingpong.heard(time.monotonic(), seconds=8, peer=WIRED), home.log()
        assert not stream.ends


@pytest.mark.parametrize(
    ("fault", "seconds"), [("no_transit", SOON), ("gateway_dead", SOON), ("carrier_loss", 1.0)]
)
def test_new_connections_soon_take_the_mobile_line(home, fault, seconds):
    with Calls(home.client, SERVER) as calls:
        assert calls.first(time.monotonic(), by(WIRED), seconds=2)
        getattr(home, fault)()
        assert calls.first(time.monotonic(), by(MOBILE), seconds=seconds), home.log()


def test_a_line_without_names_is_left(home):
    with Calls(home.client, SERVER, 7, "--resolver", DNS[0]) as calls:
        assert calls.first(time.monotonic(), by(WIRED), seconds=2)
        home.nameless()
        assert calls.first(time.monotonic(), established, seconds=15), home.log()


def test_nothing_is_cut_without_another_line_and_the_first_one_back_is_used(home):
    with ExitStack() as stack:
        stream = stack.enter_context(tcp(home))
        calls = stack.enter_context(Calls(home.client, SERVER))
        home.mobile_dead()
        home.black_hole()
        home.await_status(lambda told: told["wired"]["state"] == "down", seconds=15)
        dead = time.monotonic()
        # Longer than the second sweep of what would have been cut.
        assert calls.first(dead, established, seconds=7) is None
        home.heal("black_hole")
        assert calls.first(time.monotonic(), by(WIRED), seconds=2), home.log()
        assert stream.heard(dead, seconds=30, connection=0), home.log()
        assert not stream.ends


def test_the_mobile_line_is_used_when_it_is_the_first_one_back(home):
    with Calls(home.client, SERVER) as calls:
        home.mobile_dead()
        home.black_hole()
        home.await_status(lambda told: told["wired"]["state"] == "down", seconds=15)
        home.heal("mobile_dead")
        assert calls.first(time.monotonic(), by(MOBILE), seconds=2), home.log()


def test_questions_that_come_back_through_the_router_do_not_raise_the_dead():
    """Many times over: ``python -m bench.failover.hairpin``."""
    with city(Mode.STANDBY_GATEWAY) as home:
        home.configure(HASTE)
        home.switch_on()
        home.steady()
        home.black_hole()
        home.await_status(lambda told: told["wired"]["state"] == "down", seconds=15)
        home.prefer("pi")
        home.await_status(lambda told: told["router"]["uses_us"] is True, seconds=10)
        moved = time.monotonic()
        with Calls(home.client, SERVER) as calls:
            assert calls.first(moved, by(MOBILE), seconds=3), home.log()
            while time.monotonic() < moved + 3:
                told = home.status()
                assert (told["active"], told["wired"]["state"]) == ("cellular", "down"), home.log()
        home.heal()
        home.prefer("wired")
        home.steady()
