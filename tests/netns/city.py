r"""A whole city in namespaces: a house, the real daemon, two lines, a provider's network, and the Internet.

    client -- pi ---------- gw -- core ~~~ inet    the Pi is the house's router; the wavy wire: 20 ms RTT
                \----- stick ------------ /        a stick that is a router, with a DHCP server

    client -- router ------ gw ...                 the Pi beside the main router, which translates
         \ pi ----- stick ...                      whatever it passes on, also to the Pi

Nothing is made up in the Pi but the USB bus (``appliance.py``): routes, rules, packet filter, connection
tracking, DHCP client and probes are the product's own, and all packets are real.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from namespace import Namespace, namespaces

from failberry.config import MOBILE_INTERFACE, Mode
from failberry.control import client as control

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INSIDE = ("ip", "netns", "exec")
SERVER, DNS = "198.51.100.80", ("192.0.2.53", "192.0.2.54")
PINGED = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
ALSO_PINGED = ("1.0.0.1", "208.67.222.222", "208.67.220.220")
"""By others than Failberry."""
WIRED, GATEWAY = "203.0.113.9", "203.0.113.1"
MOBILE = "203.0.113.130"
"""By these the Internet knows who uses which line."""
PI, CLIENT, ROUTER = "192.168.7.2", "192.168.7.20", "192.168.7.1"
STICK = "192.168.8"
DELAY = 10.0
"""Milliseconds each way on the wired line."""
PATIENCE = 30.0

TABLE = {
    Mode.DUAL_WAN_ROUTER: '[wired]\ninterface = "wan0"\ndns = {dns}\n[lan]\ninterface = "lan0"\n',
    Mode.STANDBY_GATEWAY: '[wired]\ninterface = "eth0"\ndns = {dns}\n',
}
# The machine that the tests run on is not ours to reset.
NEVER = "[recovery]\nusb_power = false\nreboot = false\n"


def _cable(one: Namespace, here: str, other: Namespace, there: str) -> None:
    one.ip(f"link add {here} type veth peer name {there} netns {other.name}", f"link set {here} up")
    other.ip(f"link set {there} up")


class City:
    """The namespaces, wired up and routed; nothing runs yet.  Made by :func:`city`."""

    def __init__(
        self, mode: Mode, folder: Path, stack: contextlib.ExitStack, *, resolves: bool = True
    ) -> None:
        self.mode, self.folder, self._stack = mode, folder, stack
        names = ("pi", "client", "gw", "core", "inet", "stick", "router")
        made = stack.enter_context(namespaces(*names))
        self.pi, self.client, self.gw, self.core, self.inet, self.stick, self.router = made
        stack.callback(self._end_all)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._faults: list[tuple[str, Callable[[], object]]] = []
        for each in made:
            if each not in (self.client, self.pi):
                quiet = [f"conf.{which}.send_redirects=0" for which in ("all", "default")]
                settings = ["ip_forward=1", "conf.all.rp_filter=0", *quiet]
                each.sh("sysctl", "-wq", *(f"net.ipv4.{setting}" for setting in settings))
        # As at boot; what concerns the stick's interface is the kernel's own default before we touch it.
        self.pi.sh("/usr/lib/systemd/systemd-sysctl", str(ROOT / "etc" / "sysctl" / "failberry.conf"))
        self._internet()
        self._provider()
        self._mobile()
        if mode is Mode.DUAL_WAN_ROUTER:
            self._pi_as_the_router()
        else:
            self._pi_beside_the_router()
        self.start(self.inet, sys.executable, str(HERE / "farside.py"), SERVER, *(DNS if resolves else ()))

    # --- building ------------------------------------------------------------------------------

    def _internet(self) -> None:
        for address in (SERVER, *DNS, *PINGED, *ALSO_PINGED):
            self.inet.ip(f"addr add {address}/32 dev lo")
        ends = [self.core.tun("wire"), self.inet.tun("wire")]
        for end in ends:
            self._stack.callback(os.close, end)
        self.core.ip("addr add 198.19.2.1/30 dev wire", "route add default via 198.19.2.2")
        self.inet.ip("addr add 198.19.2.2/30 dev wire", "route add 203.0.113.0/25 via 198.19.2.1")
        words = [sys.executable, str(HERE / "relay.py"), *map(str, ends), str(DELAY)]
        wire = subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=ends)
        self._stack.callback(_ended, wire)

    def _provider(self) -> None:
        _cable(self.core, "gw", self.gw, "core")
        self.core.ip("addr add 198.19.1.1/30 dev gw", "route add 203.0.113.0/25 via 198.19.1.2")
        self.gw.ip("addr add 198.19.1.2/30 dev core", "route add default via 198.19.1.1")

    def _mobile(self) -> None:
        _cable(self.stick, "wan", self.inet, "mobile")
        self.stick.ip(f"addr add {MOBILE}/30 dev wan", "route add default via 203.0.113.129")
        self.inet.ip("addr add 203.0.113.129/30 dev mobile")
        _translate(self.stick, "wan")
        self.plug()
        leases = self.folder / "leases"
        leases.write_bytes(b"")
        (self.folder / "udhcpd.conf").write_text(
            f"start {STICK}.100\nend {STICK}.100\ninterface lan\nlease_file {leases}\n"
            f"pidfile {self.folder}/udhcpd.pid\noption subnet 255.255.255.0\noption lease 86400\n"
            f"option dns {' '.join(DNS)}\noption router {STICK}.1\n"
        )
        self.start(self.stick, "busybox", "udhcpd", "-f", "-a", "50", str(self.folder / "udhcpd.conf"))

    def plug(self) -> None:
        """Plug the stick in."""
        self.pi.ip(f"link add usb0 type veth peer name lan netns {self.stick.name}", "link set usb0 up")
        self.stick.ip(f"addr add {STICK}.1/24 dev lan", "link set lan up")

    def _pi_as_the_router(self) -> None:
        _cable(self.pi, "lan0", self.client, "eth0")
        self.pi.ip(f"addr add {ROUTER}/24 dev lan0")
        _cable(self.gw, "customer", self.pi, "wan0")
        self.gw.ip(f"addr add {GATEWAY}/26 dev customer")
        self.pi.ip(f"addr add {WIRED}/26 dev wan0")
        self.pi.ip(f"route add default via {GATEWAY} dev wan0 metric 100 proto dhcp")
        self._client()

    def _pi_beside_the_router(self) -> None:
        # br_netfilter, where the kernel has it, would bridge what is translated, and not back by its port.
        self.router.sh("sysctl", "-wqe", "net.bridge.bridge-nf-call-iptables=0")
        self.router.ip("link add lan type bridge forward_delay 0", "link set lan up")
        for each, port in ((self.pi, "pi"), (self.client, "client")):
            _cable(each, "eth0", self.router, port)
            self.router.ip(f"link set {port} master lan")
        self.router.ip(f"addr add {ROUTER}/24 dev lan")
        _cable(self.gw, "customer", self.router, "wan")
        self.gw.ip(f"addr add {GATEWAY}/26 dev customer")
        self.router.ip(f"addr add {WIRED}/26 dev wan")
        self.prefer("wired")
        _translate(self.router, "wan", "lan")
        self.pi.ip(f"addr add {PI}/24 dev eth0")
        self.pi.ip(f"route add default via {ROUTER} dev eth0 metric 100 proto dhcp")
        self._client()

    def _client(self) -> None:
        self.client.ip(f"addr add {CLIENT}/24 dev eth0", f"route add default via {ROUTER}")

    def prefer(self, line: str) -> None:
        """Have the main router send what it gets over the ``wired`` line, or to the ``pi``."""
        way = f"{GATEWAY} dev wan" if line == "wired" else f"{PI} dev lan"
        self.router.ip(f"route replace default via {way}")

    # --- programs ------------------------------------------------------------------------------

    def start(self, where: Namespace, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Run a program there until the city ends."""
        options = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            **options,
        }
        started = subprocess.Popen([*INSIDE, where.name, *words], **options)
        self._stack.callback(_ended, started)
        return started

    def _end_all(self) -> None:
        """What outlives its parent by intent (the DHCP client does) ends with its namespace."""
        for each in (self.pi, self.stick):
            for pid in each_pid(each):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # --- the Pi --------------------------------------------------------------------------------

    @property
    def socket(self) -> str:
        """The daemon's; ``failberryctl --socket``."""
        return str(self.folder / "run" / "control")

    def configure(self, more: str = "") -> None:
        """Write the configuration: default but for what has none."""
        text = f'mode = "{self.mode}"\n' + TABLE[self.mode].format(dns=json.dumps(DNS)) + NEVER + more
        (self.folder / "failberry.toml").write_text(text)

    def switch_on(self) -> None:
        """Start the daemon."""
        run = self.folder / "run"
        run.mkdir(exist_ok=True)
        hook = run / "session-hook"
        if not hook.exists():
            text = (ROOT / "etc" / "session" / "session-hook").read_text()
            hook.write_text(text.replace("/run/failberry/session/hook", str(run / "session" / "hook")))
            hook.chmod(0o755)
        with (self.folder / "log").open("ab") as log:
            words = [
                sys.executable,
                str(HERE / "appliance.py"),
                str(self.folder / "failberry.toml"),
                str(run),
            ]
            self._daemon = subprocess.Popen(
                [*INSIDE, self.pi.name, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self._stack.callback(self.switch_off)

    def switch_off(self) -> None:
        """Stop the daemon; what it has put into the kernel stays, and so does the lease."""
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(10)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
            self._daemon = None

    def status(self) -> dict[str, Any]:
        """The daemon's status document."""
        told: dict[str, Any] = control.call(self.socket, "GetStatus")["status"]
        return told

    def await_status(
        self, wanted: Callable[[dict[str, Any]], bool], *, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Ask until it holds; raises AssertionError with the log's end when it does not in time."""
        end = time.monotonic() + seconds
        told: object = None
        while time.monotonic() < end:
            assert self._daemon is None or self._daemon.poll() is None, f"the daemon died\n{self.log()}"
            with contextlib.suppress(control.UnreachableError):
                told = self.status()
                if wanted(told):
                    return told
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds:.0f} s; the status is {told}\n{self.log()}")

    def steady(self, *, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until both lines are good, the mobile one is proven, and the wired one is in use."""
        return self.await_status(
            lambda told: (
                told["active"] == "wired"
                and told["wired"]["state"] == told["cellular"]["state"] == "up"
                and told["routes"]["state"] == "ok"
            ),
            seconds=seconds,
        )

    def log(self, lines: int = 60) -> str:
        """The end of what the daemon said."""
        said = (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""
        return "\n".join(said.splitlines()[-lines:])

    def mobile_bytes(self) -> int:
        """Bytes that the mobile line has carried, both directions, as the stick counts them."""
        counters = self.stick.json("-j -s link show dev lan")[0]["stats64"]
        return int(counters["rx"]["bytes"]) + int(counters["tx"]["bytes"])

    # --- faults --------------------------------------------------------------------------------

    def _swallow(self, fault: str, where: Namespace, rules: str) -> None:
        hook = "type filter hook forward priority -300"
        nft(where, f"table inet {fault} {{\nchain pass {{\n{hook}\n{rules}\n}}\n}}\n")
        self._faults.append((fault, lambda: nft(where, f"delete table inet {fault}\n")))

    def black_hole(self) -> None:
        """The core of the provider's network swallows everything; what is before it answers."""
        self._swallow("black_hole", self.core, "drop")

    def no_transit(self) -> None:
        """The provider's gateway answers for itself, and passes nothing on."""
        self._swallow("no_transit", self.gw, "drop")

    def gateway_dead(self) -> None:
        """The provider's gateway neither hears nor speaks, its link stays up."""
        chains = "".join(
            f'chain {each}_{way} {{\ntype filter hook {way} device "{each}" priority -300; policy drop;\n}}\n'
            for each in self._customers()
            for way in ("ingress", "egress")
        )
        nft(self.gw, f"table netdev gateway_dead {{\n{chains}}}\n")
        self._faults.append(("gateway_dead", lambda: nft(self.gw, "delete table netdev gateway_dead\n")))

    def carrier_loss(self) -> None:
        """The link to the provider's gateway goes down."""
        ports = self._customers()
        self.gw.ip(*(f"link set {each} down" for each in ports))
        self._faults.append(("carrier_loss", lambda: self.gw.ip(*(f"link set {each} up" for each in ports))))

    def _customers(self) -> list[str]:
        return [link["ifname"] for link in self.gw.json("-j link show") if link["ifname"].startswith("cust")]

    def nameless(self) -> None:
        """The provider swallows DNS and nothing else."""
        self._swallow("nameless", self.core, "meta l4proto { tcp, udp } th dport 53 drop")

    def lossy(self, percent: int = 40) -> None:
        """So many of the packets from the Internet are lost."""
        self._swallow("lossy", self.core, f'iifname "wire" numgen random mod 100 < {percent} drop')

    def mobile_dead(self) -> None:
        """The mobile network swallows everything; the stick goes on answering for itself."""
        self._swallow("mobile_dead", self.stick, "drop")

    def heal(self, *faults: str) -> None:
        """Undo these, or every one there is."""
        for fault, undo in self._faults:
            if not faults or fault in faults:
                undo()
        self._faults = [each for each in self._faults if faults and each[0] not in faults]


def nft(where: Namespace, text: str) -> None:
    words = [*INSIDE, where.name, "nft", "-f", "-"]
    subprocess.run(words, input=text, text=True, check=True, capture_output=True, timeout=20)


def _translate(where: Namespace, *devices: str) -> None:
    """Masquerade what leaves by these."""
    names = ", ".join(devices)
    hook = "type nat hook postrouting priority srcnat"
    nft(where, f"table ip translate {{\nchain out {{\n{hook}\noifname {{ {names} }} masquerade\n}}\n}}\n")


def each_pid(where: Namespace) -> list[int]:
    """Whoever runs there."""
    said = subprocess.run(["ip", "netns", "pids", where.name], capture_output=True, text=True, check=True)
    return [int(word) for word in said.stdout.split()]


def _ended(program: subprocess.Popen[bytes]) -> None:
    if program.stdin is not None:
        program.stdin.close()
    program.terminate()
    try:
        program.wait(5)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


@contextlib.contextmanager
def city(mode: Mode = Mode.DUAL_WAN_ROUTER, *, resolves: bool = True) -> Iterator[City]:
    """A city for the time of some tests; without ``resolves``, somebody else answers at ``DNS``."""
    folder = Path(tempfile.mkdtemp(prefix="failberry-city-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield City(mode, folder, stack, resolves=resolves)


__all__ = ["MOBILE", "MOBILE_INTERFACE", "SERVER", "WIRED", "City", "city"]
