"""Two lines that cannot be told apart by any address: the same networks, gateway and targets on both."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import ip_address

from house import until
from namespace import Namespace, namespaces
from town import socket_in

from failberry.adapters import icmp
from failberry.adapters.lookout import Lookout
from failberry.config import MOBILE_INTERFACE
from failberry.core.events import ProbeAnswered, ProbeMissed
from failberry.core.probing import Kind, ProbePlan
from failberry.core.snapshot import UplinkName

WIRED, MOBILE = "10.0.0.2", "10.0.0.3"
WIRED6, MOBILE6 = "2001:db8::2", "2001:db8::3"
GATEWAY, GATEWAY6 = "10.0.0.1", "2001:db8::1"
TARGETS = ("198.51.100.7", "198.51.100.8", "198.51.100.9")
TARGETS6 = ("2001:db8:ffff::7", "2001:db8:ffff::8", "2001:db8:ffff::9")
CANARY = "198.18.0.251"

Told = list[ProbeAnswered | ProbeMissed]


class Far:
    """The far end of one line: answers what it wants to, when it wants to."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.came: list[tuple[float, str, str, int]] = []
        """Instant, source, target and IP length of each ping."""
        self.delay: Callable[[str], float | None] = lambda _: 0.0
        """Seconds until it answers a ping to that target; ``None``: never."""

    @contextlib.contextmanager
    def at_home(self) -> Iterator[None]:
        """Hear pings, on the running loop."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as stack:
            for version, anybody in ((4, "0.0.0.0"), (6, "::")):
                raw = stack.enter_context(
                    socket_in(self.namespace, anybody, 0, socket.SOCK_RAW, icmp.PROTOCOL[version])
                )
                raw.settimeout(0)
                icmp.let_in(raw, [icmp.ECHO_REQUEST[version]])
                if version == 6:
                    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                loop.add_reader(raw, self._hear, raw, version)
                stack.callback(loop.remove_reader, raw)
            yield

    def _hear(self, raw: socket.socket, version: int) -> None:
        packet, ancillary, _, sender = raw.recvmsg(2048, 64)
        target = packet[16:20] if version == 4 else ancillary[0][2][:16]
        message = packet[20:] if version == 4 else packet
        whom, who = str(ip_address(target)), sender[0]
        size = len(packet) + (40 if version == 6 else 0)
        self.came.append((asyncio.get_running_loop().time(), who, whom, size))
        delay = self.delay(whom)
        if delay is not None:
            asyncio.get_running_loop().call_later(delay, self.reply, raw, version, whom, who, message)

    def reply(self, raw: socket.socket, version: int, source: str, to: str, message: bytes) -> None:
        """Send the echo of a message."""
        reply = bytes((icmp.ECHO_REPLY[version], 0, 0, 0)) + message[4:]
        if version == 4:
            reply = reply[:2] + icmp.checksum(reply) + reply[4:]
        if raw.fileno() >= 0:
            with contextlib.suppress(OSError):
                raw.sendmsg([reply], [icmp.source_is(ip_address(source))], 0, (to, 0))


class Twins:
    """The Pi and the far ends of its two lines."""

    def __init__(self, pi: Namespace, wired: Namespace, mobile: Namespace) -> None:
        self.pi = pi
        self.wired, self.mobile = Far(wired), Far(mobile)
        pi.sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.all.arp_ignore=1")
        for far in (wired, mobile):
            silent = ("net.ipv4.icmp_echo_ignore_all=1", "net.ipv6.icmp.echo_ignore_all=1")
            far.sh("sysctl", "-qw", *silent)
            far.batch(
                "".join(
                    f"addr add {each} dev lo nodad\n" for each in (*TARGETS, *TARGETS6, CANARY, "10.9.9.9")
                )
            )
        self.plug("eth0", wired, WIRED, WIRED6, metric=100)
        # Whoever is not pinned goes this way.
        self.plug(MOBILE_INTERFACE, mobile, MOBILE, MOBILE6, metric=50)

    def plug(self, name: str, far: Namespace, own: str, own6: str, *, metric: int = 100) -> None:
        self.pi.ip(f"link add {name} type veth peer name pi netns {far.name}")
        far.batch(
            f"addr add {GATEWAY}/24 dev pi\naddr add {GATEWAY6}/64 dev pi nodad\n"
            "addr add fe80::1/64 dev pi nodad\nlink set pi up\n"
        )
        self.pi.batch(
            f"addr add {own}/24 dev {name}\naddr add {own6}/64 dev {name} nodad\n"
            f"addr add fe80::2/64 dev {name} nodad\nlink set {name} up\n"
            f"route add default via {GATEWAY} dev {name} metric {metric}\n"
            f"route add default via {GATEWAY6} dev {name} metric {metric}\n"
        )


@contextlib.contextmanager
def twins() -> Iterator[Twins]:
    """Two lines for the time of a test."""
    with namespaces("pi", "wired", "mobile") as made:
        yield Twins(*made)


def plan(line: UplinkName = UplinkName.WIRED, **settings) -> ProbePlan:
    interface = "eth0" if line is UplinkName.WIRED else MOBILE_INTERFACE
    for name in ("targets", "servers"):
        settings[name] = tuple(map(ip_address, settings.get(name, ())))
    return ProbePlan(**{"line": line, "interface": interface, **settings})


@contextlib.asynccontextmanager
async def watching(lines: Twins, *plans: ProbePlan) -> AsyncIterator[tuple[Lookout, Told]]:
    """A lookout that goes by these plans, and what it has told."""
    told: Told = []
    lookout = Lookout(told.append)
    with lines.wired.at_home(), lines.mobile.at_home():
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(lookout.watch())
            lookout.apply(plans)
            yield lookout, told
            task.cancel()
            lookout.close()


async def some(told: Told, what: type, *, least: int = 1, kind: Kind = Kind.ECHO, seconds: float = 5.0):
    """Wait until so many of these have been told since."""
    begin = len(told)

    def found():
        return [each for each in told[begin:] if isinstance(each, what) and each.kind is kind]

    await until(lambda: len(found()) >= least, seconds=seconds)
    return found()


def name_answer(query: bytes, flags: int, *records: str) -> bytes:
    """A DNS answer with these IPv4 addresses."""
    found = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + ip_address(each).packed for each in records)
    return query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + query[12:] + found


@contextlib.contextmanager
def name_server(
    where: Namespace, address: str, reply: Callable[[bytes], bytes | None]
) -> Iterator[list[str]]:
    """A name server; gives the list of those who asked."""
    asked: list[str] = []
    loop = asyncio.get_running_loop()
    with socket_in(where, address, 53, socket.SOCK_DGRAM) as server:
        server.settimeout(0)

        def read() -> None:
            query, who = server.recvfrom(512)
            asked.append(who[0])
            answer = reply(query)
            if answer is not None:
                server.sendto(answer, who)

        loop.add_reader(server, read)
        yield asked
        loop.remove_reader(server)


@contextlib.asynccontextmanager
async def web_server(where: Namespace, address: str, answer: bytes) -> AsyncIterator[list[bytes]]:
    """A server that says the same to everybody; gives the list of the requests."""
    requests: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    listening = socket_in(where, address, 80)
    listening.settimeout(0)
    async with await asyncio.start_server(speak, sock=listening):
        yield requests
