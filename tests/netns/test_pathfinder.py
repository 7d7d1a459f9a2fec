"""The way to a target is walked hop by hop, and what could lead it astray is told beforehand."""

from __future__ import annotations

import itertools
from ipaddress import ip_address

import pytest
from namespace import namespaces
from twins import GATEWAY, TARGETS, TARGETS6, WIRED, twins

from failberry.adapters.netlink import Netlink
from failberry.adapters.pathfinder import trace_path
from failberry.adapters.pinning import prove_pinning
from failberry.config import MOBILE_INTERFACE
from failberry.core.actions import ProvePinning, TracePath
from failberry.core.events import PathTraced, PinningProved
from failberry.core.intent import MARK_MASK, WIRED_MARK
from failberry.core.snapshot import UplinkName

pytestmark = pytest.mark.netns

TARGET, TARGET6 = "198.51.100.7", "2001:db8:ffff::7"
HOPS = {
    4: ("10.0.1.1", "10.0.2.1", "10.0.3.1", TARGET),
    6: ("2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1", TARGET6),
}


@pytest.fixture(scope="module")
def street():
    """The Pi, three routers one behind the other, and the target."""
    with namespaces("pi", "r1", "r2", "r3", "target") as made:
        for each in made[1:]:
            each.sh(
                "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0",
            )  # fmt: skip
        for number, (near, far) in enumerate(itertools.pairwise(made), 1):
            near.ip(f"link add eth0 type veth peer name back netns {far.name}")
            own, own6 = f"10.0.{number}.2", f"2001:db8:{number}::2"
            other, other6 = f"10.0.{number}.1", f"2001:db8:{number}::1"
            far.batch(
                f"addr add {other}/24 dev back\naddr add {other6}/64 dev back nodad\nlink set back up\n"
                "addr add fe80::1/64 dev back nodad\n"
            )
            near.batch(
                f"addr add {own}/24 dev eth0\naddr add {own6}/64 dev eth0 nodad\nlink set eth0 up\n"
                "addr add fe80::2/64 dev eth0 nodad\n"
                f"route add default via {other} dev eth0\nroute add default via {other6} dev eth0\n"
            )
            for each in range(1, number - 1):
                near.ip(
                    f"route add 10.0.{each}.0/24 via 10.0.{number - 1}.2",
                    f"route add 2001:db8:{each}::/64 via 2001:db8:{number - 1}::2",
                )
        made[4].batch(
            f"addr add {TARGET}/32 dev lo\naddr add {TARGET6}/128 dev lo nodad\n"
            "route add default via 10.0.4.2\nroute add default via 2001:db8:4::2\n"
        )
        yield made


def trace(street, target=TARGET, *, timeout=5.0, hops=6, interface="eth0"):
    action = TracePath(
        deed=3,
        line=UplinkName.WIRED,
        interface=interface,
        target=ip_address(target),
        hops=hops,
        timeout=timeout,
    )
    return street[0].run(lambda: trace_path(action))


def way(version, count, *, length=None, reached=False):
    hops = tuple(map(ip_address, HOPS[version][:count]))
    return PathTraced(deed=3, hops=hops + (None,) * ((length or count) - count), reached=reached)


@pytest.mark.parametrize(("version", "target"), [(4, TARGET), (6, TARGET6)])
def test_everybody_on_the_way(street, version, target):
    assert trace(street, target) == way(version, 4, reached=True)
    assert trace(street, target, hops=2) == way(version, 2)


@pytest.mark.parametrize(("version", "target"), [(4, TARGET), (6, TARGET6)])
def test_a_black_hole_shows_who_answers_before_it(street, version, target):
    street[3].ip(f"route add blackhole {target}")
    assert trace(street, target, timeout=0.4) == way(version, 2, length=6)
    street[3].ip(f"route del blackhole {target}")
    # Who refuses has told of the end of one packet, too, and counts once.
    street[2].sh("nft", "add table inet x { chain y { type filter hook forward priority 0; reject; }; }")
    assert trace(street, target) == way(version, 2)
    street[2].sh("nft", "delete table inet x")
    assert trace(street, target) == way(version, 4, reached=True)


def test_nothing_to_walk_on(street):
    assert trace(street, interface="gone0") == PathTraced(deed=3, problem="there is no interface gone0")


# --- pinning -------------------------------------------------------------------------------------


@pytest.fixture
def lines():
    with twins() as made:
        yield made


def proved(lines, target=TARGETS[0], line=UplinkName.WIRED):
    interface = "eth0" if line is UplinkName.WIRED else MOBILE_INTERFACE

    async def test():
        netlink = Netlink()
        action = ProvePinning(deed=5, line=line, interface=interface, target=ip_address(target))
        answer = await prove_pinning(action, netlink)
        await netlink.close()
        return answer

    answer = lines.pi.run(test)
    assert isinstance(answer, PinningProved)
    assert answer.deed == 5
    return answer.problem


@pytest.mark.parametrize("target", [TARGETS[0], TARGETS6[0]])
def test_pinned_questions_leave_by_their_line_though_others_do_not(lines, target):
    assert proved(lines, target) == proved(lines, target, UplinkName.CELLULAR) == ""


def test_a_line_without_a_way_out(lines):
    lines.pi.ip(f"route del default via {GATEWAY} dev eth0")
    assert proved(lines).startswith(
        f"eth0 has no route to {TARGETS[0]} for what is marked as the wired line's "
        f"(`ip route get {TARGETS[0]} oif eth0 mark {WIRED_MARK:#x}`): look for its gateway with"
    )
    lines.pi.ip(f"addr del {WIRED}/24 dev eth0")
    assert proved(lines).startswith("nothing could be sent over eth0: ")


def test_a_rule_of_another_program(lines):
    lines.pi.ip(f"rule add fwmark {WIRED_MARK:#x}/{MARK_MASK:#x} unreachable priority 99")
    assert "`ip rule` for a rule of another program" in proved(lines)
    assert proved(lines, TARGETS6[0]) == ""


def test_a_strict_reverse_path_filter_drops_the_answers(lines):
    lines.pi.sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=1")
    problem = proved(lines)
    assert problem.startswith(
        f"rp_filter is strict on eth0, and the way back to {TARGETS[0]} is {MOBILE_INTERFACE}"
    )
    assert "net.ipv4.conf.eth0.rp_filter = 2" in problem
    assert proved(lines, line=UplinkName.CELLULAR) == proved(lines, TARGETS6[0]) == ""
    # With a rule by source, as ours, the way back is the line itself.
    lines.pi.ip(f"route add default via {GATEWAY} dev eth0 table 77", f"rule add from {WIRED} lookup 77")
    assert proved(lines) == ""
    lines.pi.ip(f"rule del from {WIRED} lookup 77")
    lines.pi.sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2")
    assert proved(lines) == ""
