"""The Pi with two lines, and AWS on both: our function over TLS, a resolver, a zone's own name server."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from ddns.endpoint import Doors, Endpoint
from ddns.keys import KeyRing
from ddns.ports import Reached
from ddns.update import Publisher, Settings
from namespace import Namespace, namespaces
from town import socket_in
from twins import name_server

from failberry.adapters.ddnsclient import DdnsClient
from failberry.adapters.ddnsclient import Endpoint as Place
from failberry.config import MOBILE_INTERFACE, Config, Health, Mode, Wired
from failberry.core.names import NamedLine
from failberry.core.snapshot import LineState, UplinkName
from failberry.dns.calls import Publish, Reflect
from failberry.naming import Dns
from failberry.naming import Publisher as Writer
from tests.awskit import chain, dnswire
from tests.awskit.dnswire import Answer, Record
from tests.simulation.naming import Ledger, Zone
from tests.unit.aws.functionurl import FunctionUrl

HOST, FUNCTION, FUNCTION6 = "abc.lambda-url.eu-central-1.on.aws", "62.8.1.1", "2a00:1450:4009::1"
RESOLVER, AUTHORITY = "62.8.1.53", "62.8.1.54"
MINE, MINE6, WIRED = "62.7.40.5", "2a00:1450:4002::5", "198.13.32.5"
NAME = "mobile.example.com"
SECRET = "5a" * 32
CONFIG = Config(
    mode=Mode.STANDBY_GATEWAY,
    wired=Wired(interface="eth0"),
    health=Health(cellular_path="/c-91ab42"),
    dns=Dns(
        zone="example.com",
        name="home.example.com",
        wired_name="wired.example.com",
        cellular_name=NAME,
        url=f"https://{HOST}/",
    ),
)
PLACE = Place(url=f"https://{HOST}/", key="pi")
CELLULAR = NamedLine(
    line=UplinkName.CELLULAR,
    interface=MOBILE_INTERFACE,
    state=LineState.UP,
    addresses=(ip_address(MINE),),
    servers=(ip_address(RESOLVER),),
    session=1,
)


@dataclass
class World:
    """The Pi, two lines that lead to the same addresses, and AWS on each of them."""

    pi: Namespace
    wired: Namespace
    mobile: Namespace
    authority: chain.Authority
    zone: Zone = field(default_factory=lambda: Zone(time.monotonic, random.Random(1)))  # noqa: S311
    probed: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pi.sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2")
        # Whoever is not bound to his line goes by the wired one.
        self._plug("eth0", self.wired, WIRED, "198.13.32.1", metric=50)
        self._plug(MOBILE_INTERFACE, self.mobile, MINE, "62.7.40.1", metric=100)
        self.pi.ip(f"addr add {MINE6}/64 dev {MOBILE_INTERFACE} nodad")
        self.mobile.ip("addr add 2a00:1450:4002::1/64 dev pi nodad")
        self.pi.ip(f"-6 route add default via 2a00:1450:4002::1 dev {MOBILE_INTERFACE}")
        self.reset()

    def _plug(self, name: str, far: Namespace, own: str, gateway: str, *, metric: int) -> None:
        self.pi.ip(f"link add {name} type veth peer name pi netns {far.name}")
        addresses = "".join(f"addr add {each}/32 dev lo\n" for each in (FUNCTION, RESOLVER, AUTHORITY))
        far.batch(
            f"{addresses}addr add {FUNCTION6}/128 dev lo nodad\n"
            f"addr add {gateway}/24 dev pi\nlink set pi up\n"
        )
        self.pi.batch(
            f"addr add {own}/24 dev {name}\nlink set {name} up\n"
            f"route add default via {gateway} dev {name} metric {metric}\n"
        )

    def reset(self) -> None:
        """AWS forgets everything; its clock is right."""
        self.zone.records.clear()
        self.zone.writes.clear()
        self.probed.clear()
        self.ahead = 0
        keys = {"version": 1, "keys": {"pi": {"secrets": [SECRET], "hosts": {NAME: None}}}}

        class Parameter:
            def read(self) -> str:
                return json.dumps(keys)

        def probe(address: object, path: str) -> Reached:
            self.probed.append((str(address), path))
            return Reached("HTTP 200", reachable=True)

        settings = Settings(cooldown=0)
        publisher = Publisher(zone=self.zone, ledger=Ledger(), probe=probe, settings=settings)
        self.endpoint = Endpoint(
            ring=KeyRing(Parameter()),
            publisher=publisher,
            settings=settings,
            doors=Doors(),
            log=lambda _: None,
        )

    def handle(self, event: dict[str, object], _context: object) -> dict[str, object]:
        return self.endpoint.answer(event, now=time.time_ns() // 1_000_000 + self.ahead)

    @contextlib.contextmanager
    def function(
        self, where: Namespace | None = None, address: str = FUNCTION, context: ssl.SSLContext | None = None
    ) -> Iterator[FunctionUrl]:
        """Our function, over TLS, in one of the far ends: the mobile one."""

        async def made() -> FunctionUrl:
            return FunctionUrl(self.handle, address=address, port=443)

        function = (where or self.mobile).run(made)
        context = context or self.context
        function._server.socket = context.wrap_socket(
            function._server.socket, server_side=True, do_handshake_on_connect=False
        )
        with function:
            yield function

    def resolver(self, message: bytes) -> bytes | None:
        """What the line's resolver says."""
        table = {
            (HOST, "A"): FUNCTION,
            (HOST, "AAAA"): FUNCTION6,
            ("example.com", "NS"): "ns-1.example.net.",
            ("ns-1.example.net", "A"): AUTHORITY,
        }
        return _said(message, table, own=False)

    def name_server(self, message: bytes) -> bytes | None:
        """What the zone's own server says."""
        table = {
            (name, "A" if family == 4 else "AAAA"): value
            for (name, family), value in self.zone.records.items()
        }
        return _said(message, table, own=True)

    @contextlib.contextmanager
    def names(self, where: Namespace | None = None) -> Iterator[list[str]]:
        """Both name servers, on the running loop, and who asked them."""
        far = where or self.mobile
        with (
            name_server(far, RESOLVER, self.resolver) as asked,
            name_server(far, AUTHORITY, self.name_server) as too,
        ):
            yield asked
            asked.extend(too)

    def carried(self) -> tuple[int, int]:
        """IPv4 bytes and packets that the mobile line's far end has had so far (IPv6 is never quiet)."""
        counted: dict[str, int] = {}
        for table in ("netstat", "snmp"):
            lines = [line.split() for line in self.mobile.sh("cat", f"/proc/net/{table}").splitlines()]
            for names, values in zip(lines[::2], lines[1::2], strict=True):
                if names[0] in ("Ip:", "IpExt:"):
                    counted |= dict(zip(names[1:], map(int, values[1:]), strict=True))
        octets = counted["InOctets"] + counted["OutOctets"]
        return octets, counted["InReceives"] + counted["OutRequests"]


def _said(message: bytes, table: dict[tuple[str, str], str], *, own: bool) -> bytes | None:
    question = dnswire.read(message)
    if question is None:
        return None
    value = table.get((question.name, question.type))
    records = [Record(name=question.name, type=question.type, ttl=60, value=value)] if value else []
    told = Answer(records=records, authoritative=own)
    return dnswire.write(question, told, recursive=not own, stream=False)


def client(world: World, **settings: object) -> DdnsClient:
    context = lambda: ssl.create_default_context(cafile=str(world.authority.root))  # noqa: E731
    environment = {"CREDENTIALS_DIRECTORY": world.credentials}
    return DdnsClient(**{"environment": environment, "context": context, **settings})


def publish(address: str = MINE, **changes: object) -> Publish:
    call = Publish(
        number=1,
        timeout=5.0,
        over=CELLULAR,
        source=Writer.LAMBDA,
        name=NAME,
        address=ip_address(address),
        own=True,
        probe="/c-91ab42",
    )
    return replace(call, **changes)


def asked(world: World, call: Publish | Reflect, ours: DdnsClient | None = None):
    async def test():
        with world.names():
            made = ours or client(world)
            return await (made.publish if isinstance(call, Publish) else made.reflect)(call, PLACE)

    return world.pi.run(test)


@contextlib.contextmanager
def silent(world: World) -> Iterator[None]:
    """Somebody who takes connections and says nothing."""
    with socket_in(world.mobile, FUNCTION, 443) as deaf:
        deaf.listen(8)
        yield


@contextlib.contextmanager
def cloud_lines(folder: Path) -> Iterator[World]:
    """Two lines to AWS for the time of some tests; its certificates are kept in an empty folder."""
    with namespaces("pi", "wired", "mobile") as made:
        world = World(*made, chain.authority(folder))
        world.context = world.authority.server(HOST)
        yield world


def fresh(world: World, folder: Path) -> World:
    """Nothing of the tests before; the Pi's key is in this folder."""
    world.reset()
    (folder / "ddns-key").write_text(f"{SECRET}\n")
    world.credentials = str(folder)
    return world
