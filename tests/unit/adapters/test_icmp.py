"""Echo messages as bytes."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failberry.adapters import icmp


def test_ours_are_known_by_their_length() -> None:
    header = {4: 20, 6: 40}
    for version, size in icmp.SIZE.items():
        assert header[version] + len(icmp.echo(version, 1, 2, icmp.payload())) == size


@given(st.binary(max_size=40))
def test_the_checksum_makes_the_sum_all_ones(payload: bytes) -> None:
    message = icmp.echo(4, 0xABCD, 7, payload) + b"\0" * (len(payload) % 2)
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


@pytest.mark.parametrize("version", [4, 6])
def test_an_error_quotes_our_echo(version: int) -> None:
    message = icmp.echo(version, 5, 6, b"unique")
    target = ip_address("192.0.2.7" if version == 4 else "2001:db8::7").packed
    if version == 4:
        packet = (
            struct.pack("!BBHHHBBH4s", 0x46, 0, 32, 0, 0, 1, 1, 0, bytes(4)) + target + bytes(4) + message
        )
    else:
        packet = struct.pack("!IHBB16s", 6 << 28, 14, 58, 1, bytes(16)) + target + message
    quote = icmp.quoted(version, packet)
    assert quote == (target, icmp.Message(icmp.ECHO_REQUEST[version], 0, 5, 6, b"unique"))
    at = 9 if version == 4 else 6
    assert icmp.quoted(version, packet[:at] + b"\x11" + packet[at + 1 :]) is None


@given(st.sampled_from([4, 6]), st.binary(max_size=64))
def test_whatever_comes(version: int, packet: bytes) -> None:
    for read in (icmp.parse(version, packet), icmp.quoted(version, packet)):
        assert read is None or len(packet) >= 8
