"""The Pi beside a router that fails over to it, with real packets: no loop, no false hope; both back ends."""

import socket
import subprocess

import pytest
from backends import BACKENDS
from town import (
    FAR,
    FAR6,
    HOST,
    HOST6,
    MOBILE,
    NEAR,
    PI,
    SILENCE,
    call,
    is_reset,
    reaches,
    server,
    socket_in,
    talk,
    told_unreachable,
    town,
)

from failberry.config import Mode, PortForward, Protocol
from failberry.core.snapshot import UplinkName
from failberry.policy import Probe, Standby

pytestmark = pytest.mark.netns

FORWARD = PortForward(proto=Protocol.TCP, ports="443", to=f"{HOST}:8443")
TARGETS = Probe(targets=(FAR, FAR6))
MASQUERADING = """
table inet nat {
	chain out {
		type nat hook postrouting priority srcnat;
		masquerade
	}
}
"""
STATEFUL = """
table inet strict {
	chain pass {
		type filter hook forward priority filter;
		ct state invalid drop
	}
}
"""


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda backend: backend.name)
def beside(request):
    with town(Mode.STANDBY_GATEWAY, request.param) as made:
        yield made


def rules_of_the_router(place, text=""):
    place.wired.sh("sh", "-c", f"nft -f - <<END\nflush ruleset\n{text}\nEND\n")


@pytest.fixture
def standby(beside):
    """The router has failed over to the Pi, whose own line is the wired one."""
    beside.apply(beside.config(probe=TARGETS), active=UplinkName.WIRED)
    yield beside
    rules_of_the_router(beside)


def pings(place, target, size):
    """Whether a ping of the Pi, pinned to the wired line, with so many bytes in it, is answered."""
    command = f"ping -c2 -i0.1 -W0.4 -s{size} -I eth0 -m {0x1000000} {target}"
    try:
        place.pi.sh(*command.split())
    except subprocess.CalledProcessError as failure:
        assert failure.returncode == 1, failure.stderr
        return False
    return True


def metered(place):
    """Packets that the mobile line carried out."""
    return place.mobile.json("-j -s link show pi")[0]["stats64"]["rx"]["packets"]


def forwarded(where):
    """Packets of both families that a machine passed on."""
    lines = where.sh("cat", "/proc/net/snmp").splitlines() + where.sh("cat", "/proc/net/snmp6").splitlines()
    names, values = (line.split() for line in lines if line.startswith("Ip: "))
    six = next(line.split()[1] for line in lines if line.startswith("Ip6OutForwDatagrams"))
    return int(values[names.index("ForwDatagrams")]) + int(six)


def test_without_a_mobile_line_the_house_is_told_and_nothing_goes_back_to_the_router(standby):
    standby.apply(standby.config(probe=TARGETS), active=UplinkName.WIRED, session=None)
    before = forwarded(standby.pi)
    for source, target in ((HOST, FAR), (HOST6, FAR6)):
        assert told_unreachable(standby.house, source, target)
    assert forwarded(standby.pi) == before
    assert standby.pi.json(f"-j route get {FAR}")[0]["dev"] == "eth0"


def test_a_probe_that_a_masquerading_router_sends_back_is_dropped_and_no_other_ping(standby):
    rules_of_the_router(standby, MASQUERADING)
    for target in (FAR, FAR6):
        assert not pings(standby, target, 9)
        assert pings(standby, target, 10)
        assert pings(standby, target, 56)
    # The house's own pings are of another size.
    standby.house.sh("ping", "-c1", "-W2", FAR)


def test_what_a_router_sends_back_as_it_was_is_dropped_whatever_it_is(standby):
    before = metered(standby)
    for target in (FAR, FAR6):
        assert not pings(standby, target, 56)
    assert metered(standby) == before


def test_the_canary_is_answered_exactly_when_a_masquerading_router_sends_its_traffic_here(standby):
    canary = standby.config().standby.canary
    rules_of_the_router(standby, MASQUERADING)
    assert pings(standby, canary, 9)
    standby.wired.ip("route replace blackhole default")
    try:
        assert not pings(standby, canary, 9)
    finally:
        standby.wired.ip("route del blackhole default", f"route add default via {PI}")
    assert pings(standby, canary, 9)


def test_a_router_that_has_failed_over_leads_to_resets_and_not_to_metered_silence(standby):
    with server(standby.wired, NEAR, 80) as shop, call(standby.house, HOST, NEAR, 80) as client:
        there, _ = shop.accept()
        with there:
            assert talk(client, there)
            # What went by the router alone comes here in the middle of a connection.
            standby.house.ip(f"route add {NEAR} via {PI}")
            try:
                assert is_reset(client)
            finally:
                standby.house.ip(f"route del {NEAR}")


def test_at_the_cap_the_house_is_refused_at_once_and_still_answers(standby):
    with (
        server(standby.mobile, FAR, 80) as far,
        server(standby.house, HOST, 8443) as service,
        call(standby.house, HOST, FAR, 80) as client,
    ):
        there, _ = far.accept()
        with there:
            assert talk(client, there)
            standby.apply(
                standby.config(port_forward=(FORWARD,)), active=UplinkName.WIRED, block_clients=True
            )
            assert is_reset(client)
        with pytest.raises(ConnectionRefusedError), call(standby.house, HOST, FAR, 80):
            pass
        with socket_in(standby.house, HOST, 0, socket.SOCK_DGRAM) as asking:
            asking.connect((FAR, 53))
            asking.send(b"who?")
            with pytest.raises(OSError, match=r"No route|denied"):
                asking.recv(16)
        assert reaches(standby.pi, MOBILE, FAR, 80, hoped=True)
        with call(standby.mobile, FAR, MOBILE, 443) as caller:
            inside, _ = service.accept()
            with inside:
                assert talk(caller, inside)


def test_answers_go_back_through_a_router_that_must_see_both_directions(standby):
    rules_of_the_router(standby, STATEFUL)
    standby.wired.sh("sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0")
    ways = ((HOST, FAR), (HOST6, FAR6))
    for source, target in ways:
        with server(standby.mobile, target, 80) as shop, call(standby.house, source, target, 80):
            # He has heard nothing of the answer, and lets nothing pass that follows it.
            shop.settimeout(SILENCE)
            with pytest.raises(TimeoutError):
                shop.accept()
    config = standby.config(port_forward=(FORWARD,), standby=Standby(reply_via_router=True))
    standby.apply(config, active=UplinkName.WIRED)
    for source, target in ways:
        with server(standby.mobile, target, 81) as shop, call(standby.house, source, target, 81) as client:
            there, _ = shop.accept()
            with there:
                assert talk(client, there)
    # Of these he would see one direction only, so they go past him in both.
    with server(standby.house, HOST, 8443) as service, call(standby.mobile, FAR, MOBILE, 443) as caller:
        there, _ = service.accept()
        with there:
            assert talk(caller, there)
