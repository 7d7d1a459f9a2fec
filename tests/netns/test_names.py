"""The house's name server follows the living line: the real dnsmasq, by the sample that is shipped."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from namespace import Namespace, namespaces

from failberry.adapters.resolvers import Resolvers

pytestmark = pytest.mark.netns

SAMPLE = Path(__file__).parents[2] / "etc" / "dnsmasq" / "dnsmasq.conf"
PI = "192.168.7.1"
WIRED, MOBILE, DEAD = "203.0.113.53", "198.51.100.53", "203.0.113.99"
"""Name servers; nobody has the last address."""
GLIBC_TIMEOUT = 5.0
"""Seconds after which the C library asks again (resolv.conf(5))."""
LIMIT = 10.0
"""Seconds in which the names of the house must be back after a switch."""


class Home:
    """A Pi that is the router, with dnsmasq on it; two lines with a name server each, and a client."""

    def __init__(self, pi: Namespace, client: Namespace, wired: Namespace, mobile: Namespace) -> None:
        self.pi, self.client, self.wired, self.mobile = pi, client, wired, mobile
        # Not pytest's folder: that is root's alone, and dnsmasq becomes a user of its own.
        self.folder = Path(tempfile.mkdtemp(prefix="failberry-names-"))
        self.folder.chmod(0o755)
        self.resolvers = Resolvers(self.folder / "names" / "resolv.conf")
        self._running: list[subprocess.Popen[bytes]] = []
        pi.ip(f"link add lan0 type veth peer name eth0 netns {client.name}", "link set lan0 up")
        pi.ip(f"addr add {PI}/24 dev lan0")
        client.ip("link set eth0 up", "addr add 192.168.7.20/24 dev eth0")
        for line, far, address in (("wan0", wired, WIRED), ("fbcell0", mobile, MOBILE)):
            network = address.rpartition(".")[0]
            pi.ip(f"link add {line} type veth peer name eth0 netns {far.name}", f"link set {line} up")
            pi.ip(f"addr add {network}.2/24 dev {line}")
            far.ip("link set eth0 up", f"addr add {address}/24 dev eth0")
        self.wired_server = self._upstream(wired, "192.0.2.1", known=False)
        self._upstream(mobile, "192.0.2.2", known=True)
        self.tell(WIRED)
        self._dnsmasq()

    def _upstream(self, where: Namespace, answer: str, *, known: bool) -> subprocess.Popen[bytes]:
        names = ["--address=/.example/" + answer, *([] if known else ["--address=/mobile.example/"])]
        words = ["--no-resolv", "--no-hosts", "--local-ttl=600", "--pid-file=", "--conf-file=/dev/null"]
        return self._start(where, "dnsmasq", "--keep-in-foreground", *words, *names)

    def _dnsmasq(self) -> None:
        config = self.folder / "dnsmasq.conf"
        text = SAMPLE.read_text().replace("/run/failberry-names", str(self.folder / "names"))
        config.write_text(text)
        log = self.folder / "log"
        self._start(
            self.pi, "dnsmasq", "--keep-in-foreground", f"--conf-file={config}", "--pid-file=",
            f"--dhcp-leasefile={self.folder / 'leases'}", f"--log-facility={log}",
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not log.exists() or "using nameserver" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _start(self, where: Namespace, *words: str) -> subprocess.Popen[bytes]:
        self._running.append(
            subprocess.Popen(["ip", "netns", "exec", where.name, *words], stdin=subprocess.DEVNULL)
        )
        return self._running[-1]

    def tell(self, *servers: str) -> None:
        """What the core wishes after a switch."""
        assert self.resolvers.keep([ip_address(each) for each in servers]) is None

    def socket(self, where: Namespace, address: tuple[str, int] | None = None) -> socket.socket:
        async def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            if address is None:
                made.connect((PI, 53))
            else:
                made.bind(address)
            return made

        return where.run(make)

    def ask(self, name: str, *, seconds: float = 2.0) -> str:
        """What a client is told: an address, or the error's number; empty: nothing in time.

        It asks as the C library does: again with the same number from the same port.
        """
        end = time.monotonic() + seconds
        with self.socket(self.client) as asking:
            while time.monotonic() < end:
                asking.send(query(name))
                asking.settimeout(min(GLIBC_TIMEOUT, max(0.01, end - time.monotonic())))
                with contextlib.suppress(TimeoutError):
                    answer = asking.recv(512)
                    return socket.inet_ntoa(answer[-4:]) if answer[7] else f"error {answer[3] & 15}"
        return ""

    def close(self) -> None:
        for each in self._running:
            each.kill()
            each.wait()
        shutil.rmtree(self.folder)


def query(name: str) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    return struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def reply(question: bytes, code: int) -> bytes:
    """An address, or an error that may be kept for ten minutes (RFC 2308)."""
    asked = question[12 : question.index(b"\0", 12) + 5]
    head = question[:2] + struct.pack("!5H", 0x8180 | code, 1, 0 if code else 1, 1 if code else 0, 0)
    if not code:
        return head + asked + b"\xc0\x0c" + struct.pack("!2HLH4B", 1, 1, 600, 4, 192, 0, 2, 9)
    soa = b"\0\0" + struct.pack("!5L", 1, 600, 600, 600, 600)
    return head + asked + b"\0" + struct.pack("!2HLH", 6, 1, 600, len(soa)) + soa


@pytest.fixture
def home() -> Iterator[Home]:
    with namespaces("pi", "client", "wired", "mobile") as made:
        home = Home(*made)
        yield home
        home.close()


def test_names_are_asked_over_the_line_that_carries_the_house(home: Home) -> None:
    assert home.ask("camera.example") == "192.0.2.1"
    assert home.ask("mobile.example") == "error 3"
    home.tell(MOBILE)
    began = time.monotonic()
    # Neither what was known nor what was not known over the other line is remembered.
    assert home.ask("camera.example") == "192.0.2.2"
    assert home.ask("mobile.example") == "192.0.2.2"
    assert time.monotonic() - began < 1.0


def test_a_lookup_in_the_midst_of_the_switch_comes_to_its_end(home: Home) -> None:
    assert home.ask("before.example") == "192.0.2.1"
    home.wired.ip("link set eth0 down")
    switch = threading.Timer(1.5, home.tell, [MOBILE])
    began = time.monotonic()
    switch.start()
    assert home.ask("during.example", seconds=LIMIT) == "192.0.2.2"
    switch.join()
    assert time.monotonic() - began < LIMIT


def test_a_server_that_dies_beside_a_living_one_costs_no_time(home: Home) -> None:
    home.tell(WIRED, MOBILE)
    used = home.ask("before.example")
    dying, left = (home.wired, "192.0.2.2") if used == "192.0.2.1" else (home.mobile, "192.0.2.1")
    dying.ip("link set eth0 down")
    began = time.monotonic()
    assert [home.ask(f"n{number}.example") for number in range(5)] == [left] * 5
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("error", [2, 3], ids=["SERVFAIL", "NXDOMAIN"])
def test_an_error_of_a_dying_line_does_not_stick(home: Home, error: int) -> None:
    heard: list[int] = []
    with home.socket(home.mobile, ("0.0.0.0", 5353)) as upstream:
        home.mobile.sh("ip", "addr", "add", "198.51.100.54/24", "dev", "eth0")
        upstream.settimeout(20)

        def serve() -> None:
            for code in (error, 0):
                question, peer = upstream.recvfrom(512)
                heard.append(code)
                upstream.sendto(reply(question, code), peer)

        # The file names no ports, so what is for port 53 of that address is led to the server above.
        rule = "ip daddr 198.51.100.54 udp dport 53 redirect to :5353"
        home.mobile.sh(
            "nft", f"table ip t {{ chain c {{ type nat hook prerouting priority -100; {rule}; }}; }}"
        )
        home.tell("198.51.100.54")
        serving = threading.Thread(target=serve)
        serving.start()
        assert home.ask("dying.test") == f"error {error}"
        assert home.ask("dying.test") == "192.0.2.9"
        serving.join()
    assert heard == [error, 0]


def test_a_client_is_given_an_address_and_the_pi_as_its_name_server(home: Home) -> None:
    script = home.folder / "told"
    script.write_text('#!/bin/sh\n[ "$1" = bound ] && echo "given $ip $router $dns"; exit 0\n')
    script.chmod(0o755)
    told = home.client.sh(
        "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "10", "-T", "1", "-s", str(script)
    )
    given = re.search(r"given (\S+) (\S+) (\S+)", told)
    assert given
    assert ip_address("192.168.7.100") <= ip_address(given[1]) <= ip_address("192.168.7.249")
    assert given.groups()[1:] == (PI, PI)
