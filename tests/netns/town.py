"""The Pi between a house and two lines, with real packets: its four namespaces, and what people there do."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import time
from collections.abc import Iterable, Iterator

from house import SAME, SESSION, wish
from house import apply as apply_routes
from namespace import Namespace, namespaces

from failberry.adapters.firewall.backend import Backend
from failberry.adapters.netlink import Netlink
from failberry.config import MOBILE_INTERFACE, Config, Lan, Mode, Wired
from failberry.core.facts import Session
from failberry.core.filter import FilterIntent
from failberry.core.filter_rules import filter_intent
from failberry.core.snapshot import UplinkName

PI, PI6 = "192.168.7.2", "fd00:7::2"
HOST, HOST6, GUEST = "192.168.7.20", "fd00:7::20", "192.168.7.21"
"""Two addresses of one machine in the house, whose MAC address is ``HOST_MAC``."""
HOST_MAC = "02:00:00:aa:bb:cc"
ROUTER, ROUTER6 = "192.168.7.1", "fd00:7::1"
WIRED, WIRED6 = "203.0.113.9", "2001:db8:9::9"
MOBILE, MOBILE6 = "100.72.3.4", "2001:db8:2::4"
FAR, FAR6 = "198.51.100.80", "2001:db8:80::80"
"""Somebody on the Internet, behind the mobile carrier."""
NEAR, NEAR6 = "203.0.113.80", "2001:db8:9::80"
"""Somebody on the Internet, behind the wired line."""
MOBILE_MTU = 1300

STANDBY = {"mode": Mode.STANDBY_GATEWAY, "wired": Wired(interface="eth0")}
DUAL = {"mode": Mode.DUAL_WAN_ROUTER, "wired": Wired(interface="wan0"), "lan": Lan(interface="lan0")}

SYN, RST = 0x02, 0x04
UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH}
ASKING = 40000
"""Source port of the scanner."""
PATIENCE = 5.0
"""Seconds to wait for what shall happen."""
SILENCE = 0.4
"""Seconds without an answer that count as none; an answer takes less than a millisecond here."""


class Town:
    """Everything wired up and routed; no filter yet."""

    def __init__(
        self,
        mode: Mode,
        backend: Backend,
        pi: Namespace,
        house: Namespace,
        wired: Namespace,
        mobile: Namespace,
    ) -> None:
        self.mode, self.backend = mode, backend
        self.pi, self.house, self.wired, self.mobile = pi, house, wired, mobile
        self._filtered: FilterIntent | None = None
        for each in (pi, house, wired, mobile):
            # No reverse path filter: what is dropped, our rules have dropped.
            settings = ("ip_forward=1", "conf.all.rp_filter=0", "conf.default.rp_filter=0")
            each.sh("sysctl", "-wq", *(f"net.ipv4.{setting}" for setting in settings))
            each.sh(
                "sysctl",
                "-wq",
                "net.ipv4.conf.all.send_redirects=0",
                "net.ipv4.conf.default.send_redirects=0",
            )
            # Routers need link-local addresses to ask for their neighbours, here without a wait for DAD.
            settings = ("all.forwarding=1", "default.accept_dad=0", "default.addr_gen_mode=0")
            each.sh("sysctl", "-wq", *(f"net.ipv6.conf.{setting}" for setting in settings))
        self._mobile_line()
        if mode is Mode.STANDBY_GATEWAY:
            self._beside_a_router()
        else:
            self._as_the_router()
        for each in (pi, house, wired, mobile):
            self._settle(each)

    @staticmethod
    def _settle(where: Namespace) -> None:
        # The kernel takes a new IPv6 address into use a little later, by itself, even without DAD.
        deadline = time.monotonic() + PATIENCE
        while where.ip("-6 addr show tentative"):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _mobile_line(self) -> None:
        """A veth pair that plays PPP: no neighbours to ask for, and two ends that take every frame."""
        self.pi.ip(f"link add {MOBILE_INTERFACE} type veth peer name pi netns {self.mobile.name}")
        for end, name in ((self.pi, MOBILE_INTERFACE), (self.mobile, "pi")):
            end.ip(f"link set {name} address 02:00:00:00:00:99 arp off up")
        self.pi.ip(f"link set {MOBILE_INTERFACE} mtu {MOBILE_MTU}")
        self.pi.ip(f"addr add {MOBILE} peer 10.64.64.64/32 dev {MOBILE_INTERFACE}")
        self.pi.ip(f"addr add {MOBILE6}/128 dev {MOBILE_INTERFACE}")
        self.mobile.ip(f"addr add {FAR}/32 dev lo", f"addr add {FAR6}/128 dev lo")
        self._settle(self.mobile)
        self.mobile.ip(f"route add {MOBILE} dev pi src {FAR}", f"-6 route add {MOBILE6} dev pi src {FAR6}")
        # Strangers may send what they like.
        self.mobile.ip("route add 192.168.7.0/24 dev pi", "-6 route add fd00:7::/64 dev pi")

    def _host(self, gateway: str, gateway6: str) -> None:
        self.house.ip(f"link set eth0 address {HOST_MAC} up", f"addr add {HOST}/24 dev eth0")
        self.house.ip(f"addr add {GUEST}/24 dev eth0", f"addr add {HOST6}/64 dev eth0")
        self.house.ip(f"route add default via {gateway}", f"-6 route add default via {gateway6}")

    def _beside_a_router(self) -> None:
        """The wired line is dead: the main router sends what it gets to the Pi."""
        # The bridge plays a switch, which knows nothing of connections (br_netfilter, where it is there).
        calls = (f"net.bridge.bridge-nf-call-{each}tables=0" for each in ("ip", "ip6"))
        self.wired.sh("sysctl", "-weq", *calls)
        self.wired.ip("link add lan type bridge", "link set lan up")
        for each, port in ((self.pi, "to-pi"), (self.house, "to-host")):
            each.ip(f"link add eth0 type veth peer name {port} netns {self.wired.name}")
            self.wired.ip(f"link set {port} master lan up")
        self.wired.ip(f"addr add {ROUTER}/24 dev lan", f"addr add {ROUTER6}/64 dev lan")
        self.wired.ip(f"addr add {NEAR}/32 dev lo", f"addr add {NEAR6}/128 dev lo")
        self.wired.ip(f"route add default via {PI}", f"-6 route add default via {PI6}")
        self.pi.ip("link set eth0 up", f"addr add {PI}/24 dev eth0", f"addr add {PI6}/64 dev eth0")
        self.pi.ip(f"route add default via {ROUTER} metric 100", f"-6 route add default via {ROUTER6}")
        self._host(ROUTER, ROUTER6)

    def _as_the_router(self) -> None:
        self.pi.ip(f"link add lan0 type veth peer name eth0 netns {self.house.name}", "link set lan0 up")
        self.pi.ip(f"addr add {PI}/24 dev lan0", f"addr add {PI6}/64 dev lan0")
        self.pi.ip(f"link add wan0 type veth peer name eth0 netns {self.wired.name}", "link set wan0 up")
        self.pi.ip(f"addr add {WIRED}/24 dev wan0", f"addr add {WIRED6}/64 dev wan0")
        self.wired.ip("link set eth0 up", f"addr add {NEAR}/24 dev eth0", f"addr add {NEAR6}/64 dev eth0")
        self.wired.ip(f"route add 192.168.7.0/24 via {WIRED}", f"-6 route add fd00:7::/64 via {WIRED6}")
        self.pi.ip(f"route add default via {NEAR} metric 100", f"-6 route add default via {NEAR6}")
        self._host(PI, PI6)

    def config(self, **settings: object) -> Config:
        """A configuration for this town."""
        return Config(**(STANDBY if self.mode is Mode.STANDBY_GATEWAY else DUAL), **settings)  # type: ignore[arg-type]

    def apply(
        self,
        config: Config,
        *,
        active: UplinkName,
        six: UplinkName | str | None = SAME,
        session: Session | None = SESSION,
        block_clients: bool = False,
    ) -> None:
        """Routes and rules for it, as the product would."""

        async def now() -> FilterIntent:
            problem, _ = await apply_routes(await wish(config, active, six=six, session=session))
            assert problem is None
            netlink = Netlink()
            facts = await netlink.observe()
            await netlink.close()
            return filter_intent(config, facts, block_clients=block_clients)

        async def written() -> bool:
            return self.backend.apply(intent)

        intent = self.pi.run(now)
        if intent != self._filtered:
            assert self.pi.run(written)
            self._filtered = intent

    def unfilter(self) -> None:
        """Take the rules away."""

        async def removed() -> None:
            self.backend.ours.remove()

        self.pi.run(removed)
        self._filtered = None


@contextlib.contextmanager
def town(mode: Mode, backend: Backend) -> Iterator[Town]:
    """A town for the time of some tests."""
    with namespaces("pi", "house", "wired", "mobile") as made:
        yield Town(mode, backend, *made)


# --- what people do -------------------------------------------------------------------------------


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def socket_in(
    where: Namespace,
    address: str,
    port: int = 0,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    protocol: int = 0,
) -> socket.socket:
    """A bound socket; it stays in its namespace, whoever uses it."""

    async def make() -> socket.socket:
        made = socket.socket(family_of(address), kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if made.family == socket.AF_INET6 and kind != socket.SOCK_RAW:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        return made

    made = where.run(make)
    made.settimeout(PATIENCE)
    return made


@contextlib.contextmanager
def server(where: Namespace, address: str, port: int) -> Iterator[socket.socket]:
    """A listening TCP socket."""
    with socket_in(where, address, port) as made:
        made.listen(64)
        yield made


@contextlib.contextmanager
def call(
    where: Namespace, source: str, target: str, port: int, *, patience: float = PATIENCE
) -> Iterator[socket.socket]:
    """A TCP connection.  Raises TimeoutError if nobody answers."""
    with socket_in(where, source) as made:
        made.settimeout(patience)
        made.connect((target, port))
        made.settimeout(PATIENCE)
        yield made


def talk(here: socket.socket, there: socket.socket) -> bool:
    """Whether both hear each other."""
    for one, other in ((here, there), (there, here)):
        one.sendall(b"hallo")
        if other.recv(16) != b"hallo":
            return False
    return True


def reaches(where: Namespace, source: str, target: str, port: int, *, hoped: bool) -> bool:
    """Whether a TCP connection comes about; what is hoped for is waited for longer."""
    try:
        with call(where, source, target, port, patience=PATIENCE if hoped else SILENCE):
            return True
    except TimeoutError:
        return False


def is_reset(client: socket.socket) -> bool:
    """Whether the next segment is answered with a reset within a second.  Raises TimeoutError."""
    client.settimeout(1.0)
    try:
        client.send(b"go on")
        client.recv(16)
    except ConnectionResetError:
        return True
    return False


def told_unreachable(where: Namespace, source: str, target: str) -> bool:
    """Whether a datagram is answered with ICMP at once."""
    # IPV6_RECVERR, IP_RECVERR: else only what is final is told (udp(7))
    level, option = (socket.IPPROTO_IPV6, 25) if ":" in source else (socket.IPPROTO_IP, 11)
    with socket_in(where, source, kind=socket.SOCK_DGRAM) as client:
        client.setsockopt(level, option, 1)
        client.settimeout(SILENCE)
        client.connect((target, 53))
        client.send(b"anybody?")
        try:
            client.recv(16)
        except OSError as refusal:
            return refusal.errno in UNREACHABLE
    return False


def scan(where: Namespace, source: str, target: str, ports: Iterable[int]) -> dict[int, str]:
    """The TCP ports that answer a SYN with ``open`` or ``closed``; silence is not in the answer."""
    answers: dict[int, str] = {}
    with socket_in(where, source, kind=socket.SOCK_RAW, protocol=socket.IPPROTO_TCP) as raw:
        raw.settimeout(0)
        for port in ports:
            raw.sendto(segment(source, target, port, SYN), (target, 0))
            _hear(raw, answers)
        end = time.monotonic() + SILENCE
        while time.monotonic() < end:
            time.sleep(0.01)
            _hear(raw, answers)
    return answers


def segment(source: str, target: str, port: int, flags: int) -> bytes:
    """A bare TCP segment (RFC 9293 section 3.1)."""
    header = struct.pack("!HHIIBBHHH", ASKING, port, 1, 0, 5 << 4, flags, 1024, 0, 0)
    family = family_of(source)
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    total = sum(struct.unpack(f"!{len(addresses) // 2}H", addresses)) + sum(struct.unpack("!10H", header))
    total += socket.IPPROTO_TCP + len(header)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return header[:16] + struct.pack("!H", ~total & 0xFFFF) + header[18:]


def _hear(raw: socket.socket, answers: dict[int, str]) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            packet = raw.recv(2048)
            # Raw IPv4 sockets give the IP header too (raw(7)); those of IPv6 do not.
            answer = packet[(packet[0] & 15) * 4 :] if raw.family == socket.AF_INET else packet
            port, to = struct.unpack("!HH", answer[:4])
            if to == ASKING:
                answers[port] = "closed" if answer[13] & RST else "open"


def answers_ping(where: Namespace, source: str, target: str, listening: Namespace, *, hoped: bool) -> bool:
    """Whether an echo request from ``where`` brings an echo reply to ``source``, be it elsewhere."""
    six = ":" in source
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    # The kernel fills in the checksum of ICMPv6, not that of ICMP.
    request = struct.pack("!BBHHH", 128 if six else 8, 0, 0 if six else ~(0x0800 + 7 + 7) & 0xFFFF, 7, 7)
    with (
        socket_in(where, source, kind=socket.SOCK_RAW, protocol=protocol) as asking,
        socket_in(listening, source, kind=socket.SOCK_RAW, protocol=protocol) as hearing,
    ):
        hearing.settimeout(PATIENCE if hoped else SILENCE)
        asking.sendto(request, (target, 0))
        with contextlib.suppress(TimeoutError):
            while True:
                packet, _ = hearing.recvfrom(2048)
                if packet[0 if six else (packet[0] & 15) * 4] == (129 if six else 0):
                    return True
    return False
