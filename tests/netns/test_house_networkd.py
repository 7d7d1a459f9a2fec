"""The image's network files in the hands of the real systemd-networkd."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from namespace import Namespace, namespaces

from failberry.configfile import config_from_text
from failberry.system.network import network_files

pytestmark = pytest.mark.netns

ROUTER = 'mode = "dual-wan-router"\nwired.interface = "onboard0"\nlan.interface = "lan0"\n'
FIXED = """\
[system]
address = "203.0.113.9/24"
gateway = "203.0.113.1"
name_servers = ["203.0.113.3"]
"""
# In a mount namespace of its own: /run/systemd is its own, and /sys is read-only, by which it knows that no
# udev is there to wait for.
START = """
mount -o remount,ro,bind /sys
mount -t tmpfs tmpfs /run/systemd
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
cp "$1"/*.network /run/systemd/network/
chown -R systemd-network:systemd-network /run/systemd/netif
exec /usr/lib/systemd/systemd-networkd
"""


class House:
    """A Pi that is the router: a provider with DHCP, a switch of the house without power, a stick."""

    def __init__(self, pi: Namespace, provider: Namespace, folder: Path) -> None:
        self.pi, self.provider, self.folder = pi, provider, folder
        pi.ip(f"link add onboard0 type veth peer name eth0 netns {provider.name}")
        pi.ip(f"link add lan0 type veth peer name house netns {provider.name}")
        pi.ip(f"link add usb0 type veth peer name stick netns {provider.name}")
        provider.ip("link set eth0 up", "addr add 203.0.113.1/24 dev eth0", "link set stick up")
        (folder / "leases").touch()
        (folder / "udhcpd.conf").write_text(
            "start 203.0.113.50\nend 203.0.113.60\ninterface eth0\n"
            f"lease_file {folder}/leases\npidfile {folder}/udhcpd.pid\n"
            "option subnet 255.255.255.0\noption router 203.0.113.1\noption lease 600\n"
        )
        self._running = [
            subprocess.Popen(
                ["ip", "netns", "exec", provider.name, "busybox", "udhcpd", "-f", folder / "udhcpd.conf"],
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        ]  # fmt: skip

    def start(self, text: str) -> None:
        (self.folder / "network").mkdir()
        for name, content in network_files(config_from_text(text, path=""), "failberry").items():
            if name.endswith(".network"):
                (self.folder / "network" / Path(name).name).write_text(content)
        with (self.folder / "log").open("wb") as log:
            command = ["unshare", "--mount", "sh", "-ec", START, "networkd", str(self.folder / "network")]
            self._running.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.pi.name, *command], stdin=subprocess.DEVNULL, stderr=log
                )
            )

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 15
        while not holds():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def addresses(self, interface: str) -> list[tuple[str, int]]:
        (link,) = self.pi.json(f"-j -4 addr show dev {interface}") or [{}]
        return [(each["local"], each["prefixlen"]) for each in link.get("addr_info", [])]

    def default(self) -> dict[str, object]:
        routes = self.pi.json("-j -4 route show default")
        return routes[0] if routes else {}

    def close(self) -> None:
        for each in self._running:
            each.kill()
            each.wait()


@pytest.fixture
def house() -> Iterator[House]:
    folder = Path(tempfile.mkdtemp(prefix="failberry-networkd-"))
    with namespaces("pi", "provider") as made:
        house = House(*made, folder)
        yield house
        house.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize("fixed", ["", FIXED], ids=["dhcp", "fixed"])
def test_networkd_does_what_the_file_says(house: House, fixed: str) -> None:
    house.start(ROUTER + fixed)
    house.until(lambda: bool(house.default()) and bool(house.addresses("lan0")))
    assert house.default()["dev"] == "onboard0"
    assert house.default()["gateway"] == "203.0.113.1"
    ((address, prefix),) = house.addresses("onboard0")
    assert prefix == 24
    assert (address == "203.0.113.9") == bool(fixed)
    # The house's address is there before its switch has power.
    assert house.addresses("lan0") == [("192.168.7.1", 24)]
    # Nobody has named the stick: it is not even switched on.
    (stick,) = house.pi.json("-j link show dev usb0")
    assert "UP" not in stick["flags"]
    log = (house.folder / "log").read_text()
    assert "onboard0: Configuring with /run/systemd/network/10-failberry-wired.network" in log
    assert not [
        line for line in log.splitlines() if "nknown" in line or "nvalid" in line or "gnoring" in line
    ]
