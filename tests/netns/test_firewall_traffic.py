"""Real packets through real rules: both back ends, both modes."""

import contextlib
import socket

import pytest
from backends import BACKENDS
from town import (
    FAR,
    FAR6,
    GUEST,
    HOST,
    HOST6,
    HOST_MAC,
    MOBILE,
    MOBILE6,
    MOBILE_MTU,
    NEAR,
    NEAR6,
    PATIENCE,
    PI,
    PI6,
    ROUTER,
    ROUTER6,
    RST,
    SILENCE,
    WIRED,
    WIRED6,
    answers_ping,
    call,
    reaches,
    scan,
    segment,
    server,
    socket_in,
    talk,
    town,
)

from failberry.config import Firewall, Mode, PortForward, Protocol
from failberry.core.snapshot import UplinkName

pytestmark = pytest.mark.netns

FORWARDS = (
    PortForward(proto=Protocol.TCP, ports="443", to=f"{HOST}:8443"),
    PortForward(proto=Protocol.TCP, ports="8000-8003", to=HOST),
    PortForward(proto=Protocol.UDP, ports="5000", to=HOST),
    PortForward(proto=Protocol.TCP, ports="2222", to=f"{PI}:22"),
)
SERVICES = (22, 53, 80, 111, 139, 445, 631, 3306, 5432, 8080, 9001, 32768)
"""What somebody may have installed on the Pi, beside the health server on port 9000."""
UDP_SERVICES = (53, 67, 68, 69, 111, 123, 137, 161, 500, 514, 546, 547, 1900, 4500, 5353, 9000, 51820)


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda backend: backend.name)
def backend(request):
    return request.param


@pytest.fixture(scope="module", params=Mode)
def place(request, backend):
    with town(request.param, backend) as made:
        yield made


@pytest.fixture
def forwarding(place):
    """With port forwards; the line that this mode prefers is active."""
    standby = place.mode is Mode.STANDBY_GATEWAY
    place.apply(
        place.config(port_forward=FORWARDS), active=UplinkName.CELLULAR if standby else UplinkName.WIRED
    )
    return place


@pytest.fixture
def mobile(place):
    """With port forwards; the mobile line is active."""
    place.apply(place.config(port_forward=FORWARDS), active=UplinkName.CELLULAR)
    return place


# --- out of the house -----------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target", "seen"), [(HOST, FAR, MOBILE), (HOST6, FAR6, MOBILE6)])
def test_a_client_of_the_house_is_seen_with_the_mobile_address(mobile, source, target, seen):
    with server(mobile.mobile, target, 80) as far, call(mobile.house, source, target, 80) as client:
        there, peer = far.accept()
        with there:
            assert peer[0] == seen
            assert talk(client, there)


def test_segments_fit_the_mobile_line_in_both_directions(mobile):
    with server(mobile.mobile, FAR, 80) as far, call(mobile.house, HOST, FAR, 80) as client:
        there, _ = far.accept()
        with there:
            for end in (client, there):
                # 40 bytes of IP and TCP, and 12 more for timestamps.
                assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= MOBILE_MTU - 40


def test_an_established_connection_outlives_a_change_of_rules(mobile):
    with server(mobile.mobile, FAR, 80) as far, call(mobile.house, HOST, FAR, 80) as client:
        there, _ = far.accept()
        with there:
            assert talk(client, there)
            mobile.apply(mobile.config(firewall=Firewall(mobile_clients=(HOST,))), active=UplinkName.CELLULAR)
            assert talk(client, there)


@pytest.mark.parametrize(
    ("allowed", "who"),
    [((HOST,), {HOST}), (("192.168.7.20/31",), {HOST, GUEST}), ((HOST6, GUEST), {GUEST, HOST6})],
)
def test_only_listed_clients_use_the_mobile_line(place, allowed, who):
    place.apply(place.config(firewall=Firewall(mobile_clients=allowed)), active=UplinkName.CELLULAR)
    with server(place.mobile, FAR, 80), server(place.mobile, FAR6, 80):
        for source, target in ((HOST, FAR), (GUEST, FAR), (HOST6, FAR6)):
            assert reaches(place.house, source, target, 80, hoped=source in who) == (source in who)
        assert reaches(place.pi, MOBILE, FAR, 80, hoped=True)


@pytest.mark.parametrize(("allowed", "listed"), [(HOST_MAC.upper(), True), ("02:00:00:aa:bb:cd", False)])
def test_a_listed_client_may_be_named_by_its_mac_address(place, allowed, listed):
    place.apply(place.config(firewall=Firewall(mobile_clients=(allowed,))), active=UplinkName.CELLULAR)
    # Directly, and not by a router, whose address the Pi would see.
    place.house.ip(f"route replace {FAR} via {PI}", f"-6 route replace {FAR6} via {PI6}")
    try:
        with server(place.mobile, FAR, 80), server(place.mobile, FAR6, 80):
            for source, target in ((HOST, FAR), (HOST6, FAR6)):
                assert reaches(place.house, source, target, 80, hoped=listed) == listed
    finally:
        place.house.ip(f"route del {FAR}", f"-6 route del {FAR6}")


def test_a_forwarded_service_need_not_be_a_listed_client(place):
    lists = Firewall(mobile_clients=(GUEST,))
    place.apply(place.config(port_forward=FORWARDS, firewall=lists), active=UplinkName.CELLULAR)
    with server(place.house, HOST, 8443) as service, call(place.mobile, FAR, MOBILE, 443) as caller:
        there, _ = service.accept()
        with there:
            assert talk(caller, there)


def test_what_belongs_to_no_connection_does_not_leak_house_addresses(place):
    def leaks(*, hoped):
        with (
            socket_in(place.mobile, FAR, kind=socket.SOCK_RAW, protocol=socket.IPPROTO_TCP) as ear,
            socket_in(place.house, HOST, kind=socket.SOCK_RAW, protocol=socket.IPPROTO_TCP) as mouth,
        ):
            ear.settimeout(PATIENCE if hoped else SILENCE)
            mouth.sendto(segment(HOST, FAR, 80, RST), (FAR, 0))
            try:
                return ear.recvfrom(2048)[1][0] == HOST
            except TimeoutError:
                return False

    place.apply(place.config(), active=UplinkName.CELLULAR)
    assert not leaks(hoped=False)
    place.unfilter()
    assert leaks(hoped=True)


def test_the_wired_line_sees_the_address_that_it_can_answer(place):
    place.apply(place.config(), active=UplinkName.WIRED)
    if place.mode is Mode.STANDBY_GATEWAY:
        # Only what the main table knows by name goes on to the main router: another network behind him.
        place.pi.ip(f"route replace {NEAR} via {ROUTER}", f"-6 route replace {NEAR6} via {ROUTER6}")
        pairs = ((HOST, NEAR, PI, f"{NEAR} via {PI}"), (HOST6, NEAR6, PI6, f"{NEAR6} via {PI6}"))
        # From the house to the house, by the Pi.
        pairs += ((HOST, ROUTER, HOST, f"{ROUTER} via {PI}"),)
    else:
        pairs = ((HOST, NEAR, WIRED, None), (HOST6, NEAR6, WIRED6, None))
    for source, target, seen, route in pairs:
        if route is not None:
            place.house.ip(f"route add {route}")
        with server(place.wired, target, 80) as shop, call(place.house, source, target, 80):
            there, peer = shop.accept()
            there.close()
            assert peer[0] == seen
        if route is not None:
            place.house.ip(f"route del {route}")
    if place.mode is Mode.STANDBY_GATEWAY:
        place.pi.ip(f"route del {NEAR}", f"-6 route del {NEAR6}")


# --- into the house -------------------------------------------------------------------------------


def test_a_forwarded_port_reaches_the_house_and_its_replies_come_back_the_same_way(forwarding):
    seen = PI if forwarding.mode is Mode.STANDBY_GATEWAY else FAR
    for outside, inside in ((443, 8443), (8002, 8002)):
        with (
            server(forwarding.house, HOST, inside) as service,
            call(forwarding.mobile, FAR, MOBILE, outside) as caller,
        ):
            there, peer = service.accept()
            with there:
                assert peer[0] == seen
                assert talk(caller, there)


def test_a_forwarded_port_may_be_on_the_pi(forwarding):
    with server(forwarding.pi, PI, 22) as service, call(forwarding.mobile, FAR, MOBILE, 2222) as caller:
        there, peer = service.accept()
        with there:
            assert peer[0] == FAR
            assert talk(caller, there)


def test_a_forwarded_udp_service_answers_and_learns_the_path_mtu(forwarding):
    mtu_discover, always, mtu = 10, 2, 14  # IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU: ip(7)
    with (
        socket_in(forwarding.house, HOST, 5000, socket.SOCK_DGRAM) as service,
        socket_in(forwarding.mobile, FAR, 0, socket.SOCK_DGRAM) as caller,
    ):
        caller.sendto(b"question", (MOBILE, 5000))
        question, peer = service.recvfrom(2048)
        assert question == b"question"
        service.setsockopt(socket.IPPROTO_IP, mtu_discover, always)
        service.connect(peer)
        service.send(b"answer")
        assert caller.recvfrom(2048) == (b"answer", (MOBILE, 5000))
        # The Pi's own error message belongs to the marked connection, yet must go into the house.
        service.send(bytes(1400))
        with pytest.raises(OSError, match="Message too long"):
            for _ in range(50):
                service.send(bytes(1400))
        assert service.getsockopt(socket.IPPROTO_IP, mtu) == MOBILE_MTU


def test_health_checks_are_answered_on_both_lines(forwarding):
    checks = [(forwarding.mobile, FAR, MOBILE), (forwarding.mobile, FAR6, MOBILE6)]
    if forwarding.mode is Mode.STANDBY_GATEWAY:
        # The main router forwards them into the house.
        checks += [(forwarding.wired, NEAR, PI)]
    else:
        checks += [(forwarding.wired, NEAR, WIRED), (forwarding.wired, NEAR6, WIRED6)]
    for where, source, target in checks:
        anywhere = "::" if ":" in target else "0.0.0.0"
        with server(forwarding.pi, anywhere, 9000) as health, call(where, source, target, 9000) as checker:
            there, peer = health.accept()
            with there:
                assert peer[0] == source
                assert talk(checker, there)


def uplinks(place):
    """Where strangers are, who they are, and what they see of the Pi."""
    yield from ((place.mobile, FAR, MOBILE, HOST), (place.mobile, FAR6, MOBILE6, HOST6))
    if place.mode is Mode.DUAL_WAN_ROUTER:
        yield from ((place.wired, NEAR, WIRED, HOST), (place.wired, NEAR6, WIRED6, HOST6))


@contextlib.contextmanager
def everything_running(place):
    """Whatever somebody may have installed on the Pi and in the house."""
    with contextlib.ExitStack() as stack:
        for anywhere in ("0.0.0.0", "::"):
            for port in (*SERVICES, 9000):
                stack.enter_context(server(place.pi, anywhere, port))
        for port in (80, 8443, 8000, 8001):
            stack.enter_context(server(place.house, HOST, port))
        yield


def test_a_scan_of_all_tcp_ports_finds_health_checks_and_forwards_only(forwarding):
    with everything_running(forwarding):
        for where, source, target, _ in uplinks(forwarding):
            found = scan(where, source, target, range(1, 65536))
            if target == MOBILE:
                there = {9000: "open", 443: "open", 2222: "open", 8000: "open", 8001: "open"}
                assert found == there | {8002: "closed", 8003: "closed"}
            else:
                assert found == {9000: "open"}


def test_without_our_rules_the_same_scan_finds_everything(forwarding):
    forwarding.unfilter()
    with everything_running(forwarding):
        for where, source, target, _ in uplinks(forwarding):
            found = scan(where, source, target, range(1, 1000))
            assert found == dict.fromkeys(range(1, 1000), "closed") | {
                port: "open" for port in SERVICES if port < 1000
            }


def test_no_udp_service_of_the_pi_is_heard_of(forwarding):
    def heard():
        for where, source, target, _ in uplinks(forwarding):
            anywhere = "::" if ":" in target else "0.0.0.0"
            for port in UDP_SERVICES:
                with (
                    socket_in(forwarding.pi, anywhere, port, socket.SOCK_DGRAM) as service,
                    socket_in(where, source, 0, socket.SOCK_DGRAM) as stranger,
                ):
                    service.settimeout(0)
                    stranger.sendto(b"x", (target, port))
                    with contextlib.suppress(BlockingIOError):
                        service.recv(16)
                        yield target, port

    # DHCP answers must pass on the wired line; those of DHCPv6 only from the link itself.
    assert set(heard()) == ({(WIRED, 68)} if forwarding.mode is Mode.DUAL_WAN_ROUTER else set())
    forwarding.unfilter()
    assert len(set(heard())) == len(UDP_SERVICES) * len(list(uplinks(forwarding)))


def test_answers_to_what_the_pi_asks_come_in(forwarding):
    for where, source, target, _ in uplinks(forwarding):
        with (
            socket_in(where, source, 53, socket.SOCK_DGRAM) as names,
            socket_in(forwarding.pi, target, 0, socket.SOCK_DGRAM) as asking,
        ):
            asking.sendto(b"who?", (source, 53))
            _, peer = names.recvfrom(16)
            names.sendto(b"me", peer)
            assert asking.recv(16) == b"me"


def test_forged_sources_of_the_house_are_dropped(forwarding):
    def believed(*, hoped):
        for where, _, target, forged in uplinks(forwarding):
            # Without duplicate address detection, which lets nobody use an IPv6 address before it has ended.
            where.ip(f"addr add {forged} dev lo" + (" nodad" if ":" in forged else ""))
            try:
                if answers_ping(where, forged, target, forwarding.house, hoped=hoped):
                    yield target, forged
            finally:
                where.ip(f"addr del {forged} dev lo")

    assert not set(believed(hoped=False))
    forwarding.unfilter()
    assert set(believed(hoped=True)) == {(target, forged) for _, _, target, forged in uplinks(forwarding)}


def test_ping_is_answered(forwarding):
    for where, source, target, _ in uplinks(forwarding):
        assert answers_ping(where, source, target, where, hoped=True)


def test_nothing_in_the_house_is_reached_without_a_forward(mobile):
    def reached(*, hoped):
        with server(mobile.house, HOST, 80), server(mobile.house, HOST6, 80):
            for source, host in ((FAR, HOST), (FAR6, HOST6)):
                if reaches(mobile.mobile, source, host, 80, hoped=hoped):
                    yield host

    assert not set(reached(hoped=False))
    mobile.unfilter()
    assert set(reached(hoped=True)) == {HOST, HOST6}
