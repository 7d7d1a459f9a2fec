"""Who is in the house, and by which names it is called."""

import struct
from ipaddress import ip_address, ip_interface

import pytest

from failberry.web import lan
from failberry.web.lan import Own
from failberry.web.names import is_ours


def own(*texts: str) -> tuple[Own, ...]:
    return tuple(
        Own(address=ip_interface(each).ip, network=ip_interface(each).network, index=3) for each in texts
    )


HOME = lan.lan(own("192.168.7.2/24", "fd00:7::2/64", "fe80::2/64", "2001:db8::2/64", "203.0.113.9/24"))


def test_of_its_addresses_only_private_ones_are_the_lans() -> None:
    told = [str(each.address) for each in HOME.own]
    assert told == ["192.168.7.2", "fd00:7::2", "fe80::2"]


@pytest.mark.parametrize(
    ("local", "peer", "admitted"),
    [
        ("192.168.7.2", "192.168.7.20", True),
        ("192.168.7.2", "192.168.8.20", False),
        ("192.168.7.2", "10.0.0.1", False),
        ("192.168.7.2", "127.0.0.1", False),
        ("203.0.113.9", "203.0.113.1", False),
        ("100.72.3.4", "192.168.7.20", False),
        ("fe80::2%eth0", "fe80::99%eth0", True),
        ("fd00:7::2", "fd00:7::99", True),
        ("fd00:7::2", "fd00:8::99", False),
        ("2001:db8::2", "2001:db8::99", False),
        ("::ffff:192.168.7.2", "::ffff:192.168.7.20", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "192.168.7.20", False),
        ("::1", "::1", True),
        ("nonsense", "192.168.7.20", False),
    ],
)
def test_both_addresses_are_judged(local: str, peer: str, *, admitted: bool) -> None:
    assert HOME.admits(local, peer) is admitted


def test_further_networks_are_let_in_at_the_lans_own_address_only() -> None:
    house = lan.lan(own("192.168.7.2/24"), networks=("10.8.0.0/24",))
    assert house.admits("192.168.7.2", "10.8.0.5")
    assert not house.admits("203.0.113.9", "10.8.0.5")
    assert not house.admits("192.168.7.2", "10.9.0.5")


@pytest.mark.parametrize(("wanted", "count"), [("", 3), ("0.0.0.0", 3), ("fd00:7::2", 1), ("203.0.113.9", 0)])
def test_the_owner_may_want_one_of_them(wanted: str, count: int) -> None:
    found = lan.lan(own("192.168.7.2/24", "fd00:7::2/64", "fe80::2/64", "203.0.113.9/24"), wanted=wanted)
    assert len(found.own) == count


def message(kind: int, address: str, prefix: int, index: int, flags: int = 0) -> bytes:
    packed = ip_address(address).packed
    family = 2 if len(packed) == 4 else 10
    body = struct.pack("=BBBBL", family, prefix, flags, 0, index)
    for number in (1, 2) if family == 2 else (1,):
        body += struct.pack("=HH", 4 + len(packed), number) + packed
    return struct.pack("=LHHLL", 16 + len(body), kind, 0, 1, 0) + body


def test_the_kernels_words_are_read() -> None:
    done = struct.pack("=LHHLLl", 20, 3, 0, 1, 0, 0)
    said = (
        message(20, "192.168.7.2", 24, 3)
        + message(20, "fe80::2", 64, 3, flags=0x40)
        + message(16, "10.0.0.1", 8, 4)
    )
    found, ended = lan.addresses(said + done)
    assert found == list(own("192.168.7.2/24"))
    assert ended
    assert lan.addresses(said)[1] is False
    assert lan.addresses(b"\0" * 16)[1] is True


def test_the_loopback_of_this_machine_is_found() -> None:
    assert "127.0.0.1" in {str(each.address) for each in lan.look("lo")}
    assert lan.look("nosuch0") == ()


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("192.168.7.2:8080", True), ("192.168.7.2", True), ("[fd00:7::2]:8080", True),
        ("localhost:8080", True),
        ("127.0.0.1:8080", True), ("[::1]", True), ("attic", True), ("ATTIC.local:8080", True),
        ("attic.home.arpa", True), ("pi.example.net", True), ("pi.example.net.", True),
        ("192.168.7.3", False), ("203.0.113.9", False), ("attic.example.com", False), ("evil.example", False),
        ("attic.local.evil.example", False), ("", False), ("attic:8080@evil", False), ("a b", False),
    ],
)  # fmt: skip
def test_a_host_is_ours_or_it_is_not(host: str, *, ours: bool) -> None:
    assert is_ours(host, hostname="attic", names=("pi.example.net",), lan=HOME) is ours
