"""What is said of the ways of packets, from packets that are given."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from failberry.adapters.triangle import Passing, hardware_of, judge

ROUTER, CLIENT = "02:00:00:00:00:01", "02:00:00:00:00:20"
OWN = (IPv4Interface("192.168.1.2/24"), IPv4Interface("192.168.1.3/32"))
GATEWAY = IPv4Address("192.168.1.1")


def judged(
    *packets: tuple[str, str], reply_via_router: bool = False, shared_gateway: bool = False
) -> list[str]:
    notices = judge(
        [Passing(hardware=hardware, source=IPv4Address(source)) for hardware, source in packets],
        own=OWN,
        gateway=GATEWAY,
        router=ROUTER,
        reply_via_router=reply_via_router,
        shared_gateway=shared_gateway,
    )
    return [notice.code for notice in notices]


@pytest.mark.parametrize(
    ("packet", "found"),
    [
        ((ROUTER, "192.168.1.20"), ["triangle_route"]),
        ((CLIENT, "192.168.1.20"), ["clients_by_themselves"]),
        ((ROUTER, "192.168.1.1"), []),  # masqueraded
        ((ROUTER, "192.168.1.2"), []),  # our own, sent back to us
        ((ROUTER, "10.0.0.7"), []),  # another network behind the router: answers go through it anyway
        ((CLIENT, "10.0.0.7"), []),  # another router's clients are nobody's fault
    ],
)
def test_a_packet_tells_which_way_it_came(packet: tuple[str, str], found: list[str]) -> None:
    assert judged(packet) == found


def test_what_is_meant_to_be_so_is_not_told() -> None:
    assert judged((ROUTER, "192.168.1.20"), reply_via_router=True) == []
    assert judged((CLIENT, "192.168.1.20"), shared_gateway=True) == []


def test_many_clients_are_named_in_few_words() -> None:
    packets = [Passing(hardware=CLIENT, source=IPv4Address(f"192.168.1.{n}")) for n in range(20, 30)]
    (notice,) = judge(
        packets, own=OWN, gateway=GATEWAY, router=ROUTER, reply_via_router=False, shared_gateway=False
    )
    assert notice.text.startswith("192.168.1.20, 192.168.1.21, 192.168.1.22 and 7 more send ")


def test_a_neighbour_is_known_by_its_line_and_only_when_it_has_answered(tmp_path: Path) -> None:
    table = tmp_path / "arp"
    table.write_text(
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.168.1.1      0x1         0x0         00:00:00:00:00:00     *        eth0\n"
        "192.168.1.1      0x1         0x2         02:00:00:00:00:99     *        wlan0\n"
        "192.168.1.20     0x1         0x2         02:00:00:00:00:20     *        eth0\n"
        "192.168.1.20     0x1\n"
    )
    assert hardware_of(IPv4Address("192.168.1.20"), "eth0", table) == CLIENT
    assert hardware_of(GATEWAY, "eth0", table) is None
    assert hardware_of(GATEWAY, "eth0", tmp_path / "none") is None
