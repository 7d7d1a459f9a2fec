"""The kernel decides as the intents mean it: asked with ``ip route get``, and with real packets."""

import socket
import struct
import time
from pathlib import Path

import pytest
from house import ANYONE, ANYONE6, GATEWAY, MOBILE, MOBILE6, OWN, OWN6, ROUTER, STANDBY, house

from failberry.core.snapshot import UplinkName

pytestmark = pytest.mark.netns

SYSCTL = Path(__file__).parents[2] / "etc" / "sysctl" / "failberry.conf"
WIRED_MARK, CELLULAR_MARK = "mark 0x1000000", "mark 0x2000000"
E, L, P = "eth0", "lan0", "fbcell0"
REFUSED = "unreachable"


@pytest.fixture
def home():
    with house() as made:
        # As at boot, and then as udev does it for an interface that has just come.
        made.pi.sh("/usr/lib/systemd/systemd-sysctl", str(SYSCTL))
        made.pi.sh("/usr/lib/systemd/systemd-sysctl", f"--prefix=/net/ipv6/conf/{P}", str(SYSCTL))
        yield made


def soon(condition, *, seconds=3.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(home, *queries):
    return {query: home.leaves_by(query) for query in queries}


LINE_OF_ITS_OWN = {
    f"{ANYONE} from {OWN}": E,
    f"{ANYONE} from {MOBILE}": P,
    f"{ANYONE} {WIRED_MARK}": E,
    f"{ANYONE} {CELLULAR_MARK}": P,
    f"{ANYONE} from {OWN} {CELLULAR_MARK}": P,  # the Pi's answer on a forwarded port, before it is renamed
    f"{ANYONE} from 192.168.7.20 iif {L} {CELLULAR_MARK}": P,  # the same from a LAN host
    f"{ANYONE6} from {OWN6}": E,
    f"{ANYONE6} from {MOBILE6}": P,
    f"{ANYONE6} {WIRED_MARK}": E,
    f"{ANYONE6} {CELLULAR_MARK}": P,
    f"192.168.1.20 from {MOBILE}": E,
    f"192.168.7.20 {CELLULAR_MARK}": L,
    f"192.168.7.20 from {OWN}": L,
    f"2001:db8:1::20 from {MOBILE6}": E,
    f"2001:db8:1::20 {CELLULAR_MARK}": E,
}
OWN_FLOWS = (ANYONE, ANYONE6)
HOUSE_FLOWS = {
    STANDBY.mode: (f"{ANYONE} from 192.168.1.20 iif {E}", f"{ANYONE6} from 2001:db8:1::20 iif {E}"),
    ROUTER.mode: (f"{ANYONE} from 192.168.7.20 iif {L}", f"{ANYONE6} from fd00:7::20 iif {L}"),
}


@pytest.mark.parametrize(
    ("config", "active", "own", "house"),
    [
        pytest.param(STANDBY, UplinkName.CELLULAR, P, P, id="standby-gateway, failed over"),
        # The router chose for the house.
        pytest.param(STANDBY, UplinkName.WIRED, E, P, id="standby-gateway"),
        pytest.param(ROUTER, UplinkName.WIRED, E, E, id="dual-wan-router"),
        pytest.param(ROUTER, UplinkName.CELLULAR, P, P, id="dual-wan-router, failed over"),
    ],
)
def test_new_flows_take_the_active_line_and_answers_their_own(home, config, active, own, house):
    home.apply_mode(config, active)
    assert answers(home, *LINE_OF_ITS_OWN) == LINE_OF_ITS_OWN
    assert answers(home, *OWN_FLOWS) == dict.fromkeys(OWN_FLOWS, own)
    flows = HOUSE_FLOWS[config.mode]
    assert answers(home, *flows) == dict.fromkeys(flows, house)
    assert home.leaves_by(f"192.168.1.20 from 192.168.1.21 iif {E}") == E


def test_ipv6_of_the_house_is_refused_where_no_line_has_it(home):
    home.apply_mode(ROUTER, UplinkName.CELLULAR, six=None)
    four, six = HOUSE_FLOWS[ROUTER.mode]
    assert answers(home, four, six, ANYONE6) == {four: P, six: REFUSED, ANYONE6: E}
    # What is open stays open, and the house itself is reached.
    assert home.leaves_by(f"{six} {WIRED_MARK}") == E
    assert home.leaves_by(f"2001:db8:1::20 from fd00:7::20 iif {L}") == E
    home.apply_mode(ROUTER, UplinkName.CELLULAR)
    assert home.leaves_by(six) == P


def test_what_a_failover_deletes_is_no_rule_of_the_house(home):
    for active in (UplinkName.CELLULAR, UplinkName.WIRED) * 2:
        home.apply_mode(STANDBY, active)
        assert home.leaves_by(HOUSE_FLOWS[STANDBY.mode][0]) == P


def test_a_default_route_in_disguise_carries_new_flows_but_no_answers(home):
    home.pi.ip(
        f"route add 0.0.0.0/1 dev {L}", f"route add 128.0.0.0/1 dev {L}", f"route add 2000::/3 dev {L}"
    )
    home.apply_mode(STANDBY)
    assert answers(home, *LINE_OF_ITS_OWN) == LINE_OF_ITS_OWN
    assert answers(home, ANYONE, ANYONE6) == dict.fromkeys((ANYONE, ANYONE6), L)


def test_the_wired_lines_name_servers_are_asked_over_the_active_line(home):
    # systemd-networkd writes such routes by itself (RoutesToDNS=, systemd.network(5)).
    far, far6, near = "203.0.113.53", "2001:db8:ffff::53", GATEWAY
    home.pi.ip(f"route add {far} via {GATEWAY} dev eth0 proto dhcp metric 100")
    home.pi.ip(f"-6 route add {far6} via fe80::1 dev eth0 proto ra metric 1024")
    names = (far, far6, near)
    asked = (f"{far} from 192.168.7.20 iif {L}", far, f"{far6} from fd00:7::20 iif {L}")
    home.apply_mode(ROUTER, UplinkName.WIRED, name_servers=names)
    assert answers(home, *asked) == dict.fromkeys(asked, E)
    home.apply_mode(ROUTER, UplinkName.CELLULAR, name_servers=names)
    assert answers(home, *asked) == dict.fromkeys(asked, P)
    # Probes of the wired line, and what it carries already, stay on it; so does the router next door.
    stay = (f"{far} {WIRED_MARK}", f"{far} from {OWN} {WIRED_MARK} oif {E}", near, f"{far6} {WIRED_MARK}")
    assert answers(home, *stay) == dict.fromkeys(stay, E)
    home.apply_mode(ROUTER, UplinkName.WIRED, name_servers=names)
    assert answers(home, *asked) == dict.fromkeys(asked, E)


@pytest.mark.parametrize("config", [STANDBY, ROUTER], ids=lambda config: config.mode)
def test_without_the_daemon_a_mobile_line_that_ends_leaves_the_wired_one(home, config):
    home.apply_mode(config)
    home.hang_up()
    assert answers(home, *OWN_FLOWS) == dict.fromkeys(OWN_FLOWS, E)
    flows = HOUSE_FLOWS[config.mode]
    # Beside a router that way would be a loop.
    assert answers(home, *flows) == dict.fromkeys(flows, REFUSED if config is STANDBY else E)
    refused = (
        f"{ANYONE} {CELLULAR_MARK}",
        f"{ANYONE6} {CELLULAR_MARK}",
        f"{ANYONE} from {OWN} {CELLULAR_MARK}",
    )
    assert answers(home, *refused) == dict.fromkeys(refused, REFUSED)
    assert home.leaves_by(f"192.168.7.20 {CELLULAR_MARK}") == L


@pytest.mark.parametrize("config", [STANDBY, ROUTER], ids=lambda config: config.mode)
@pytest.mark.parametrize("active", list(UplinkName))
def test_without_the_daemon_a_wired_line_that_ends_leaves_the_mobile_one(home, config, active):
    home.apply_mode(config, active)
    home.pi.ip("route del default", "-6 route del default")
    flows = (*OWN_FLOWS, *HOUSE_FLOWS[config.mode])
    assert answers(home, *flows) == dict.fromkeys(flows, P)


def test_without_the_daemon_a_cable_that_is_pulled_is_no_way_out(home):
    home.apply_mode(ROUTER)
    home.router.ip("link set eth0 down")
    soon(lambda: home.leaves_by(ANYONE) == P)  # the kernel tells its routes of the link a little later
    flows = (*OWN_FLOWS, *HOUSE_FLOWS[ROUTER.mode])
    assert answers(home, *flows) == dict.fromkeys(flows, P)
    refused = (f"{ANYONE} from {OWN}", f"{ANYONE} {WIRED_MARK}", f"{ANYONE6} from {OWN6}")
    assert answers(home, *refused) == dict.fromkeys(refused, REFUSED)
    home.router.ip("link set eth0 up")
    soon(lambda: home.leaves_by(ANYONE) == E)


# --- real packets --------------------------------------------------------------------------------


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, destination, port):
    """A TCP SYN as it comes from the mobile network (RFC 9293 section 3.1)."""
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    tcp = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 5 << 4, 0x02, 8192, 0, 0)
    proof = checksum(ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", proof) + tcp[18:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 60, socket.IPPROTO_TCP, 0) + ends
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + tcp


def comes_back(home, packet, *, seconds=3.0):
    """Send it in over the mobile line; who is answered there, by whom and with what flags, or ``None``."""
    home.send(packet)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = home.receive()
        if answer and answer[0] >> 4 == 4 and answer[9] == socket.IPPROTO_TCP:
            return socket.inet_ntoa(answer[12:16]), socket.inet_ntoa(answer[16:20]), answer[33]
        time.sleep(0.01)
    return None


async def listen():
    return socket.create_server(("0.0.0.0", 9000))


@pytest.mark.parametrize("config", [STANDBY, ROUTER], ids=lambda config: config.mode)
def test_a_health_check_is_answered_over_the_line_it_came_in_on(home, config):
    home.apply_mode(config)
    home.router.ip(f"route add {MOBILE}/32 via {OWN}")

    async def check():
        with socket.create_connection((OWN, 9000), timeout=3, source_address=(ANYONE, 0)) as connection:
            return connection.getpeername()[0]

    with home.pi.run(listen):
        assert comes_back(home, syn("203.0.113.77", MOBILE, 9000)) == (MOBILE, "203.0.113.77", 0x12)
        assert home.router.run(check) == OWN


def test_before_the_rules_the_answer_takes_the_wrong_line(home):
    with home.pi.run(listen):
        assert comes_back(home, syn("203.0.113.77", MOBILE, 9000), seconds=0.5) is None


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("silent", [True, False], ids=["our settings", "the kernel's own"])
def test_nobody_is_told_of_a_better_gateway(home, silent):
    if not silent:
        home.pi.sh("sysctl", "-qw", "net.ipv4.conf.all.send_redirects=1")
    home.pi.ip(f"route add 203.0.113.0/24 via {GATEWAY}")
    home.router.ip(f"route add 203.0.113.0/24 via {OWN}")

    async def knock():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"?", ("203.0.113.5", 9))

    def counted(kind, name):
        rows = [line.split() for line in home.pi.sh("cat", "/proc/net/snmp").splitlines()]
        names, values = (row for row in rows if row[0] == kind)
        return int(values[names.index(name)])

    home.router.run(knock)
    soon(lambda: counted("Ip:", "ForwDatagrams") > 0)
    assert (counted("Icmp:", "OutRedirects") == 0) is silent


def test_settings_hold_for_interfaces_that_were_there_before_and_that_come_later(home):
    home.pi.ip("link add later0 type veth peer name later1")

    def setting(key):
        return home.pi.sh("sysctl", "-n", f"net.{key}").strip()

    expected = {
        "ipv4.conf.{}.forwarding": "1",
        "ipv6.conf.{}.forwarding": "1",
        "ipv6.conf.{}.accept_ra": "2",
        "ipv4.conf.{}.accept_redirects": "0",
        "ipv6.conf.{}.accept_redirects": "0",
        "ipv6.conf.{}.ignore_routes_with_linkdown": "1",
    }
    for interface in (E, "later0"):
        assert {key: setting(key.format(interface)) for key in expected} == expected
    assert setting("ipv4.conf.all.rp_filter") == "2"
    assert setting("ipv6.conf.fbcell0.accept_ra_defrtr") == "0"
    assert setting("ipv6.conf.eth0.accept_ra_defrtr") == "1"
