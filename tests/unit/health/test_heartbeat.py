import ipaddress
import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failberry.health.heartbeat import REASON_LIMIT, SIZE_LIMIT, Health, Line, decode, encode, freshness
from failberry.health.server import LOOK_EVERY, HeartbeatFile

LINES = {
    "wired": Line(addresses=["192.168.1.10", "2001:db8::10"], path="/s3cret"),
    "cellular": Line(addresses=["100.64.7.2"]),
}


def test_the_file_is_the_documented_document() -> None:
    assert json.loads(encode(12.5, "boot-1", LINES)) == {
        "version": 1,
        "boot_id": "boot-1",
        "beat": 12.5,
        "lines": {
            "wired": {"addresses": ["192.168.1.10", "2001:db8::10"], "path": "/s3cret"},
            "cellular": {"addresses": ["100.64.7.2"], "path": None},
        },
        "standby": None,
        "standby_reason": "",
    }


@pytest.mark.parametrize("standby", [True, False, None])
def test_what_the_router_is_told_is_read_back(*, standby: bool | None) -> None:
    heartbeat = decode(encode(1.0, "boot-1", LINES, standby=standby, standby_reason="no answer for 40 s"))
    assert heartbeat
    assert (heartbeat.standby, heartbeat.standby_reason) == (standby, "no answer for 40 s")


def test_a_heartbeat_of_an_older_daemon_tells_the_router_nothing() -> None:
    heartbeat = decode(b'{"version": 1, "boot_id": "b", "beat": 1, "lines": {}}')
    assert heartbeat
    assert (heartbeat.standby, heartbeat.standby_reason) == (None, "")


def test_a_reason_is_one_short_line_of_ascii_whatever_the_daemon_says() -> None:
    reason = "kein Netz – n\u00e4mlich\r\nX-Evil: 1 " + "a" * 100
    heartbeat = decode(encode(1.0, "boot-1", LINES, standby=False, standby_reason=reason))
    assert heartbeat
    assert heartbeat.standby_reason == ("kein Netz ? n?mlich X-Evil: 1 " + "a" * 100)[:REASON_LIMIT]


@pytest.mark.parametrize(
    "fields",
    [
        {"standby": "yes"},
        {"standby": 1},
        {"standby": False, "standby_reason": None},
        {"standby": False, "standby_reason": "a\nb"},
        {"standby": False, "standby_reason": "a" * (REASON_LIMIT + 1)},
    ],
)
def test_garbled_words_for_the_router_make_no_heartbeat(fields: dict[str, object]) -> None:
    assert (
        decode(json.dumps({"version": 1, "boot_id": "b", "beat": 1, "lines": {}, **fields}).encode()) is None
    )


def test_it_is_read_back() -> None:
    heartbeat = decode(encode(12.5, "boot-1", LINES))
    assert heartbeat
    assert (heartbeat.beat, heartbeat.boot_id) == (12.5, "boot-1")
    assert {name: line.path for name, line in heartbeat.lines.items()} == {
        "wired": "/s3cret",
        "cellular": None,
    }


@pytest.mark.parametrize(
    ("local_address", "line"),
    [
        ("192.168.1.10", "wired"),
        ("::ffff:192.168.1.10", "wired"),
        ("2001:db8::10", "wired"),
        ("::ffff:100.64.7.2", "cellular"),
        ("192.168.1.1", None),
        ("fe80::1%ppp0", None),
    ],
)
def test_the_local_address_names_the_line(local_address: str, line: str | None) -> None:
    heartbeat = decode(encode(0.0, "boot-1", LINES))
    assert heartbeat
    assert heartbeat.line_at(local_address) == line


def test_a_link_local_address_is_found_without_its_zone() -> None:
    heartbeat = decode(encode(0.0, "boot-1", {"cellular": Line(addresses=["fe80::1"])}))
    assert heartbeat
    assert heartbeat.line_at("fe80::1%ppp0") == "cellular"


@settings(deadline=None)
@given(
    st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2000::/3") | st.ip_addresses(v=6, network="fc00::/7")
)
def test_the_daemon_and_the_kernel_write_addresses_alike(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    assert str(address) == socket.inet_ntop(family, address.packed)


@pytest.mark.parametrize(
    ("now", "boot_id", "health"),
    [
        (100.0, "boot-1", Health.OK),
        (110.0, "boot-1", Health.OK),
        (110.1, "boot-1", Health.STALE),
        (99.5, "boot-1", Health.OK),
        (98.0, "boot-1", Health.STALE),
        (100.0, "boot-2", Health.REBOOTED),
    ],
)
def test_freshness(now: float, boot_id: str, health: Health) -> None:
    heartbeat = decode(encode(100.0, "boot-1", LINES))
    assert heartbeat
    assert freshness(heartbeat, now=now, boot_id=boot_id) is health


GOOD = {
    "version": 1,
    "boot_id": "b",
    "beat": 1.0,
    "lines": {"wired": {"addresses": ["192.0.2.1"], "path": "/x"}},
}


def test_the_good_document_is_good() -> None:
    assert decode(json.dumps(GOOD).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"boot_id": 1},
        {"beat": "1.0"},
        {"beat": None},
        {"lines": []},
        {"lines": {"wired": None}},
        {"lines": {"wired": {"addresses": "192.0.2.1", "path": None}}},
        {"lines": {"wired": {"addresses": [1], "path": None}}},
        {"lines": {"wired": {"addresses": [], "path": "no-slash"}}},
        {"lines": {"wired": {"addresses": [], "path": "/sp ace"}}},
        {"lines": {"wired": {"addresses": []}}},
        {"lines": {"wi\r\nred": {"addresses": [], "path": None}}},
        {"lines": {"w" * 25: {"addresses": [], "path": None}}},
    ],
)
def test_a_document_that_is_wrong_in_one_place_is_no_heartbeat(change: dict[str, object]) -> None:
    assert decode(json.dumps(GOOD | change).encode()) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"\xff", b"[" * SIZE_LIMIT, b" " * SIZE_LIMIT + b"{}"])
def test_garbage_is_no_heartbeat(raw: bytes) -> None:
    assert decode(raw) is None


def test_the_daemon_cannot_write_what_would_not_be_read() -> None:
    with pytest.raises(ValueError, match="paths start with '/'"):
        encode(1.0, "boot-1", {"wired": Line(addresses=[], path="secret")})


class TestHeartbeatFile:
    def test_missing_then_fresh_then_stale(self, tmp_path: Path) -> None:
        path = tmp_path / "heartbeat"
        file = HeartbeatFile(str(path), boot_id="boot-1")
        assert file.health(100.0) is Health.MISSING
        path.write_bytes(encode(100.0, "boot-1", LINES))
        assert file.health(100.0 + LOOK_EVERY) is Health.OK
        assert file.health(110.1) is Health.STALE

    def test_it_is_looked_at_once_a_second_at_most(self, tmp_path: Path) -> None:
        path = tmp_path / "heartbeat"
        path.write_bytes(encode(100.0, "boot-1", LINES))
        file = HeartbeatFile(str(path), boot_id="boot-1")
        assert file.health(100.0) is Health.OK
        path.unlink()
        assert file.health(100.0 + LOOK_EVERY * 0.99) is Health.OK
        assert file.health(100.0 + LOOK_EVERY) is Health.MISSING

    def test_it_is_read_again_when_it_was_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "heartbeat"
        file = HeartbeatFile(str(path), boot_id="boot-1")
        for beat in (100.0, 120.0, 140.0):
            new = tmp_path / "new"
            new.write_bytes(encode(beat, "boot-1", LINES))
            new.rename(path)
            assert file.health(beat) is Health.OK

    def test_the_same_file_is_not_read_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "heartbeat"
        path.write_bytes(encode(100.0, "boot-1", LINES))
        file = HeartbeatFile(str(path), boot_id="boot-1")
        file.health(100.0)
        seen = file.current
        assert file.health(105.0) is Health.OK
        assert file.current is seen

    def test_garbled_and_unreadable(self, tmp_path: Path) -> None:
        path = tmp_path / "heartbeat"
        path.write_bytes(b"{")
        assert HeartbeatFile(str(path), boot_id="b").health(0.0) is Health.GARBLED
        assert HeartbeatFile(str(tmp_path), boot_id="b").health(0.0) is Health.UNREADABLE

    def test_a_pipe_in_its_place_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "heartbeat")
        assert HeartbeatFile(str(tmp_path / "heartbeat"), boot_id="b").health(0.0) is Health.GARBLED
