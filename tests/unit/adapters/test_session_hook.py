"""The script that pppd and udhcpc run: one datagram, in the words that the adapters read."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[3] / "etc" / "session" / "session-hook"
TOLD_BY_PPPD = {
    "PPPD_PID": "4711",
    "IFNAME": "fbcell0",
    "IPLOCAL": "100.64.7.2",
    "IPREMOTE": "10.64.64.64",
    "DNS1": "192.0.2.53",
    "LLLOCAL": "fe80::a",
    "LLREMOTE": "fe80::b",
    # What it also tells, and the hook must not pass on: a peer chooses its own name.
    "PEERNAME": "x\nEVENT=ip-up",
    "DEVICE": "/dev/ttyUSB2",
}


class Ear:
    """Listens where the daemon would."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hook.socket"
        self._hook = folder / "session-hook"
        self._hook.write_text(HOOK.read_text().replace("/run/failberry/session/hook", str(self._path)))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self._path))
        self.socket.settimeout(0)

    def run(self, environment: dict[str, str], local: str, remote: str) -> int:
        """Run the hook as pppd does; by the time that it ends, the datagram is here."""
        return self.call(environment, "fbcell0", "/dev/ttyUSB2", "460800", local, remote, "failberry")

    def call(self, environment: dict[str, str], *words: str) -> int:
        """Run the hook with these words; its exit status."""
        done = subprocess.run(
            ["sh", str(self._hook), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
        return done.returncode

    def heard(self) -> dict[str, str] | None:
        """The one datagram."""
        try:
            message = self.socket.recv(8192).decode()
        except BlockingIOError:
            return None
        with pytest.raises(BlockingIOError):
            self.socket.recv(8192)
        return dict(line.split("=", 1) for line in message.split("\n"))


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    listening = Ear(tmp_path)
    yield listening
    listening.socket.close()


def test_ip_up_tells_addresses_and_name_servers(ear: Ear) -> None:
    assert ear.run(TOLD_BY_PPPD, "100.64.7.2", "10.64.64.64") == 0
    assert ear.heard() == {
        "EVENT": "ip-up",
        "PPPD_PID": "4711",
        "IFNAME": "fbcell0",
        "IPLOCAL": "100.64.7.2",
        "IPREMOTE": "10.64.64.64",
        "DNS1": "192.0.2.53",
        "DNS2": "",
        "LLLOCAL": "fe80::a",
        "LLREMOTE": "fe80::b",
    }


def test_ipv6_up_is_told_apart_by_the_address_that_came_up(ear: Ear) -> None:
    assert ear.run(TOLD_BY_PPPD, "fe80::a", "fe80::b") == 0
    heard = ear.heard()
    assert heard is not None
    assert (heard["EVENT"], heard["LLLOCAL"]) == ("ipv6-up", "fe80::a")


@pytest.mark.parametrize("local", ["100.64.7.2", "fe80::a"])
def test_the_way_down_tells_what_was_carried(ear: Ear, local: str) -> None:
    carried = {"BYTES_RCVD": "9876543210", "BYTES_SENT": "4321", "CONNECT_TIME": "77"}
    assert ear.run({**TOLD_BY_PPPD, **carried}, local, "10.64.64.64") == 0
    assert ear.heard() == {
        "EVENT": "down",
        "PPPD_PID": "4711",
        "IFNAME": "fbcell0",
        "RECEIVED": "9876543210",
        "SENT": "4321",
    }


@pytest.mark.parametrize("value", ["192.0.2.53\nIPLOCAL=192.0.2.66", "192.0.2.53;x", "$(id)", "é"])
def test_a_value_that_is_no_address_is_not_passed_on(ear: Ear, value: str) -> None:
    assert ear.run({**TOLD_BY_PPPD, "DNS2": value}, "100.64.7.2", "10.64.64.64") == 1
    assert ear.heard() is None


def test_a_daemon_that_is_away_is_no_trouble(ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "hook.socket").unlink()
    assert ear.run(TOLD_BY_PPPD, "100.64.7.2", "10.64.64.64") != 0


TOLD_BY_UDHCPC = {
    "interface": "fbcell0",
    "ip": "192.168.8.100",
    "mask": "24",
    "router": "192.168.8.1 192.168.8.2",
    "serverid": "192.168.8.1",
    "dns": "192.168.8.1 192.0.2.53",
    "lease": "86400",
    # What a DHCP server chooses, and the hook must not pass on.
    "hostname": "x\nIP=192.0.2.66",
}


def test_a_lease_is_told_with_its_gateway_and_name_servers(ear: Ear) -> None:
    assert ear.call(TOLD_BY_UDHCPC, "bound") == 0
    heard = ear.heard()
    assert heard is not None
    assert heard.pop("UDHCPC_PID").isdecimal()
    assert heard == {
        "EVENT": "bound",
        "IFNAME": "fbcell0",
        "IP": "192.168.8.100",
        "ROUTER": "192.168.8.1 192.168.8.2",
        "SERVER": "192.168.8.1",
        "DNS": "192.168.8.1 192.0.2.53",
        "LEASE": "86400",
    }


def test_a_lease_that_is_lost_is_told_without_one(ear: Ear) -> None:
    assert ear.call({"interface": "fbcell0"}, "deconfig") == 0
    heard = ear.heard()
    assert heard is not None
    assert (heard["EVENT"], heard["IP"]) == ("deconfig", "")


def test_a_server_that_sends_more_than_numbers_is_not_passed_on(ear: Ear) -> None:
    assert ear.call({**TOLD_BY_UDHCPC, "dns": "192.0.2.53\nIP=192.0.2.66"}, "bound") == 1
    assert ear.heard() is None
