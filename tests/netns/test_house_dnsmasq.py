"""The image's router mode: its dnsmasq leases addresses and answers names, to the house alone."""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from namespace import Namespace, namespaces

from failberry.adapters.resolvers import Resolvers
from failberry.configfile import config_from_text
from failberry.system.network import DNSMASQ_FILE, LEASES, RESOLV_CONF, network_files

pytestmark = pytest.mark.netns

CAMERA = "02:00:00:aa:bb:cc"
CONFIG = f"""\
mode = "dual-wan-router"
wired.interface = "onboard0"
[lan]
interface = "lan0"
address = "192.168.7.1/24"
dhcp = "192.168.7.100-192.168.7.101"
hosts = ["{CAMERA} 192.168.7.20 camera"]
"""
PI, WIRED, PROVIDER = "192.168.7.1", "203.0.113.2", "203.0.113.53"


class House:
    """A Pi that is the router, between a provider with a name server and a host of the house."""

    def __init__(self, pi: Namespace, host: Namespace, provider: Namespace, folder: Path) -> None:
        self.pi, self.host, self.provider, self.folder = pi, host, provider, folder
        self._running: list[subprocess.Popen[bytes]] = []
        pi.ip(f"link add lan0 type veth peer name eth0 netns {host.name}", "link set lan0 up")
        pi.ip(f"addr add {PI}/24 dev lan0")
        pi.ip(f"link add onboard0 type veth peer name eth0 netns {provider.name}", "link set onboard0 up")
        pi.ip(f"addr add {WIRED}/24 dev onboard0")
        host.ip("link set eth0 up")
        provider.ip("link set eth0 up", f"addr add {PROVIDER}/24 dev eth0")
        self._start(
            provider, "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--address=/.example/192.0.2.1"
        )
        names = folder / "names"
        assert Resolvers(names / "resolv.conf").keep([ip_address(PROVIDER)]) is None
        text = network_files(config_from_text(CONFIG, path=""), "failberry")[DNSMASQ_FILE]
        text = text.replace(RESOLV_CONF, str(names / "resolv.conf")).replace(LEASES, str(folder / "leases"))
        (folder / "dnsmasq.conf").write_text(text)
        self._start(
            pi, f"--conf-file={folder / 'dnsmasq.conf'}", "--user=dnsmasq", f"--log-facility={folder / 'log'}"
        )
        deadline = time.monotonic() + 20
        while not (folder / "log").exists() or "using nameserver" not in (folder / "log").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _start(self, where: Namespace, *words: str) -> None:
        # It closes every handle that it might have.
        command = ["prlimit", "--nofile=64", "dnsmasq", "--keep-in-foreground", "--pid-file=", *words]
        self._running.append(
            subprocess.Popen(["ip", "netns", "exec", where.name, *command], stdin=subprocess.DEVNULL)
        )

    def lease(self, where: Namespace, mac: str = "") -> dict[str, str]:
        """What a DHCP client is given; nothing, if nobody answers it in six seconds.

        An address that was never given is tried for three seconds before it is offered.
        """
        told, hook = self.folder / "told", self.folder / "hook"
        told.write_text("")
        hook.write_text(f'#!/bin/sh\n[ "$1" != bound ] || env >"{told}"\n')
        hook.chmod(0o755)
        if mac:
            where.ip("link set eth0 down", f"link set eth0 address {mac}", "link set eth0 up")
        with contextlib.suppress(subprocess.CalledProcessError):
            where.sh(
                "busybox", "udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "2", "-i", "eth0", "-s", str(hook)
            )
        return dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)

    def ask(self, where: Namespace, server: str, name: str) -> str:
        """An address, or the error's number; "refused" where nobody listens; empty: no answer."""

        async def asking() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.connect((server, 53))
            return made

        labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
        query = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)
        with where.run(asking) as sent:
            sent.settimeout(1.5)
            try:
                sent.send(query)
                answer = sent.recv(512)
            except ConnectionRefusedError:
                return "refused"
            except TimeoutError:
                return ""
        return socket.inet_ntoa(answer[-4:]) if answer[7] else f"error {answer[3] & 15}"

    def close(self) -> None:
        for each in self._running:
            each.kill()
            each.wait()


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    # Not pytest's folder: that is root's alone, and dnsmasq becomes a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="failberry-house-"))
    folder.chmod(0o755)
    with namespaces("pi", "host", "provider") as made:
        house = House(*made, folder)
        yield house
        house.close()
    shutil.rmtree(folder)


def test_the_house_gets_addresses(house: House) -> None:
    given = house.lease(house.host)
    assert IPv4Address(given["ip"]) in {IPv4Address("192.168.7.100"), IPv4Address("192.168.7.101")}
    assert (given["router"], given["dns"], given["subnet"]) == (PI, PI, "255.255.255.0")
    assert (given["domain"], given["lease"]) == ("lan", "43200")
    assert given["ip"] in (house.folder / "leases").read_text()


def test_a_host_that_is_named_always_gets_the_same(house: House) -> None:
    given = house.lease(house.host, CAMERA)
    assert (given["ip"], given["hostname"]) == ("192.168.7.20", "camera")
    house.host.ip("addr replace 192.168.7.20/24 dev eth0")
    assert house.ask(house.host, PI, "camera.lan") == "192.168.7.20"


def test_the_house_gets_names(house: House) -> None:
    house.host.ip("addr replace 192.168.7.20/24 dev eth0")
    assert house.ask(house.host, PI, "www.example") == "192.0.2.1"
    assert house.ask(house.host, PI, "failberry.lan") == PI
    # The house's own names are nobody else's business.
    assert house.ask(house.host, PI, "printer.lan") == "error 3"


def test_the_wired_side_gets_neither(house: House) -> None:
    assert house.ask(house.provider, WIRED, "www.example") == "refused"
    # Nor by way of the address in the house, which the provider may well route here.
    house.provider.ip(f"route replace {PI} via {WIRED}")
    assert house.ask(house.provider, PI, "www.example") in {"", "refused"}
    assert house.lease(house.provider) == {}
    listening = house.pi.sh("ss", "-Hlntu")
    assert not [line for line in listening.splitlines() if f"{WIRED}:53" in line or "*:53" in line.split()]
    assert house.lease(house.host)["router"] == PI
